from typing import Any, cast
from uuid import UUID

from sqlalchemy import Integer, Select, Table, and_, case, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses.models import Assignment, Course, Section
from tms.operations import audit
from tms.platform import clock, statements
from tms.platform.caller import Caller
from tms.platform.statements import Found
from tms.progress import marking
from tms.progress.errors import CompletedByTestError, SectionNotFoundError
from tms.progress.models import CourseProgress, SectionProgress
from tms.progress.schemas import SectionMark

_courses = cast("Table", CourseProgress.__table__)

CHUNK = 500
"""Learners whose counts are brought up to date in one transaction; nobody waits longer than that takes."""


async def record(session: AsyncSession, caller: Caller, section_id: UUID, mark: SectionMark) -> Found:
    """Note what the caller did with one live section of a course that they have; whatever their role.

    The row holds the section (`section_id section_completed_at time_spent_seconds position_seconds`) and the course
    (`assignment_id course_id progress sections_completed total_sections status course_completed_at newly_completed`).
    The course is completed in the same transaction as the last of its sections. Raises `SectionNotFoundError`, and
    `CompletedByTestError` where the learner says that a section is done which only a test can complete.
    """
    where = {"student_id": caller.id, "section_id": section_id}
    for attempt in (marking.lock, marking.make, marking.lock):
        locked = await statements.row_within(session, attempt(), where)
        if locked is not None:
            break
    else:
        raise SectionNotFoundError
    values = {
        **where,
        "completed": bool(mark.completed),
        "time_spent_seconds": mark.time_spent_seconds or 0,
        "position_seconds": mark.position_seconds or 0,
    }
    row = await statements.row_within(session, marking.write(), values)
    if row is None:
        # It was removed, or the assignment closed, between the two statements.
        raise SectionNotFoundError
    if mark.completed and row["section_completed_at"] is None:
        raise CompletedByTestError
    if row["newly_completed"]:
        await _note_completed(session, caller.id, row["assignment_id"], row["course_id"])
    return row


async def wait_for_editors(session: AsyncSession, course_id: UUID) -> None:
    """Return when whoever changes the course's sections right now has committed.

    An editor who found a refreshing already in line asked for no other; with this, that one sees their change too.
    """
    await session.execute(select(Course.id).where(Course.id == course_id).with_for_update(read=True))


async def refresh_some(session: AsyncSession, course_id: UUID) -> int:
    """Count the learners of a course anew whose counter is older than its outline, at most `CHUNK`; returns how many.

    A removal that left nothing undone completes the course for them, if that is still so. Closed assignments are left
    as they are: who no longer has a course does not complete it; their counter stays old, and is counted if it is read.
    """
    stale = (
        _stale(CourseProgress.assignment_id)
        .where(Course.id == course_id)
        .order_by(CourseProgress.assignment_id)
        .limit(CHUNK)
        .with_for_update(of=CourseProgress)
    )
    ids = (await session.execute(stale)).scalars().all()
    if not ids:
        return 0
    # A statement of its own: it sees what those committed who held the locks before.
    done = (
        select(func.count(type_=Integer).label("done"))
        .select_from(SectionProgress)
        .join(Section, Section.id == SectionProgress.section_id)
        .where(
            SectionProgress.assignment_id == Assignment.id,
            SectionProgress.completed_at.is_not(None),
            Section.archived_at.is_(None),
        )
        .correlate(Assignment)
        .lateral("counted")
    )
    complete = and_(Course.section_count > 0, done.c.done >= Course.section_count)
    fresh = (
        select(
            Assignment.id,
            Course.outline,
            done.c.done,
            func.coalesce(CourseProgress.completed_at, case((complete, clock.db_now()))).label(
                "completed_at"
            ),
            and_(CourseProgress.completed_at.is_(None), complete).label("newly_completed"),
        )
        .select_from(Assignment)
        .join(Course, Course.id == Assignment.course_id)
        .join(CourseProgress, CourseProgress.assignment_id == Assignment.id)
        .join(done, true())
        .where(Assignment.id.in_(ids), Assignment.closed_at.is_(None))
        .cte("fresh")
    )
    written = await session.execute(
        update(_courses)
        .where(_courses.c.assignment_id == fresh.c.id)
        .values(completed_sections=fresh.c.done, outline=fresh.c.outline, completed_at=fresh.c.completed_at)
        .returning(fresh.c.id, fresh.c.newly_completed)
    )
    for row in written.all():
        if row.newly_completed:
            await _note_completed(session, None, row.id, course_id)
    return len(ids)


async def courses_to_refresh(session: AsyncSession) -> list[UUID]:
    """The courses of which some learner's counter is older than the outline."""
    statement = _stale(Course.id).distinct().order_by(Course.id)
    return list((await session.execute(statement)).scalars())


def _stale(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(CourseProgress)
        .join(Assignment, Assignment.id == CourseProgress.assignment_id)
        .join(Course, Course.id == Assignment.course_id)
        .where(CourseProgress.outline != Course.outline, Assignment.closed_at.is_(None))
    )


async def _note_completed(
    session: AsyncSession, actor: UUID | None, assignment_id: UUID, course_id: UUID
) -> None:
    await audit.record(
        session,
        actor=actor,
        action="course.completed",
        object_type="assignment",
        object_id=assignment_id,
        changes={"courseId": str(course_id)},
    )
