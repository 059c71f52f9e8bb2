from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    RowMapping,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches.errors import BatchNotFoundError
from tms.batches.models import Batch, BatchCourse, BatchStudent, BatchTrainer
from tms.courses import queries as courses
from tms.courses.models import Assignment, AssignmentSource, Course
from tms.identity import queries as people
from tms.identity.models import User
from tms.platform import clock, paging
from tms.platform.caller import Caller, Role
from tms.progress import queries as progress

# The day that it is now where the batch is, by the clock of the database.
_today = cast(func.timezone(Batch.timezone, clock.db_now()), Date)

status: ColumnElement[str] = case(
    (Batch.status == "cancelled", "cancelled"),
    (_today < Batch.start_date, "planned"),
    (_today > Batch.end_date, "completed"),
    else_="running",
)
"""What people call the state of a batch; kept is only whether it was cancelled."""

COLUMNS = (
    Batch.id,
    Batch.batch_code,
    Batch.name,
    Batch.description,
    Batch.start_date,
    Batch.end_date,
    Batch.timezone,
    Batch.capacity,
    Batch.seats_taken,
    status.label("status"),
    Batch.created_at,
    Batch.version,
)

full_name: ColumnElement[str] = User.first_name + " " + User.last_name
"""As people are addressed."""

by_name: ColumnElement[str] = func.lower(User.last_name + " " + User.first_name, type_=Text())
"""As people are listed."""

MEMBER_COLUMNS = (
    User.id.label("user_id"),
    User.student_code.label("student_id"),
    User.first_name,
    User.last_name,
    User.email,
    User.status,
    BatchStudent.joined_at,
)

COURSE_COLUMNS = (
    BatchCourse.course_id,
    Course.course_code,
    Course.title,
    Course.status,
    BatchCourse.due_at.label("due_date"),
)


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """What a list of batches is narrowed to; none: not narrowed."""

    search: str | None = None
    status: str | None = None
    trainer: UUID | None = None
    student: UUID | None = None


def _of_trainer(trainer_id: UUID) -> Select[UUID]:
    return select(BatchTrainer.batch_id).where(BatchTrainer.user_id == trainer_id)


def _of_student(student_id: UUID) -> Select[UUID]:
    return select(BatchStudent.batch_id).where(BatchStudent.student_id == student_id)


def visible_to(caller: Caller) -> ColumnElement[bool]:
    """Administrators see every batch, trainers those that they run, students those that they are in."""
    if caller.is_admin:
        return true()
    if caller.role is Role.TRAINER:
        return Batch.id.in_(_of_trainer(caller.id))
    return Batch.id.in_(_of_student(caller.id))


def students_of_trainer(trainer_id: UUID) -> Select[UUID]:
    """The ids of those who share a batch with the trainer who runs it: `User.id.in_(students_of_trainer(...))`."""
    return (
        select(BatchStudent.student_id)
        .join(BatchTrainer, BatchTrainer.batch_id == BatchStudent.batch_id)
        .where(BatchTrainer.user_id == trainer_id)
    )


