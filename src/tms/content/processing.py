"""The step that reads an uploaded document and makes sections of it, all of them or none, or an outline to look over.

The step takes a lease on the upload's row, reads the document in a child process, puts its pictures into storage, and
records the outcome. Whatever crashes on the way leaves the course as it was; the next step begins anew and finds its
pictures in storage. Storage is never called within a transaction.
"""

import asyncio
import logging
import re
import shutil
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import applying, files, leases, plans, queries, sandbox
from tms.content.errors import ArchivedCourseError, GivenUpError, LostFileError
from tms.content.handover import Extraction, Lesson
from tms.content.models import Media, Upload, UploadLesson
from tms.content.pieces import Row
from tms.courses import html as lesson_html
from tms.courses import queries as courses_queries
from tms.operations import service as operations
from tms.platform import clock, db, failpoints, storage
from tms.platform.errors import DomainError, UnavailableError
from tms.platform.ids import new_id

logger = logging.getLogger(__name__)

failpoints.declare(
    "content.process.before_reading",
    "content.process.after_reading",
    "content.process.recorded",
)

REVIEW = timedelta(days=7)
"""How long an outline waits for somebody's decision."""
MOST_ATTEMPTS = 20
_FOLDER_PREFIX = "tms-upload-"
_PICTURE = re.compile(r'(<(?:img|audio|video)(?: [a-z]+="[^"]*")*? src=")media:(\d+)(?=")')


async def step(upload_id: UUID) -> None:
    """Bring one upload to its end, unless somebody else is at it or it has ended.

    What is wrong with the document is recorded, not raised; raises `UnavailableError` when trying again later is right.
    """
    async with AsyncExitStack() as place:
        # In line before the lease: what waits here, another process may take.
        await place.enter_async_context(sandbox.PLACES)
        upload = await leases.take(upload_id)
        if upload is not None:
            await _carry_out(upload, place)


async def _carry_out(upload: RowMapping, place: AsyncExitStack) -> None:
    try:
        await _process(upload, place)
    except UnavailableError:
        await leases.release(upload)
        raise
    except DomainError as error:
        await _record_failure(upload, error)
    except leases.LeaseLostError:
        logger.warning("an upload was cancelled or taken over", extra={"upload": str(upload["id"])})
    except Exception:
        # Not the document's fault; whoever comes next need not wait for the lease to end.
        await leases.release(upload)
        raise


async def _process(upload: RowMapping, place: AsyncExitStack) -> None:
    if upload["attempts"] > MOST_ATTEMPTS:
        raise GivenUpError
    async with leases.beating(upload):
        extraction, keys = await _read(upload, place)
    # From here on the row's own lock decides between us and whoever cancels.
    await _record_success(upload, extraction, keys)
    failpoints.here("content.process.recorded")


