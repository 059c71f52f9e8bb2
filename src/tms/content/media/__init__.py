"""Reads pictures, videos and sound recordings: each a lesson that shows or plays it."""
