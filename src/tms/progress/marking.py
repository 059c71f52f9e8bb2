"""The two statements that record what a learner did: the lock, and the write that counts after it.

They are built once: this is the most frequent write of all.
"""

from functools import cache
from typing import Any, cast

from sqlalchemy import (
    CTE,
    Boolean,
    Integer,
    Select,
    Table,
    Uuid,
    and_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from tms.courses.models import Assignment, Course, Section
from tms.platform import clock
from tms.platform.statements import Statement
from tms.progress import queries
from tms.progress.models import CourseProgress, SectionProgress

_courses = cast("Table", CourseProgress.__table__)
_sections = cast("Table", SectionProgress.__table__)


def _of_learner(*columns: Any) -> Select[Any]:
    """One live section (`:section_id`) of a course that a person (`:student_id`) has, or nothing."""
    return (
        select(*columns)
        .select_from(Section)
        .join(Course, Course.id == Section.course_id)
        .join(Assignment, Assignment.course_id == Course.id)
        .where(
            Section.id == bindparam("section_id", type_=Uuid),
            Section.archived_at.is_(None),
            Assignment.student_id == bindparam("student_id", type_=Uuid),
            queries.learnable(),
        )
    )


@cache
def lock() -> Statement:
    """Locks the learner's row of the course; no row where there is none yet."""
    return Statement(
        _of_learner(CourseProgress.assignment_id)
        .join(CourseProgress, CourseProgress.assignment_id == Assignment.id)
        .with_for_update(of=CourseProgress)
    )


@cache
def make() -> Statement:
    """Makes the learner's row and gives it back, locked; none where somebody else just did."""
    return Statement(
        insert(_courses)
        .from_select(["assignment_id", "outline"], _of_learner(Assignment.id, Course.outline))
        .on_conflict_do_nothing()
        .returning(_courses.c.assignment_id)
    )


@cache
def write() -> Statement:
    """Writes both tables and returns what is then so; to be run under the lock, so that what it reads holds still.

    It counts the learner's sections instead of adding one to the counter: a section that is marked twice counts once,
    and a counter that is older than the course's outline is right again.
    """
    before = _before()
    counted = _counted(before, _marked(before))
    seen = queries.shown(
        done=counted.c.done,
        total=counted.c.section_count,
        completed_at=counted.c.course_completed_at,
        opened=true(),
    )
    return Statement(
        update(_courses)
        .where(_courses.c.assignment_id == counted.c.assignment_id)
        .values(
            completed_sections=counted.c.done,
            outline=counted.c.outline,
            time_spent_seconds=_courses.c.time_spent_seconds + counted.c.time_added,
            last_section_id=counted.c.section_id,
            last_seen_at=func.greatest(_courses.c.last_seen_at, clock.db_now()),
            completed_at=counted.c.course_completed_at,
        )
        .returning(
            counted.c.assignment_id,
            counted.c.course_id,
            counted.c.section_id,
            counted.c.section_completed_at,
            counted.c.time_spent_seconds,
            counted.c.position_seconds,
            counted.c.done.label("sections_completed"),
            counted.c.section_count.label("total_sections"),
            counted.c.course_completed_at,
            counted.c.newly_completed,
            seen.progress.label("progress"),
            seen.status.label("status"),
        )
    )


def _before() -> CTE:
    """What is so when the lock has been had."""
    return (
        _of_learner(
            Assignment.id.label("assignment_id"),
            Section.id.label("section_id"),
            Section.completion,
            Course.id.label("course_id"),
            Course.outline,
            Course.section_count,
            CourseProgress.completed_at.label("course_completed_at"),
            func.coalesce(SectionProgress.time_spent_seconds, 0).label("time_spent_seconds"),
        )
        .join(CourseProgress, CourseProgress.assignment_id == Assignment.id)
        .outerjoin(
            SectionProgress,
            and_(SectionProgress.assignment_id == Assignment.id, SectionProgress.section_id == Section.id),
        )
        .cte("before")
    )


def _marked(before: CTE) -> CTE:
    """The section's row, made or brought forward: the greater of each total wins, and what is completed stays so."""
    now = clock.db_now()
    said_so = bindparam("completed", type_=Boolean)
    completes = or_(before.c.completion == "viewed", and_(before.c.completion == "self", said_so))
    fresh = insert(_sections).from_select(
        [
            "assignment_id",
            "section_id",
            "first_seen_at",
            "last_seen_at",
            "completed_at",
            "time_spent_seconds",
            "position_seconds",
        ],
        select(
            before.c.assignment_id,
            before.c.section_id,
            now,
            now,
            case((completes, now)),
            bindparam("time_spent_seconds", type_=Integer),
            bindparam("position_seconds", type_=Integer),
        ),
    )
    new = fresh.excluded
    return (
        fresh.on_conflict_do_update(
            index_elements=[_sections.c.assignment_id, _sections.c.section_id],
            set_={
                "last_seen_at": func.greatest(_sections.c.last_seen_at, new.last_seen_at),
                "completed_at": func.coalesce(_sections.c.completed_at, new.completed_at),
                "time_spent_seconds": func.greatest(_sections.c.time_spent_seconds, new.time_spent_seconds),
                "position_seconds": func.greatest(_sections.c.position_seconds, new.position_seconds),
            },
        )
        .returning(
            _sections.c.completed_at.label("section_completed_at"),
            _sections.c.time_spent_seconds,
            _sections.c.position_seconds,
        )
        .cte("marked")
    )


def _counted(before: CTE, marked: CTE) -> CTE:
    """One row: the section as it is now, and the live sections done, with this one.

    The other sections are read from the tables, which in this statement still are as they were before it.
    """
    others = (
        select(func.count(type_=Integer))
        .select_from(SectionProgress)
        .join(Section, Section.id == SectionProgress.section_id)
        .where(
            SectionProgress.assignment_id == before.c.assignment_id,
            SectionProgress.section_id != before.c.section_id,
            SectionProgress.completed_at.is_not(None),
            Section.archived_at.is_(None),
        )
        .correlate(before)
        .lateral("others")
    )
    done = others.c[0] + case((marked.c.section_completed_at.is_not(None), 1), else_=0)
    complete = done >= before.c.section_count
    return (
        select(
            before.c.assignment_id,
            before.c.section_id,
            before.c.course_id,
            before.c.outline,
            before.c.section_count,
            marked.c.section_completed_at,
            marked.c.time_spent_seconds,
            marked.c.position_seconds,
            (marked.c.time_spent_seconds - before.c.time_spent_seconds).label("time_added"),
            done.label("done"),
            func.coalesce(before.c.course_completed_at, case((complete, clock.db_now()))).label(
                "course_completed_at"
            ),
            case((before.c.course_completed_at.is_(None), complete), else_=false()).label("newly_completed"),
        )
        .select_from(before)
        .join(marked, true())
        .join(others, true())
        .cte("counted")
    )
