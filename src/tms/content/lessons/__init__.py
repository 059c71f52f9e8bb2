"""What all readers of documents share: their common result, its division into lessons, and the order of its markup."""
