"""Who must take which course, and by when.

A student has one assignment of a course for life, and it has sources: batches, or by hand. The earliest date of the
sources holds unless an extension was granted; the last source gone closes the assignment and keeps its record.

Locks are taken in this order: the courses' rows by id (shared: an archiving waits, other assigners do not), then the
assignments' rows by student and course. Callers that hold a batch's row have locked it before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import func, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses import sources
from tms.courses.errors import (
    AssignmentClosedError,
    AssignmentNotFoundError,
    CourseArchivedError,
    NotAssignedByHandError,
)
from tms.courses.models import Assignment
from tms.operations import audit
from tms.platform import clock, queue
from tms.platform.errors import FieldError, InvalidError, missing

ANNOUNCE_AFTER = timedelta(seconds=60)
"""So long is waited for more courses of a student, so that several come in one mail."""

_ANNOUNCING = 7_301_954_112_360_481_006
"""Key of the advisory lock around planning the announcement; any constant will do."""

Due = Mapping[UUID, datetime | None] | datetime | None
"""One date for all, or the date of each course; none: no date."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """What `assign` did, by ids of assignments; `kept` were open before and got the source or its new date."""

    created: tuple[UUID, ...] = ()
    reopened: tuple[UUID, ...] = ()
    kept: tuple[UUID, ...] = ()

    @property
    def all(self) -> tuple[UUID, ...]:
        """Every assignment that now has the source."""
        return self.created + self.reopened + self.kept


class Changes(TypedDict, total=False):
    """What may be changed of one assignment; what is left out stays as it is."""

    due_at: datetime | None
    """The date of the source by hand."""
    extended_to: datetime | None
    """Holds instead of every other date; none takes the extension back."""
    reason: str | None
    """Of the extension, at most 500 characters."""
    waived: bool


async def assign(
    session: AsyncSession,
    *,
    course_ids: Sequence[UUID],
    student_ids: Sequence[UUID],
    batch_id: UUID | None,
    due_at: Due,
    by: UUID | None,
    skip_archived: bool = False,
) -> Assigned:
    """Give every student every course, on account of a batch or (`batch_id` none) by hand.

    What they have already gets the source as well, or its new date; what had ended is opened again under its old id,
    without the old extension or waiver. An unknown course raises 422. An archived course raises `CourseArchivedError`;
    with `skip_archived` it opens no assignment, but the learners it has get the source too, so that a student who
    moves between batches keeps it.
    """
    courses = await sources.lock_courses(session, course_ids)
    if len(courses) < len(set(course_ids)):
        raise missing("courseId", "The course")
    archived = {course_id for course_id, status in courses.items() if status == "archived"}
    if archived and not skip_archived:
        raise CourseArchivedError
    students = sorted(set(student_ids))
    pairs = {(student, course) for student in students for course in courses.keys() - archived}
    pairs |= await sources.open_pairs(session, students, archived)
    if not pairs:
        return Assigned()
    rows = await sources.make_or_lock(session, sorted(pairs), by)
    # Closed between being looked for and being locked: its learner has just left.
    rows = [row for row in rows if row.closed_at is None or row.course_id not in archived]
    result = Assigned(
        created=tuple(row.id for row in rows if row.created),
        reopened=tuple(row.id for row in rows if row.closed_at is not None),
        kept=tuple(row.id for row in rows if not row.created and row.closed_at is None),
    )
    await sources.reopen(session, result.reopened, by)
    dates = due_at if isinstance(due_at, Mapping) else dict.fromkeys(courses, due_at)
    await sources.put(session, [(row.id, dates.get(row.course_id)) for row in rows], batch_id)
    await sources.settle_due(session, result.all)
    opened = [row for row in rows if row.created or row.closed_at is not None]
    await _record(session, "course.assigned", opened, batch_id, by)
    if any(courses[row.course_id] == "published" for row in opened):
        await announce_soon(session)
    return result


async def drop_sources(
    session: AsyncSession,
    *,
    batch_id: UUID | None,
    student_ids: Sequence[UUID] | None,
    course_ids: Sequence[UUID] | None,
    by: UUID | None = None,
) -> int:
    """Take back a batch's sources, or (`batch_id` none) those by hand; none as students or courses means all of them.

    An assignment without a source is closed and keeps its record. Gives back how many sources there were.
    """
    if batch_id is None and (student_ids is None or course_ids is None):
        raise ValueError("sources by hand are dropped for named students and courses")
    ids = await sources.lock(session, batch_id, student_ids, course_ids)
    if not ids:
        return 0
    await sources.drop(session, ids, batch_id)
    closed = await sources.close_without(session, ids)
    await sources.settle_due(session, ids)
    await _record(session, "course.withdrawn", closed, batch_id, by)
    return len(ids)


async def set_batch_due(
    session: AsyncSession, *, batch_id: UUID, course_id: UUID, due_at: datetime | None
) -> None:
    """The course's new date for everybody who has it from this batch."""
    ids = await sources.lock(session, batch_id, None, [course_id])
    await sources.set_due(session, ids, batch_id, due_at)
    await sources.settle_due(session, ids)


