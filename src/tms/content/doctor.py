"""Promises about documents and pictures, and about the files behind them."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

from sqlalchemy import Row, or_, select, union_all

from tms.content import files, sandbox
from tms.content.models import Media, StoredFile, Upload
from tms.operations.doctor import WORKER, Check
from tms.platform import clock, db, scanner, storage
from tms.platform.settings import get_settings

FORGOTTEN_AFTER = timedelta(days=3)
"""The daily sweep removes a file a day after the last row that names it; one that failed once comes again."""
# What a failed document leaves behind may be swept at any time.
_STORED = union_all(
    select(Upload.id, Upload.storage_key, Upload.size, Upload.sha256).where(Upload.status != "failed"),
    select(Media.id, Media.storage_key, Media.size, Media.sha256),
).subquery()


async def files_missing() -> AsyncIterator[str]:
    """The ids of uploads and pictures whose file the storage does not have."""
    # Rows first: whatever they name was stored before them.
    rows = await _stored()
    there = {
        key
        for prefix in files.PREFIXES
        async for key in storage.keys_older_than(prefix, timedelta(days=-1))  # those of a moment ago as well
    }
    for row in rows:
        # What is missing may have been swept since the row was read, and its row with it.
        if row.storage_key in there or not await _is_still_named(row.storage_key):
            continue
        if not await storage.exists(row.storage_key):
            yield str(row.id)


async def files_unnamed() -> AsyncIterator[str]:
    """The keys of stored files that no row has named for days."""
    async with db.reading() as session:
        before = clock.db_now() - FORGOTTEN_AFTER
        late = or_(StoredFile.unnamed_since < before, StoredFile.condemned_at < before)
        for key in (await session.execute(select(StoredFile.key).where(late))).scalars().all():
            yield key
    for prefix in files.PREFIXES:
        async for key in storage.keys_older_than(prefix, FORGOTTEN_AFTER):
            if not await _is_known(key) and await storage.exists(key):
                yield key


async def files_changed() -> AsyncIterator[str]:
    """The ids of uploads and pictures whose file has another size or hash than when it was stored. Reads every file."""
    read: dict[str, tuple[int, str] | None] = {}
    for row in await _stored():
        if row.storage_key not in read:
            read[row.storage_key] = await _measure(row.storage_key)
        found = read[row.storage_key]
        # Of one that is not there `files_missing` tells.
        if found is not None and found != (row.size, row.sha256):
            yield str(row.id)


async def _measure(key: str) -> tuple[int, str] | None:
    """Size and SHA-256 of a stored file; None if it is not there."""
    digest, size = hashlib.sha256(), 0
    try:
        async for chunk in storage.read(key):
            digest.update(chunk)
            size += len(chunk)
    except storage.MissingObjectError:
        return None
    return size, digest.hexdigest()


async def _stored() -> list[Row[object, str, int, str]]:
    async with db.reading() as session:
        return list((await session.execute(select(_STORED).order_by(_STORED.c.id))).all())


async def _is_still_named(key: str) -> bool:
    async with db.reading() as session:
        statement = select(_STORED.c.id).where(_STORED.c.storage_key == key)
        return (await session.execute(statement)).first() is not None


async def _is_known(key: str) -> bool:
    async with db.reading() as session:
        return await session.get(StoredFile, key) is not None


async def reading_unconfined() -> AsyncIterator[str]:
    """What readers of documents can reach on this machine."""
    found = await sandbox.confinement()
    if not found.network_isolated:
        yield "the network"
    if not found.files_isolated:
        yield "other files"


async def scanner_silent() -> AsyncIterator[str]:
    """The address of a virus scanner that does not answer."""
    address = get_settings().clamd_url
    if address is not None and not await scanner.answers():
        yield address


CHECKS = [
    Check(
        "content.scanner_answers",
        "The virus scanner answers, where one is named.",
        scanner_silent,
        "Start ClamAV's daemon, or correct CLAMD_URL; until then nobody can upload.",
    ),
    Check(
        "content.reading_confined",
        "Documents are read without reach of the network and of other files.",
        reading_unconfined,
        "Reading has its limits of memory and time all the same. Let the service filter system calls or make user "
        "namespaces (some containers forbid both), and use Linux 5.13 or newer with Landlock.",
        is_note=True,
    ),
    Check(
        "content.pictures_exist",
        "Every picture that a section or an outline names is there.",
        """
        SELECT DISTINCT named.section_id::text
        FROM (
            SELECT id AS section_id, (regexp_matches(content, 'src="media:([0-9a-f-]{36})"', 'g'))[1]::uuid AS media_id
            FROM (
                SELECT id, content FROM course_sections UNION ALL SELECT id, content FROM upload_lessons
            ) AS shown WHERE content LIKE '%media:%'
        ) AS named
        LEFT JOIN media ON media.id = named.media_id
        WHERE media.id IS NULL
        """,
        "Edit these sections: remove the pictures that do not show, or upload the document again.",
    ),
    Check(
        "content.uploads_end",
        "An upload comes to its end within an hour.",
        """
        SELECT id::text FROM uploads
        WHERE status IN ('queued', 'processing') AND created_at < tms_now() - interval '1 hour'
        """,
        WORKER,
    ),
    Check(
        "content.uploads_made_sections",
        "A completed upload has made sections, all of them in its course; one that came to nothing has made none.",
        """
        SELECT uploads.id::text FROM uploads
        LEFT JOIN upload_sections AS made ON made.upload_id = uploads.id
        LEFT JOIN course_sections AS sections
            ON sections.id = made.section_id AND sections.course_id = uploads.course_id
        GROUP BY uploads.id
        HAVING CASE WHEN uploads.status IN ('completed', 'replaced')
            THEN count(made.section_id) = 0 OR count(made.section_id) <> count(sections.id)
            ELSE uploads.status IN ('failed', 'needs_review') AND count(made.section_id) > 0 END
        """,
    ),
    Check(
        "content.outlines_wait",
        "An upload has an outline if, and only if, it waits to be applied, which it does for seven days.",
        """
        SELECT uploads.id::text FROM uploads
        WHERE (status = 'needs_review') <> EXISTS (
            SELECT FROM upload_lessons AS lessons WHERE lessons.upload_id = uploads.id)
        OR expires_at < tms_now() - interval '3 days'
        """,
        WORKER,
    ),
    Check(
        "content.editions_follow",
        "What a new edition has replaced is not the newest edition any more.",
        """
        SELECT newer.id::text FROM uploads AS newer JOIN uploads AS older ON older.id = newer.replaces_id
        WHERE newer.status IN ('completed', 'replaced') AND older.status <> 'replaced'
        """,
    ),
    Check(
        "content.work_agrees",
        "The work that people watch says of an upload what the upload itself says.",
        """
        SELECT uploads.id::text FROM uploads JOIN jobs ON jobs.id = uploads.job_id
        WHERE (uploads.status IN ('completed', 'replaced', 'needs_review') AND jobs.state <> 'succeeded')
        OR (uploads.status = 'failed' AND jobs.state <> CASE
            WHEN uploads.error_code IN ('review_expired', 'review_discarded') THEN 'succeeded' ELSE 'failed' END)
        """,
    ),
    Check(
        "content.files_agree",
        "Documents and pictures have the size and the SHA-256 of the file that they share, and it is not being removed.",
        """
        SELECT named.id::text
        FROM (
            SELECT id, storage_key, size, sha256 FROM uploads WHERE status <> 'failed'
            UNION ALL SELECT id, storage_key, size, sha256 FROM media
        ) AS named
        JOIN stored_files ON stored_files.key = named.storage_key
        WHERE (stored_files.size, stored_files.sha256) <> (named.size, named.sha256)
           OR stored_files.condemned_at IS NOT NULL
        """,
    ),
    Check(
        "content.files_exist",
        "Every document and picture that is known has its file in the storage.",
        files_missing,
        "Bring these files back from a backup of the storage, or upload the documents again.",
    ),
    Check(
        "content.files_have_rows",
        "A file that nothing names is removed from the storage within three days.",
        files_unnamed,
        WORKER,
    ),
    Check(
        "content.files_unchanged",
        "Every stored file has the size and the SHA-256 that it was stored with.",
        files_changed,
        "Bring these files back from a backup of the storage, and look into what wrote to it.",
        reads_files=True,
    ),
]
