"""Documents and media becoming sections of courses."""