async def change(session: AsyncSession, assignment_id: UUID, *, by: UUID, **changes: Unpack[Changes]) -> None:
    """Change one student's dates, or let them off (`waived`).

    Raises `AssignmentNotFoundError`, `AssignmentClosedError`, `NotAssignedByHandError` where `due_at` is given and
    every source is a batch, and 422 for an extension that is not later than the date it extends.
    """
    found = await sources.lock_one(session, assignment_id)
    if found is None:
        raise AssignmentNotFoundError
    if found.closed_at is not None:
        raise AssignmentClosedError
    if "due_at" in changes:
        changed = await sources.set_due(session, [assignment_id], None, changes["due_at"])
        if not changed:
            raise NotAssignedByHandError
    values = await _extension(session, assignment_id, changes, by)
    if "waived" in changes:
        values["waived_at"] = (
            func.coalesce(Assignment.waived_at, clock.db_now()) if changes["waived"] else null()
        )
    if values:
        await session.execute(update(Assignment).where(Assignment.id == assignment_id).values(values))
    await sources.settle_due(session, [assignment_id])
    if changes:
        await audit.record(
            session,
            actor=by,
            action="assignment.changed",
            object_type="assignment",
            object_id=assignment_id,
            changes=_told(found, changes),
        )


async def announce_soon(session: AsyncSession) -> None:
    """Plan the mail that tells students of new courses.

    A unique job that somebody else is just inserting would make us wait for the end of their transaction. Whoever is
    not first leaves the planning to them; should they fail, the periodic job finds what was not announced.
    """
    first = (await session.execute(select(func.pg_try_advisory_xact_lock(_ANNOUNCING)))).scalar_one()
    if first:
        await queue.enqueue(session, "courses.announce", unique="courses.announce", after=ANNOUNCE_AFTER)


async def _extension(
    session: AsyncSession, assignment_id: UUID, changes: Changes, by: UUID
) -> dict[str, Any]:
    """The columns that an extension, its reason or its taking back changes."""
    values: dict[str, Any] = {}
    if "extended_to" in changes:
        extended_to = changes["extended_to"]
        base = await sources.earliest_due(session, assignment_id)
        if extended_to is not None and base is not None and extended_to <= base:
            raise InvalidError(
                f"An extension must be later than the date it extends, {base.isoformat()}.",
                fields=[FieldError("extendedTo", "must be later than the date it extends")],
            )
        values = {"extended_to": extended_to, "extended_by": by if extended_to else None}
        if extended_to is None:
            values["extension_reason"] = None
    if "reason" in changes:
        values["extension_reason"] = changes["reason"]
    return values


def _told(found: sources.AnyRow, changes: Changes) -> dict[str, Any]:
    """What the audit log is told: dates before and after; of the reason, which may be personal, only that it changed."""
    told: dict[str, Any] = {}
    if "due_at" in changes:
        told["dueAt"] = [_iso(found.due_at), _iso(changes["due_at"])]
    if "extended_to" in changes:
        told["extendedTo"] = [_iso(found.extended_to), _iso(changes["extended_to"])]
    if "reason" in changes:
        told["reason"] = "changed"
    if "waived" in changes:
        told["waived"] = [found.waived_at is not None, changes["waived"]]
    return told


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


async def _record(
    session: AsyncSession, action: str, rows: Sequence[sources.AnyRow], batch_id: UUID | None, by: UUID | None
) -> None:
    """One line for each course; the students of a batch are in the batch's own lines, so that here they are counted."""
    for course_id in sorted({row.course_id for row in rows}):
        students = sorted(str(row.student_id) for row in rows if row.course_id == course_id)
        told = {"batchId": str(batch_id), "students": len(students)} if batch_id else {"studentIds": students}
        await audit.record(
            session, actor=by, action=action, object_type="course", object_id=course_id, changes=told
        )
