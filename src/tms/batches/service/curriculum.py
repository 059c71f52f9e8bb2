"""The courses of a batch: everybody in it gets them, with the batch's due date."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches import due, queries
from tms.batches.errors import BatchCourseNotFoundError
from tms.batches.models import BatchCourse, BatchStudent
from tms.batches.schemas import BatchCourseIn
from tms.batches.service.seats import check_open, lock_one
from tms.courses import assignments
from tms.courses.errors import CourseNotFoundError
from tms.courses.models import Course
from tms.operations import audit
from tms.platform.caller import Caller


async def put_course(
    session: AsyncSession, batch_id: UUID, course_id: UUID, wanted: BatchCourseIn, *, caller: Caller
) -> dict[str, Any]:
    """Give the batch a course, or a course that it has its new due date, for everybody at once.

    Raises `BatchNotFoundError`, `CourseNotFoundError` for what the caller may not see, `BatchCancelledError`, and
    `CourseArchivedError` for a new course; the date of one that was archived since can still be changed.
    """
    await queries.one(session, caller, batch_id)
    await _check_visible(session, course_id, caller)
    batch = await lock_one(session, batch_id)
    check_open(batch)
    due_at = due.instant(wanted.due_date, batch.timezone)
    present = (
        await session.execute(select(BatchCourse.due_at).where(*_is(batch_id, course_id)))
    ).one_or_none()
    if present is None:
        await _add(session, batch_id, course_id, due_at, by=caller.id)
    elif present.due_at != due_at:
        await session.execute(update(BatchCourse).where(*_is(batch_id, course_id)).values(due_at=due_at))
        await assignments.set_batch_due(session, batch_id=batch_id, course_id=course_id, due_at=due_at)
        await _note(
            session,
            caller.id,
            "batch.course_changed",
            batch_id,
            {"course": [str(course_id), str(course_id)], "dueDate": [_told(present.due_at), _told(due_at)]},
        )
    return await queries.course_of(session, batch_id, course_id)


async def remove_course(session: AsyncSession, batch_id: UUID, course_id: UUID, *, caller: Caller) -> None:
    """Take a course from the batch; who has it from elsewhere too keeps it, and what was learnt is kept for all."""
    await queries.one(session, caller, batch_id)
    await lock_one(session, batch_id)
    removed = await session.execute(
        delete(BatchCourse).where(*_is(batch_id, course_id)).returning(BatchCourse.course_id)
    )
    if removed.one_or_none() is None:
        raise BatchCourseNotFoundError
    await assignments.drop_sources(
        session, batch_id=batch_id, student_ids=None, course_ids=[course_id], by=caller.id
    )
    await _note(session, caller.id, "batch.course_removed", batch_id, {"course": [str(course_id), None]})


async def catch_up(session: AsyncSession, batch_id: UUID) -> None:
    """Give everybody in a batch what they have not got of its courses.

    Whoever joined while a course was archived went without it; this is for when the course was published again.
    """
    batch = await lock_one(session, batch_id)
    if batch.status == "cancelled":
        return
    for course_id, due_at, student_ids in await queries.lacking(session, batch_id):
        await assignments.assign(
            session,
            course_ids=[course_id],
            student_ids=student_ids,
            batch_id=batch_id,
            due_at=due_at,
            by=None,
            skip_archived=True,
        )


async def _add(
    session: AsyncSession, batch_id: UUID, course_id: UUID, due_at: datetime | None, *, by: UUID
) -> None:
    members = (
        await session.execute(select(BatchStudent.student_id).where(BatchStudent.batch_id == batch_id))
    ).scalars()
    # The assignment locks the course's row; a row that refers to it before would take a weaker lock first.
    await assignments.assign(
        session, course_ids=[course_id], student_ids=list(members), batch_id=batch_id, due_at=due_at, by=by
    )
    await session.execute(insert(BatchCourse).values(batch_id=batch_id, course_id=course_id, due_at=due_at))
    await _note(
        session,
        by,
        "batch.course_added",
        batch_id,
        {"course": [None, str(course_id)], "dueDate": [None, _told(due_at)]},
    )


async def _check_visible(session: AsyncSession, course_id: UUID, caller: Caller) -> None:
    statement = select(Course.id).where(Course.id == course_id, queries.shows_course(caller))
    if (await session.execute(statement)).one_or_none() is None:
        raise CourseNotFoundError


def _is(batch_id: UUID, course_id: UUID) -> tuple[Any, Any]:
    return BatchCourse.batch_id == batch_id, BatchCourse.course_id == course_id


def _told(due_at: datetime | None) -> str | None:
    return due_at.isoformat() if due_at else None


async def _note(
    session: AsyncSession, by: UUID, action: str, batch_id: UUID, changes: dict[str, Any]
) -> None:
    await audit.record(
        session, actor=by, action=action, object_type="batch", object_id=batch_id, changes=changes
    )
