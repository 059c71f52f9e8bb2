"""Reads PowerPoint presentations."""
