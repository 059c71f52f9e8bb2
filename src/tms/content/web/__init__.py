"""Web pages become lessons; books (EPUB) and Markdown, which are made of the same elements, use what is here."""