def _matches(caller: Caller, wanted: BatchFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [visible_to(caller)]
    if wanted.search:
        conditions.append(
            or_(
                paging.contains(Batch.name, wanted.search),
                paging.contains(Batch.batch_code, wanted.search),
            )
        )
    if wanted.status:
        conditions.append(status == wanted.status)
    if wanted.trainer:
        conditions.append(Batch.id.in_(_of_trainer(wanted.trainer)))
    if wanted.student:
        # Students do not learn from a filter who else sits in their batches.
        own = caller.role is not Role.STUDENT or wanted.student == caller.id
        conditions.append(Batch.id.in_(_of_student(wanted.student)) if own else false())
    return and_(*conditions)


async def page(
    session: AsyncSession, caller: Caller, *, wanted: BatchFilter, request: paging.PageRequest
) -> paging.Page:
    """A page of the batches that the caller may see, in one statement."""
    return await paging.fetch(
        session,
        select(*COLUMNS).select_from(Batch).where(_matches(caller, wanted)),
        request=request,
        sorts={
            "startDate": Batch.start_date,
            "name": Batch.name,
            "createdAt": Batch.created_at,
        },
        key=Batch.id,
    )


async def one(session: AsyncSession, caller: Caller, batch_id: UUID) -> RowMapping:
    """One batch, or `BatchNotFoundError`."""
    row = (
        (await session.execute(select(*COLUMNS).where(Batch.id == batch_id, visible_to(caller))))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise BatchNotFoundError
    return row


async def trainers(session: AsyncSession, batch_id: UUID) -> list[dict[str, Any]]:
    """Those who run the batch, by name."""
    statement = (
        select(User.id.label("user_id"), full_name.label("name"))
        .join(BatchTrainer, BatchTrainer.user_id == User.id)
        .where(BatchTrainer.batch_id == batch_id)
        .order_by(by_name, User.id)
    )
    return [dict(row) for row in (await session.execute(statement)).mappings()]


def shows_course(caller: Caller) -> ColumnElement[bool]:
    """Whether a batch shows one of its courses: a trainer sees what was archived since too, a student never a draft."""
    if caller.is_admin:
        return true()
    if caller.role is Role.TRAINER:
        return or_(courses.open_to_learners(), courses.visible_to(caller))
    return courses.visible_to(caller)


def _courses(batch_id: UUID) -> paging.AnySelect:
    return (
        select(*COURSE_COLUMNS)
        .join(Course, Course.id == BatchCourse.course_id)
        .where(BatchCourse.batch_id == batch_id)
        .order_by(Course.title, Course.id)
    )


async def courses_of(session: AsyncSession, caller: Caller, batch_id: UUID) -> list[dict[str, Any]]:
    """The courses of the batch that the caller may see, by title."""
    statement = _courses(batch_id).where(shows_course(caller))
    return [dict(row) for row in (await session.execute(statement)).mappings()]


async def course_of(session: AsyncSession, batch_id: UUID, course_id: UUID) -> dict[str, Any]:
    """One course that the batch has."""
    statement = _courses(batch_id).where(Course.id == course_id)
    return dict((await session.execute(statement)).mappings().one())


async def detail(session: AsyncSession, caller: Caller, batch_id: UUID) -> dict[str, Any]:
    """One batch with those who run it and its courses, or `BatchNotFoundError`."""
    row = await one(session, caller, batch_id)
    return {
        **row,
        "trainers": await trainers(session, batch_id),
        "courses": await courses_of(session, caller, batch_id),
    }


async def members(
    session: AsyncSession, caller: Caller, batch_id: UUID, *, search: str | None, request: paging.PageRequest
) -> paging.Page:
    """A page of those who hold a seat in the batch, or `BatchNotFoundError`."""
    await one(session, caller, batch_id)
    statement = (
        select(*MEMBER_COLUMNS)
        .select_from(User)
        .join(BatchStudent, BatchStudent.student_id == User.id)
        .where(BatchStudent.batch_id == batch_id)
    )
    if search:
        statement = statement.where(people.matching(search))
    return await paging.fetch(
        session,
        statement,
        request=request,
        sorts={"name": by_name, "joinedAt": BatchStudent.joined_at},
        key=User.id,
    )


async def seats(session: AsyncSession, batch_id: UUID, student_ids: list[UUID]) -> list[RowMapping]:
    """Some of those who hold a seat in the batch, by name."""
    statement = (
        select(*MEMBER_COLUMNS)
        .select_from(User)
        .join(BatchStudent, BatchStudent.student_id == User.id)
        .where(BatchStudent.batch_id == batch_id, User.id.in_(student_ids))
        .order_by(by_name, User.id)
    )
    return list((await session.execute(statement)).mappings())


async def standing(
    session: AsyncSession, caller: Caller, batch_id: UUID, *, search: str | None, request: paging.PageRequest
) -> tuple[dict[str, Any], paging.Page]:
    """Who is where: the batch, its courses that are no drafts, and a page of its students with their states there."""
    batch = await one(session, caller, batch_id)
    shown = [row for row in await courses_of(session, caller, batch_id) if row["status"] != "draft"]
    found = await members(session, caller, batch_id, search=search, request=request)
    states: dict[UUID, list[dict[str, Any]]] = {row["user_id"]: [] for row in found.rows}
    if states and shown:
        ids = [row["course_id"] for row in shown]
        for state in await progress.of_batch_courses(session, student_ids=list(states), course_ids=ids):
            states[state["student_id"]].append({**state, "due_date": state["due_at"]})
    students = [
        {
            "user_id": row["user_id"],
            "student_id": row["student_id"],
            "name": f"{row['first_name']} {row['last_name']}",
            "courses": states[row["user_id"]],
        }
        for row in found.rows
    ]
    return {"batch": batch, "courses": shown, "students": students}, found


def _sources(batch_id: ColumnElement[UUID]) -> Select[Any]:
    return (
        select(literal(1))
        .select_from(Assignment)
        .join(AssignmentSource, AssignmentSource.assignment_id == Assignment.id)
        .where(
            Assignment.student_id == BatchStudent.student_id,
            Assignment.course_id == BatchCourse.course_id,
            AssignmentSource.batch_id == batch_id,
        )
        .correlate(BatchStudent, BatchCourse)
    )


def _lacking() -> Select[Any]:
    """Courses of batches that somebody in the batch has not got from it, although they could be learnt."""
    return (
        select()
        .select_from(BatchCourse)
        .join(Batch, Batch.id == BatchCourse.batch_id)
        .join(Course, Course.id == BatchCourse.course_id)
        .join(BatchStudent, BatchStudent.batch_id == BatchCourse.batch_id)
        .where(
            Batch.status == "active",
            Course.status != "archived",
            not_(exists(_sources(BatchCourse.batch_id.expression))),
        )
    )


async def with_gaps(session: AsyncSession) -> list[UUID]:
    """Batches in which somebody lacks a course."""
    statement = _lacking().add_columns(Batch.id).distinct().order_by(Batch.id)
    return list((await session.execute(statement)).scalars())


async def lacking(session: AsyncSession, batch_id: UUID) -> list[tuple[UUID, datetime | None, list[UUID]]]:
    """What is lacking in a batch: course, the batch's due date, and the students who have not got it."""
    statement = (
        _lacking()
        .add_columns(BatchCourse.course_id, BatchCourse.due_at, func.array_agg(BatchStudent.student_id))
        .where(Batch.id == batch_id)
        .group_by(BatchCourse.course_id, BatchCourse.due_at)
        .order_by(BatchCourse.course_id)
    )
    return [(row[0], row[1], list(row[2])) for row in await session.execute(statement)]
