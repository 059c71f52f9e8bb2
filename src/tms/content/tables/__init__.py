"""Reads workbooks and tables as text: each sheet a lesson with a table."""
