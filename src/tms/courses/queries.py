from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    ScalarSelect,
    Select,
    String,
    and_,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses.errors import CourseNotFoundError, NotAnEditorError
from tms.courses.models import Assignment, Course, CourseTrainer, Section
from tms.identity.models import User
from tms.platform import paging
from tms.platform.caller import Caller, Role
from tms.platform.paging import Page, PageRequest


def open_to_learners() -> ColumnElement[bool]:
    """Published, or archived after it was: what an assigned learner sees. A draft that was archived is still none."""
    return and_(Course.status.in_(("published", "archived")), Course.published_at.is_not(None))


def _assigned_to(user_id: UUID) -> ColumnElement[bool]:
    return (
        exists()
        .where(
            Assignment.course_id == Course.id,
            Assignment.student_id == user_id,
            Assignment.closed_at.is_(None),
        )
        .correlate(Course)
    )


def _names(user_id: UUID) -> ColumnElement[bool]:
    return (
        exists()
        .where(CourseTrainer.course_id == Course.id, CourseTrainer.user_id == user_id)
        .correlate(Course)
    )


def visible_to(caller: Caller) -> ColumnElement[bool]:
    """Which rows of `courses` exist for the caller.

    Administrators: all. Trainers: every published one and those they are named on, and what they learn themselves.
    Learners: what is assigned to them at present, never a draft.
    """
    if caller.is_admin:
        return true()
    learns = and_(open_to_learners(), _assigned_to(caller.id))
    if caller.role is Role.TRAINER:
        return or_(Course.status == "published", _names(caller.id), learns)
    return learns


def editable_by(caller: Caller) -> ColumnElement[bool]:
    """Which rows of `courses` the caller may change: administrators all, trainers those they are named on."""
    if caller.is_admin:
        return true()
    if caller.role is Role.TRAINER:
        return _names(caller.id)
    return false()


def _trainers() -> ScalarSelect[Any]:
    people = func.json_build_object("userId", User.id, "name", User.first_name + " " + User.last_name)
    by_name = aggregate_order_by(people, User.last_name, User.first_name, User.id)
    return (
        select(func.coalesce(func.json_agg(by_name), func.json_build_array(), type_=JSON))
        .select_from(CourseTrainer)
        .join(User, User.id == CourseTrainer.user_id)
        .where(CourseTrainer.course_id == Course.id)
        .correlate(Course)
        .scalar_subquery()
    )


def _sections() -> ScalarSelect[Any]:
    columns = ("id", "title", "content", "video_url", "image_url", "order_index", "duration", "completion")
    pairs = [
        part for name in (*columns, "version") for part in (literal(name, String), getattr(Section, name))
    ]
    in_order = aggregate_order_by(func.json_build_object(*pairs), Section.order_index)
    return (
        select(func.coalesce(func.json_agg(in_order), func.json_build_array(), type_=JSON))
        .where(Section.course_id == Course.id, Section.archived_at.is_(None))
        .correlate(Course)
        .scalar_subquery()
    )


def _shown() -> Select[*tuple[Any, ...]]:
    return select(
        Course.id,
        Course.course_code,
        Course.title,
        Course.description,
        Course.category,
        Course.template_type,
        Course.difficulty,
        Course.estimated_duration,
        Course.status,
        Course.section_count.label("total_sections"),
        Course.version,
        Course.created_by,
        Course.created_at,
        Course.updated_at,
        Course.published_at,
        Course.archived_at,
        _trainers().label("trainers"),
    ).select_from(Course)


async def course(
    session: AsyncSession, course_id: UUID, caller: Caller, *, include_sections: bool = False
) -> RowMapping:
    """One course as `schemas.CourseDetail` shows it, else `CourseNotFoundError`; with its live sections on request.

    One statement, so that the sections and their number always agree.
    """
    statement = _shown().where(Course.id == course_id, visible_to(caller))
    if include_sections:
        statement = statement.add_columns(_sections().label("sections"))
    row: RowMapping | None = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise CourseNotFoundError
    return row


async def page(
    session: AsyncSession,
    caller: Caller,
    request: PageRequest,
    *,
    search: str | None = None,
    trainer: UUID | None = None,
    having: Mapping[str, str | None] | None = None,
) -> Page:
    """A page of the courses that exist for the caller, as `schemas.CourseOut` shows them.

    `having` compares columns (`status`, `category`, `difficulty`, `template_type`) exactly; none: not compared.
    Sorted by title without regard to case, or by `createdAt`, `updatedAt`, `courseCode` (C999 before C1000).
    """
    statement = _shown().where(visible_to(caller))
    for name, value in (having or {}).items():
        if value is not None:
            statement = statement.where(getattr(Course, name) == value)
    if trainer is not None:
        statement = statement.where(_names(trainer))
    if search:
        searched = (Course.title, Course.course_code, Course.description, Course.category)
        statement = statement.where(
            or_(*(paging.contains(func.coalesce(column, ""), search) for column in searched))
        )
    return await paging.fetch(
        session,
        statement,
        request=request,
        sorts={
            "title": func.lower(Course.title, type_=String),
            "createdAt": Course.created_at,
            "updatedAt": Course.updated_at,
            "courseCode": func.lpad(Course.course_code, 50, "0", type_=String),
        },
        key=Course.id,
    )


async def is_editable(session: AsyncSession, course_id: UUID, caller: Caller) -> bool:
    """Whether the caller may change the course."""
    statement = select(Course.id).where(Course.id == course_id, editable_by(caller))
    return (await session.execute(statement)).first() is not None


async def check_editable(session: AsyncSession, course_id: UUID, caller: Caller) -> None:
    """Raises `CourseNotFoundError` (404) or `NotAnEditorError` (403); for use cases that change a course later."""
    found = (
        await session.execute(
            select(editable_by(caller)).select_from(Course).where(Course.id == course_id, visible_to(caller))
        )
    ).scalar_one_or_none()
    if found is None:
        raise CourseNotFoundError
    if not found:
        raise NotAnEditorError


async def lock(session: AsyncSession, course_id: UUID, caller: Caller | None) -> RowMapping:
    """Locks the course's row and gives it back; whoever changes a course or its sections does this first.

    The lock lets others refer to the course (an assignment's key), but not assign, publish or edit it meanwhile.
    Raises `CourseNotFoundError`, and `NotAnEditorError` for callers who may not change it; no caller: the system.
    """
    mine = (visible_to(caller), editable_by(caller)) if caller else (true(), true())
    statement = (
        select(Course.__table__, mine[1].label("editable"))
        .where(Course.id == course_id, mine[0])
        .with_for_update(of=Course, key_share=True)
    )
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise CourseNotFoundError
    if not row["editable"]:
        raise NotAnEditorError
    return row


async def section(session: AsyncSession, section_id: UUID) -> RowMapping:
    """A live section as `schemas.SectionSaved` shows it; the caller has found it before."""
    statement = select(Section.__table__).where(Section.id == section_id)
    return (await session.execute(statement)).mappings().one()


async def trainers(session: AsyncSession, course_id: UUID) -> Any:
    """Who is named on the course: `[{userId, name}]` by name."""
    return (await session.execute(select(_trainers()).where(Course.id == course_id))).scalar_one()
