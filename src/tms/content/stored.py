"""Which files belong to the data: what a backup takes along."""

STORED = """
    SELECT storage_key FROM uploads WHERE status <> 'failed'
    UNION SELECT storage_key FROM media
    ORDER BY storage_key
"""
"""SQL for the keys of all files that rows refer to. What lies under a key never changes."""
