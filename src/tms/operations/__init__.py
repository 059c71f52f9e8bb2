"""Audit log, long work that people can watch, and what `tms doctor` runs."""
