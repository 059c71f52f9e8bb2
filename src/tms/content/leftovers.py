"""What is left over: pictures that no section names any more, and files in storage that no row names.

Each is kept for a day first: an author may undo an edit, and an upload may be between its file and its row.
"""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import delete, select, text

from tms.content import files
from tms.content.models import Media, StoredFile
from tms.platform import clock, db, failpoints, storage

failpoints.declare("content.sweep.before_removal", "content.sweep.after_removal")

GRACE = timedelta(days=1)
AT_ONCE = 500
# Archived sections count too: people may still look at what they learnt; and so does what waits to become sections.
_UNUSED = text("""
    WITH named AS MATERIALIZED (
        SELECT DISTINCT (regexp_matches(content, 'src="media:([0-9a-f-]{36})"', 'g'))[1]::uuid AS id
        FROM (
            SELECT content FROM course_sections UNION ALL SELECT content FROM upload_lessons
        ) AS shown WHERE content LIKE '%media:%'
    )
    UPDATE media SET unused_since = CASE WHEN used THEN NULL ELSE tms_now() END
    FROM (SELECT media.id, EXISTS (SELECT 1 FROM named WHERE named.id = media.id) AS used FROM media) AS found
    WHERE found.id = media.id AND (media.unused_since IS NULL) <> found.used
""")


async def sweep_media() -> int:
    """Note which pictures are used; remove the rows of those unused for a day. Their files go with `sweep_storage`."""
    async with db.transaction() as session:
        await session.execute(_UNUSED)
        removed = await session.execute(
            delete(Media).where(Media.unused_since < clock.db_now() - GRACE).returning(Media.id)
        )
        return len(removed.all())


async def sweep_storage() -> int:
    """Remove files that no row has named for a day; gives their number."""
    return await files.sweep(GRACE) + await _sweep_strangers()


async def _sweep_strangers() -> int:
    """Files older than a day that `stored_files` does not know: the row comes first, so that it will never know them."""
    removed = 0
    for prefix in files.PREFIXES:
        batch: list[str] = []
        async for key in storage.keys_older_than(prefix, GRACE):
            batch.append(key)
            if len(batch) == AT_ONCE:
                removed += await _remove_unknown(batch)
                batch = []
        removed += await _remove_unknown(batch)
    return removed


async def _remove_unknown(keys: Collection[str]) -> int:
    async with db.reading() as session:
        statement = select(StoredFile.key).where(StoredFile.key.in_(keys))
        unknown = set(keys) - set((await session.execute(statement)).scalars())
    for key in unknown:
        failpoints.here("content.sweep.before_removal")
        await storage.delete(key)
        failpoints.here("content.sweep.after_removal")
    return len(unknown)
