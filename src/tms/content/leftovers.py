"""What is left over: pictures that no section names any more, and files in storage that no row refers to.

Each is kept for a day first: an author may undo an edit, and an upload may be between its file and its row.
"""

from datetime import timedelta

from sqlalchemy import delete, select, text

from tms.content.models import Media, Upload
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
    """Remove files older than a day that no row refers to; gives their number."""
    removed = 0
    for prefix in ("originals", "media"):
        batch: list[str] = []
        async for key in storage.keys_older_than(prefix, GRACE):
            batch.append(key)
            if len(batch) == AT_ONCE:
                removed += await _remove_unknown(prefix, batch)
                batch = []
        removed += await _remove_unknown(prefix, batch)
    return removed


async def _remove_unknown(prefix: str, keys: list[str]) -> int:
    """No key is ever given to a second row, so that one which nobody refers to now will never be referred to."""
    known = await (_known_originals(keys) if prefix == "originals" else _known_media(keys))
    unknown = [key for key in keys if key not in known]
    for key in unknown:
        failpoints.here("content.sweep.before_removal")
        await storage.delete(key)
        failpoints.here("content.sweep.after_removal")
    return len(unknown)


async def _known_originals(keys: list[str]) -> set[str]:
    """The original of a failed upload is of no use: it must be uploaded again."""
    async with db.reading() as session:
        statement = select(Upload.storage_key).where(Upload.storage_key.in_(keys), Upload.status != "failed")
        return set((await session.execute(statement)).scalars())


async def _known_media(keys: list[str]) -> set[str]:
    async with db.reading() as session:
        statement = select(Media.storage_key).where(Media.storage_key.in_(keys))
        known = set((await session.execute(statement)).scalars())
        at_work = select(Upload.id).where(Upload.status.in_(("queued", "processing")))
        unfinished = {str(upload_id) for upload_id in (await session.execute(at_work)).scalars()}
    return known | {key for key in keys if key.split("/")[1] in unfinished}
