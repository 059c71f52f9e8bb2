"""How fast TMS is, beside the specification's own style and beside PostgreSQL's own limit, in one run: `make bench`."""
