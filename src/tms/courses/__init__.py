"""Courses, their sections, and who must take them by when."""
