"""Backups: the database as one moment saw it, and the files that it names, in one file.

A backup holds data and no programme: tables are written as PostgreSQL's COPY writes them, and a restore makes them by our own
migrations. So a backup moves between versions of PostgreSQL, and no file, whoever has made it, brings SQL that is run.
"""
