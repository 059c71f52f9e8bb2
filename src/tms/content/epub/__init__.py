"""Books in EPUB format become lessons."""
