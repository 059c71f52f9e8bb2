"""Editions of a document, put beside a course without a reader: an upload whose outline waits, made directly."""

import hashlib
import tempfile
from pathlib import Path
from uuid import UUID

from sqlalchemy import insert

from tms.content.models import StoredFile, Upload, UploadLesson
from tms.content.processing import REVIEW
from tms.operations.models import Job
from tms.platform import clock, db, storage
from tms.platform.ids import new_id


def work_of(upload_id):
    """The id of the long work that made the outline."""
    return UUID(int=upload_id.int ^ 1)


async def waiting(course_id, by, lessons, *, replaces=None, status="needs_review", original=None):
    """An outline of `(title, content)` or `(title, content, level)` that waits; the upload's id.

    With the status `processing` somebody seems to be at it. The bytes of the `original` are stored; without it, any.
    """
    upload_id = new_id()
    is_read = status == "needs_review"
    original = original or upload_id.bytes
    digest = hashlib.sha256(original).hexdigest()
    key = f"sha256/{upload_id}"
    with tempfile.NamedTemporaryFile() as file:
        file.write(original)
        file.flush()
        await storage.put(key, Path(file.name))
    async with db.transaction() as session:
        await session.execute(
            insert(Job).values(
                id=work_of(upload_id),
                kind="content.process",
                state="succeeded" if is_read else "running",
                created_by=by.id,
            )
        )
        await session.execute(insert(StoredFile).values(key=key, sha256=digest, size=len(original)))
        await session.execute(
            insert(Upload).values(
                id=upload_id,
                course_id=course_id,
                file_name="a.docx",
                size=len(original),
                sha256=digest,
                storage_key=key,
                status=status,
                review=True,
                replaces_id=replaces,
                expires_at=clock.db_now() + REVIEW if is_read else None,
                job_id=work_of(upload_id),
                created_by=by.id,
            )
        )
        for place, (title, content, *level) in enumerate(lessons, start=1):
            await session.execute(
                insert(UploadLesson).values(
                    id=new_id(),
                    upload_id=upload_id,
                    place=place,
                    title=title,
                    level=level[0] if level else 1,
                    content=content,
                    minutes=1,
                    words=1,
                    images=0,
                    confidence=1,
                )
            )
    return upload_id
