"""How far people are. The numbers have one definition, here: every list, detail and statistic is made from `states`."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    RowMapping,
    ScalarSelect,
    Select,
    Subquery,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql.selectable import LateralFromClause

from tms.courses import queries as courses
from tms.courses.models import Assignment, Course, Section
from tms.identity.models import User
from tms.platform import paging
from tms.platform.paging import Look, Page, PageRequest
from tms.platform.statements import Found, Statement
from tms.progress.models import CourseProgress, SectionProgress

NO_DATE = literal_column("timestamptz '9999-12-31 00:00:00+00'", DateTime(timezone=True))
"""Stands for "no due date" in orders, after every real one."""


class Shown(NamedTuple):
    """What people see of a count."""

    progress: ColumnElement[int]
    status: ColumnElement[str]


def shown(
    *,
    done: ColumnElement[int],
    total: ColumnElement[int],
    completed_at: ColumnElement[Any],
    opened: ColumnElement[bool],
) -> Shown:
    """The percentage and the status of `done` of `total` live sections.

    The percentage is rounded down. A course once completed stays completed and at 100, whatever is added to it later.
    The status comes from counts, never from the rounded percentage: one section of 200 is `in-progress` at 0.
    """
    progress = case((completed_at.is_not(None), 100), (total == 0, 0), else_=done * 100 // total)
    status = case(
        (or_(completed_at.is_not(None), and_(total > 0, done >= total)), literal_column("'completed'")),
        (opened, literal_column("'in-progress'")),
        else_=literal_column("'not-started'"),
    )
    return Shown(progress, status)


def _recount() -> LateralFromClause:
    """Live sections done, counted only where the kept counter is older than the course's outline; else 0."""
    return (
        select(func.count(type_=Integer).label("done"))
        .select_from(SectionProgress)
        .join(Section, Section.id == SectionProgress.section_id)
        .where(
            SectionProgress.assignment_id == Assignment.id,
            SectionProgress.completed_at.is_not(None),
            Section.archived_at.is_(None),
            CourseProgress.outline != Course.outline,
        )
        .correlate(Assignment, Course, CourseProgress)
        .lateral("recount")
    )


def learnable() -> ColumnElement[bool]:
    """What a person has: an open assignment of a course that was published. Waived ones may still be learnt."""
    return and_(Assignment.closed_at.is_(None), courses.open_to_learners())


def states() -> Select[Any]:
    """One row for each course that each person has, as `all_states`: what people see and what statistics count."""
    return all_states().where(learnable())


def all_states() -> Select[Any]:
    """One row for each assignment, closed ones and those of drafts too, with the numbers that every answer shows.

    Columns: `assignment_id student_id course_id course_code title description template_type progress
    sections_completed total_sections status assigned_at due_at completed_at waived time_spent_seconds last_seen_at
    last_section_id last_section_title last_section_place last_position_seconds`. Filter it by `Assignment.student_id`
    or `Assignment.course_id`; what is not selected by an outer query costs nothing.
    """
    recount = _recount()
    last = aliased(Section, name="last_section")
    done = case(
        (CourseProgress.outline == Course.outline, CourseProgress.completed_sections), else_=recount.c.done
    )
    seen = shown(
        done=done,
        total=Course.section_count.expression,
        completed_at=CourseProgress.completed_at.expression,
        opened=CourseProgress.last_seen_at.is_not(None),
    )
    return (
        select(
            Assignment.id.label("assignment_id"),
            Assignment.student_id,
            Course.id.label("course_id"),
            Course.course_code,
            Course.title,
            Course.description,
            Course.template_type,
            seen.progress.label("progress"),
            done.label("sections_completed"),
            Course.section_count.label("total_sections"),
            seen.status.label("status"),
            Assignment.assigned_at,
            Assignment.due_at,
            CourseProgress.completed_at,
            Assignment.waived_at.is_not(None).label("waived"),
            func.coalesce(CourseProgress.time_spent_seconds, 0).label("time_spent_seconds"),
            CourseProgress.last_seen_at,
            last.id.label("last_section_id"),
            last.title.label("last_section_title"),
            last.order_index.label("last_section_place"),
            func.coalesce(SectionProgress.position_seconds, 0).label("last_position_seconds"),
        )
        .select_from(Assignment)
        .join(Course, Course.id == Assignment.course_id)
        .outerjoin(CourseProgress, CourseProgress.assignment_id == Assignment.id)
        .outerjoin(last, and_(last.id == CourseProgress.last_section_id, last.archived_at.is_(None)))
        .outerjoin(
            SectionProgress,
            and_(SectionProgress.assignment_id == Assignment.id, SectionProgress.section_id == last.id),
        )
        .join(recount, literal_column("true"))
    )