async def _read(upload: RowMapping, place: AsyncExitStack) -> tuple[Extraction, dict[int, str]]:
    """What the document holds, and the keys at which its pictures are kept; the child's files are gone again.

    The place is left once the document was read: what follows is for the storage and the database to do.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=_FOLDER_PREFIX))
    try:
        original = folder / "original"
        await _fetch(upload, original)

        reporter = operations.Reporter(upload["job_id"])

        async def progress(fraction: float, message: str) -> None:
            await reporter.report(progress=fraction * 0.8, message=message)

        failpoints.here("content.process.before_reading")
        async with sandbox.extracting(
            original, filename=upload["file_name"], progress=progress
        ) as extraction:
            await place.aclose()
            failpoints.here("content.process.after_reading")
            return extraction, await _keep_pictures(upload, extraction, reporter)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _fetch(upload: RowMapping, target: Path) -> None:
    try:
        await storage.fetch(upload["storage_key"], target)
    except storage.MissingObjectError as error:
        raise LostFileError from error


async def _keep_pictures(
    upload: RowMapping, extraction: Extraction, reporter: operations.Reporter
) -> dict[int, str]:
    """The keys of what is shown by its number. A later try finds what an earlier one has stored."""
    # What plays the document itself shares its file.
    keys = {0: upload["storage_key"]} if extraction.original else {}
    claimed = await files.claim({picture.sha256: picture.size for picture in extraction.pictures})
    count = len(extraction.pictures)
    for number, picture in enumerate(extraction.pictures, start=1):
        keys[picture.number] = claimed[picture.sha256]
        await files.store(claimed[picture.sha256], picture.path, size=picture.size)
        await reporter.report(
            progress=0.8 + 0.15 * number / count, message=f"Storing picture {number} of {count}"
        )
    return keys


async def _record_success(upload: RowMapping, extraction: Extraction, keys: dict[int, str]) -> None:
    media = {number: new_id() for number in keys}
    # A long document takes a while to clean: in a thread, so that others are served, and before anything is locked.
    if upload["review"]:
        outline = await asyncio.to_thread(_outline, upload["id"], extraction, media)
    else:
        drafts = await asyncio.to_thread(_drafts, extraction, media)
    async with db.transaction() as session:
        # Courses are locked before anything that belongs to them.
        course = await courses_queries.lock(session, upload["course_id"], None)
        if course["status"] == "archived":
            raise ArchivedCourseError
        # The upload's row comes next: whoever cancels it waits here, or has been faster.
        values = {"status": "needs_review", "expires_at": clock.db_now() + REVIEW}
        if not upload["review"]:
            values = {"status": "completed", "finished_at": clock.db_now()}
        recorded = await session.execute(
            leases.mine(upload)
            .values(**values, warnings=list(extraction.warnings), leased_until=None)
            .returning(Upload.id)
        )
        if recorded.one_or_none() is None:
            raise leases.LeaseLostError
        await files.name(session, keys.values())
        await _insert_media(session, upload, extraction, media, keys)
        if upload["review"]:
            await session.execute(insert(UploadLesson), outline)
        else:
            await applying.append(session, upload, drafts, by=upload["created_by"])
        await _tell(session, upload, extraction)


def _drafts(extraction: Extraction, media: dict[int, UUID]) -> list[plans.Draft]:
    return plans.drafts([_row(lesson, media) for lesson in extraction.lessons], None)


def _row(lesson: Lesson, media: dict[int, UUID]) -> Row:
    """A lesson as it was read, to be taken whole."""
    return Row(new_id(), lesson.title, lesson.level, _with_ids(lesson.html, media), lesson.minutes)


def _outline(upload_id: UUID, extraction: Extraction, media: dict[int, UUID]) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "upload_id": upload_id,
            "place": place,
            "title": lesson.title,
            "level": lesson.level,
            "content": lesson_html.sanitise_waiting(_with_ids(lesson.html, media)),
            "minutes": lesson.minutes,
            "words": lesson.words,
            "images": len(lesson.pictures),
            "page_from": lesson.page_from,
            "page_to": lesson.page_to,
            "confidence": lesson.confidence,
            "warnings": list(lesson.warnings),
        }
        for place, lesson in enumerate(extraction.lessons, start=1)
    ]


async def _insert_media(
    session: AsyncSession,
    upload: RowMapping,
    extraction: Extraction,
    media: dict[int, UUID],
    keys: dict[int, str],
) -> None:
    rows = [
        {
            "id": media[one.number],
            "upload_id": upload["id"],
            "media_type": one.content_type,
            "size": one.size,
            "sha256": one.sha256,
            "width": one.width,
            "height": one.height,
            "storage_key": keys[one.number],
        }
        for one in extraction.pictures
    ]
    if extraction.original:
        shared = {name: upload[name] for name in ("size", "sha256", "storage_key")}
        of_its_own = {
            "id": media[0],
            "upload_id": upload["id"],
            "media_type": extraction.original.content_type,
            "width": extraction.original.width,
            "height": extraction.original.height,
        }
        rows.append(shared | of_its_own)
    if rows:
        await session.execute(insert(Media), rows)


def _with_ids(html: str, media: dict[int, UUID]) -> str:
    """Pictures by the ids of their rows; a number that no picture has is none of ours, and the sanitiser drops it."""

    def name(found: re.Match[str]) -> str:
        media_id = media.get(int(found[2]))
        return found[0] if media_id is None else f"{found[1]}media:{media_id}"

    return _PICTURE.sub(name, html)


async def _tell(session: AsyncSession, upload: RowMapping, extraction: Extraction) -> None:
    count = len(extraction.lessons)
    result = {
        "uploadId": str(upload["id"]),
        "courseId": str(upload["course_id"]),
        "extractedSections": 0 if upload["review"] else count,
        "warnings": list(extraction.warnings),
    }
    made = "lesson" if count == 1 else "lessons"
    message = f"Found {count} {made}; look the outline over" if upload["review"] else f"Made {count} sections"
    await operations.succeed(session, upload["job_id"], result=result, message=message)


async def _record_failure(upload: RowMapping, error: DomainError) -> None:
    async with db.transaction() as session:
        recorded = await session.execute(
            leases.mine(upload)
            .values(
                status="failed",
                error_code=error.code,
                error_detail=error.detail,
                leased_until=None,
                finished_at=clock.db_now(),
            )
            .returning(Upload.id)
        )
        if recorded.one_or_none() is not None or await queries.upload(session, upload["id"]) is None:
            await operations.fail(session, upload["job_id"], code=error.code, detail=error.detail)
