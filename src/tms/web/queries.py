"""What pages show that no answer of the API has in this form: an outline with the learner's marks, one section to read."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses.models import Assignment, Section
from tms.progress import queries as progress
from tms.web.errors import LessonNotFoundError


async def statistics(session: AsyncSession, learner_id: UUID) -> RowMapping:
    """The figures over a person's own courses: `total_enrolled completed in_progress not_started average_progress`."""
    state = progress.states().where(Assignment.student_id == learner_id).subquery("state")
    return (await session.execute(select(*progress.statistics(state)))).mappings().one()


async def learning(session: AsyncSession, learner_id: UUID, course_id: UUID) -> dict[str, Any]:
    """One of a person's own courses as `progress.schemas.CourseExplained`: with each live section and its mark.

    Raises `LessonNotFoundError` where the course is not theirs.
    """
    statement = (
        progress.states()
        .where(Assignment.student_id == learner_id, Assignment.course_id == course_id)
        .add_columns(progress.explanation().label("sections"))
    )
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise LessonNotFoundError("Perhaps it was taken back, or the link is an old one.")
    return progress.course(row)


async def outline(session: AsyncSession, course_id: UUID) -> Sequence[RowMapping]:
    """The live sections of a course that the caller has found before, in order."""
    statement = (
        select(Section.id.label("section_id"), Section.title, Section.order_index, Section.completion)
        .where(Section.course_id == course_id, Section.archived_at.is_(None))
        .order_by(Section.order_index)
    )
    return (await session.execute(statement)).mappings().all()


async def section(session: AsyncSession, course_id: UUID, section_id: UUID) -> RowMapping:
    """A live section of the course with its content, or `LessonNotFoundError`."""
    statement = select(
        Section.id.label("section_id"),
        Section.title,
        Section.content,
        Section.video_url,
        Section.image_url,
        Section.order_index,
        Section.duration,
        Section.completion,
    ).where(Section.id == section_id, Section.course_id == course_id, Section.archived_at.is_(None))
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise LessonNotFoundError("This section was removed, or the link is an old one.")
    return row
