"""The command line: assembly only."""
