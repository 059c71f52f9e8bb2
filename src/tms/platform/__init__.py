"""What every room stands on: settings, database, queue, storage, mail, clock, ids, logs, errors. It knows no domain and no web."""
