"""PDFs become lessons. A PDF knows where signs stand on a page; lines, paragraphs and headings are found from that."""
