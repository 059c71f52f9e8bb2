"""Everything that knows FastAPI and is no domain: the gate, the caller, sessions, errors, paging."""