def statistics(state: FromClause) -> list[ColumnElement[int]]:
    """Aggregates over rows of `states`, waived ones left out: `total_enrolled completed in_progress not_started
    average_progress`; the average is the floor of the mean of the shown percentages, 0 where there is none.
    """
    counted = state.c.waived.is_(False)

    def having(status: str) -> ColumnElement[int]:
        return func.count().filter(counted, state.c.status == literal_column(f"'{status}'"))

    enrolled = func.count().filter(counted)
    mean = func.avg(state.c.progress).filter(counted)
    return [
        enrolled.label("total_enrolled"),
        having("completed").label("completed"),
        having("in-progress").label("in_progress"),
        having("not-started").label("not_started"),
        func.coalesce(cast(func.floor(mean), Integer), 0).label("average_progress"),
    ]


def summary() -> ScalarSelect[Any]:
    """For a row of `User`: that person's statistics as one JSON value with the names of `statistics`."""
    state = states().where(Assignment.student_id == User.id).correlate(User).subquery("state")
    counted = select(*statistics(state)).subquery("counted")
    return select(func.row_to_json(counted.table_valued(), type_=JSON)).scalar_subquery()


def _mine_sorts(state: FromClause) -> dict[str, ColumnElement[Any]]:
    return {
        "assignedAt": state.c.assigned_at,
        "dueDate": func.coalesce(state.c.due_at, NO_DATE),
        "title": state.c.title,
    }


@cache
def _my_states() -> Subquery:
    return states().where(Assignment.student_id == bindparam("student_id", type_=Uuid)).subquery("state")


@cache
def _mine(look: Look) -> Statement:
    state = _my_states()
    return paging.kept(select(state), look, sorts=_mine_sorts(state), key=state.c.assignment_id)


async def mine(student_id: UUID, request: PageRequest) -> Page:
    """A page of a person's own courses, as rows of `states`."""
    state = _my_states()
    return await paging.fetch_kept(
        _mine,
        {"student_id": student_id},
        request=request,
        sorts=_mine_sorts(state),
        key=state.c.assignment_id,
    )


async def of_batch_courses(
    session: AsyncSession, *, student_ids: Sequence[UUID], course_ids: Sequence[UUID]
) -> Sequence[RowMapping]:
    """Where these people are in these courses: rows of `student_id course_id progress sections_completed
    total_sections status due_at completed_at waived`. A course that a person does not have, or a draft, gives no row.
    """
    state = (
        states()
        .where(Assignment.student_id.in_(student_ids), Assignment.course_id.in_(course_ids))
        .subquery("state")
    )
    wanted = (
        state.c.student_id,
        state.c.course_id,
        state.c.progress,
        state.c.sections_completed,
        state.c.total_sections,
        state.c.status,
        state.c.due_at,
        state.c.completed_at,
        state.c.waived,
    )
    statement = select(*wanted).order_by(state.c.student_id, state.c.course_id)
    return (await session.execute(statement)).mappings().all()


def explanation() -> ScalarSelect[Any]:
    """For a row of `states`, not in a subquery: each live section in its order, as a JSON list for `SectionExplained`."""
    done = aliased(SectionProgress, name="done")
    missing = case(
        (done.completed_at.is_not(None), None),
        (Section.completion == "viewed", "open"),
        (Section.completion == "self", "mark_done"),
        else_="pass_test",
    )
    explained = (
        select(
            Section.id.label("section_id"),
            Section.title,
            Section.order_index,
            Section.completion,
            done.completed_at.is_not(None).label("completed"),
            missing.label("missing"),
            func.coalesce(done.time_spent_seconds, 0).label("time_spent_seconds"),
            func.coalesce(done.position_seconds, 0).label("position_seconds"),
            done.first_seen_at,
            done.completed_at,
        )
        .select_from(Section)
        .outerjoin(done, and_(done.section_id == Section.id, done.assignment_id == Assignment.id))
        .where(Section.course_id == Assignment.course_id, Section.archived_at.is_(None))
        .correlate(Assignment)
        .subquery("explained")
    )
    listed = func.json_agg(explained.table_valued()).aggregate_order_by(explained.c.order_index)
    return select(func.coalesce(listed, literal_column("'[]'::json"), type_=JSON)).scalar_subquery()


def course(row: Found | RowMapping) -> dict[str, Any]:
    """A row of `states` as `MyCourse` wants it; `resume` is null where nothing was opened or that section was removed."""
    resume = {
        "section_id": row["last_section_id"],
        "title": row["last_section_title"],
        "order_index": row["last_section_place"],
        "position_seconds": row["last_position_seconds"],
    }
    return {
        **row,
        "id": row["course_id"],
        "due_date": row["due_at"],
        "resume": resume if row["last_section_id"] else None,
    }
