"""Pages, by screen area; they call the rooms in-process."""
