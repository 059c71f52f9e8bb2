"""Outlines that wait: looked over, given up, forgotten after some days. What their pictures leave is swept."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import queries
from tms.content.errors import (
    ArchivedCourseError,
    CancelledError,
    DiscardedError,
    DocumentError,
    NotWaitingError,
    ReviewExpiredError,
    UploadNotFoundError,
)
from tms.content.models import Upload, UploadLesson
from tms.courses import queries as courses
from tms.courses.errors import CourseNotFoundError
from tms.operations import audit
from tms.platform import clock, errors
from tms.platform.caller import Caller

DISCARDED, EXPIRED, CANCELLED = DiscardedError(), ReviewExpiredError(), CancelledError()
_NOT_WAITING = {
    "queued": "The document is still being read; wait until its outline is there.",
    "processing": "The document is still being read; wait until its outline is there.",
    "completed": "This was applied already; nothing was changed.",
    "replaced": "This was applied already, and another upload has taken its place since.",
}


async def lock(
    session: AsyncSession, upload_id: UUID, caller: Caller, *, expected: int | None = None
) -> RowMapping:
    """Lock the course and then an upload whose outline waits.

    Raises `UploadNotFoundError`, 412 where `expected` is not the course's version, `ArchivedCourseError`, and
    `NotWaitingError` that says what has become of the upload.
    """
    found = await queries.editable(session, upload_id, caller)
    try:
        course = await courses.lock(session, found["course_id"], caller)
    except CourseNotFoundError as error:
        raise UploadNotFoundError from error
    statement = (
        select(Upload.__table__, (Upload.expires_at < clock.db_now()).label("is_over"))
        .where(Upload.id == upload_id)
        .with_for_update()
    )
    upload = (await session.execute(statement)).mappings().one_or_none()
    if upload is None:
        raise UploadNotFoundError
    if upload["status"] != "needs_review":
        raise NotWaitingError(_NOT_WAITING.get(upload["status"]) or upload["error_detail"])
    if upload["is_over"]:
        raise NotWaitingError(EXPIRED.detail)
    if course["status"] == "archived":
        raise ArchivedCourseError
    errors.check_version(expected, course["version"])
    return upload


async def discard(session: AsyncSession, upload_id: UUID, caller: Caller) -> None:
    """Give up an outline that waits; the course is as it was."""
    upload = await lock(session, upload_id, caller)
    await give_up(session, [upload_id], DISCARDED)
    await audit.record(
        session,
        actor=caller.id,
        action="content.discarded",
        object_type="course",
        object_id=upload["course_id"],
        changes={"uploadId": str(upload_id)},
    )


async def give_up(session: AsyncSession, upload_ids: Sequence[UUID], why: DocumentError) -> None:
    """These uploads come to nothing; what waited of them goes."""
    await session.execute(
        update(Upload)
        .where(Upload.id.in_(upload_ids))
        .values(
            status="failed",
            error_code=why.code,
            error_detail=why.detail,
            leased_until=None,
            expires_at=None,
            finished_at=clock.db_now(),
        )
    )
    await clear(session, upload_ids)


async def clear(session: AsyncSession, upload_ids: Sequence[UUID]) -> None:
    """Remove outlines that do not wait any more."""
    await session.execute(delete(UploadLesson).where(UploadLesson.upload_id.in_(upload_ids)))


async def forget_expired(session: AsyncSession) -> int:
    """Give up the outlines whose time is over; how many."""
    statement = (
        select(Upload.id)
        .where(Upload.status == "needs_review", Upload.expires_at < clock.db_now())
        .order_by(Upload.id)
        .with_for_update(skip_locked=True)
    )
    over = list((await session.execute(statement)).scalars())
    if over:
        await give_up(session, over, EXPIRED)
    return len(over)


async def cancel(session: AsyncSession, job_id: UUID) -> None:
    """Stop the reading of the upload that this long work is about; whoever is at it learns it from its next beat."""
    statement = (
        select(Upload.id)
        .where(Upload.job_id == job_id, Upload.status.in_(queries.UNFINISHED))
        .with_for_update()
    )
    found = list((await session.execute(statement)).scalars())
    if found:
        await give_up(session, found, CANCELLED)
