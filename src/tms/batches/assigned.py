"""Assignments as those see them who run batches: whose, by when, why, and how far."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, and_, exists, func, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches import queries
from tms.batches.models import Batch, BatchTrainer
from tms.courses import queries as courses
from tms.courses.errors import AssignmentNotFoundError
from tms.courses.models import Assignment, AssignmentSource, Course, CourseTrainer
from tms.identity.models import User
from tms.platform import clock, paging
from tms.platform.caller import Caller, Role
from tms.progress import queries as progress


@dataclass(frozen=True, slots=True)
class AssignmentFilter:
    """What a list of assignments is narrowed to; ended ones are left out unless they are asked for."""

    student: UUID | None = None
    course: UUID | None = None
    batch: UUID | None = None
    overdue: bool = False
    closed: bool = False


def visible_to(caller: Caller) -> ColumnElement[bool]:
    """Administrators see all assignments, trainers those of their batches' students, students their own."""
    if caller.is_admin:
        return true()
    if caller.role is Role.TRAINER:
        named = select(CourseTrainer.course_id).where(CourseTrainer.user_id == caller.id)
        return and_(
            or_(
                Assignment.student_id.in_(queries.students_of_trainer(caller.id)),
                and_(Assignment.student_id == caller.id, progress.learnable()),
            ),
            or_(courses.open_to_learners(), Course.id.in_(named)),
        )
    return and_(Assignment.student_id == caller.id, progress.learnable())


def changeable_by(caller: Caller) -> ColumnElement[bool]:
    """Of what they see, trainers change what came by hand or from a batch that they run."""
    if caller.is_admin:
        return true()
    own = select(BatchTrainer.batch_id).where(BatchTrainer.user_id == caller.id)
    return and_(
        Assignment.student_id.in_(queries.students_of_trainer(caller.id)),
        exists().where(
            AssignmentSource.assignment_id == Assignment.id,
            or_(AssignmentSource.batch_id.is_(None), AssignmentSource.batch_id.in_(own)),
        ),
    )


def _sources() -> Any:
    """The sources of an assignment as one JSON list, those by hand first."""
    source = func.jsonb_build_object("batchId", AssignmentSource.batch_id, "dueDate", AssignmentSource.due_at)
    listed = func.jsonb_agg(source, type_=JSONB).aggregate_order_by(AssignmentSource.batch_id.nulls_first())
    return (
        select(func.coalesce(listed, func.jsonb_build_array(type_=JSONB), type_=JSONB))
        .where(AssignmentSource.assignment_id == Assignment.id)
        .correlate(Assignment)
        .scalar_subquery()
    )


def _statement(*conditions: ColumnElement[bool]) -> tuple[Select[Any], Any]:
    state = (
        progress.all_states()
        .add_columns(
            Assignment.extended_to,
            Assignment.extension_reason,
            Assignment.closed_at,
            _sources().label("sources"),
        )
        .where(*conditions)
        .subquery("state")
    )
    overdue = func.coalesce(
        and_(
            state.c.due_at < clock.db_now(),
            state.c.closed_at.is_(None),
            state.c.waived.is_(False),
            state.c.status != "completed",
        ),
        False,
    )
    statement = (
        select(
            state.c.assignment_id.label("id"),
            state.c.student_id.label("user_id"),
            User.student_code.label("student_id"),
            queries.full_name.label("student_name"),
            state.c.course_id,
            state.c.course_code,
            state.c.title.label("course_title"),
            state.c.assigned_at,
            state.c.due_at.label("due_date"),
            state.c.extended_to,
            state.c.extension_reason.label("reason"),
            state.c.waived,
            state.c.closed_at.is_not(None).label("closed"),
            overdue.label("overdue"),
            state.c.progress,
            state.c.status,
            state.c.sources,
        )
        .select_from(state)
        .join(User, User.id == state.c.student_id)
    )
    return statement, (state, overdue)


async def page(
    session: AsyncSession, caller: Caller, *, wanted: AssignmentFilter, request: paging.PageRequest
) -> paging.Page:
    """A page of the assignments that the caller may see, in one statement."""
    conditions = [visible_to(caller)]
    if wanted.student:
        conditions.append(Assignment.student_id == wanted.student)
    if wanted.course:
        conditions.append(Assignment.course_id == wanted.course)
    if wanted.batch:
        conditions.append(
            exists().where(
                AssignmentSource.assignment_id == Assignment.id, AssignmentSource.batch_id == wanted.batch
            )
        )
    if not wanted.closed:
        conditions.append(Assignment.closed_at.is_(None))
    if wanted.overdue:
        conditions.append(Assignment.due_at < clock.db_now())
    statement, (state, overdue) = _statement(*conditions)
    if wanted.overdue:
        statement = statement.where(overdue)
    return await paging.fetch(
        session,
        statement,
        request=request,
        sorts={
            "dueDate": func.coalesce(state.c.due_at, progress.NO_DATE),
            "assignedAt": state.c.assigned_at,
            "courseTitle": state.c.title,
        },
        key=state.c.assignment_id,
    )


async def one(session: AsyncSession, caller: Caller, assignment_id: UUID) -> RowMapping:
    """One assignment, or `AssignmentNotFoundError`."""
    statement, _ = _statement(Assignment.id == assignment_id, visible_to(caller))
    row: RowMapping | None = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise AssignmentNotFoundError
    return row


async def some(session: AsyncSession, assignment_ids: list[UUID]) -> list[RowMapping]:
    """These assignments, by the student's name."""
    statement, _ = _statement(Assignment.id.in_(assignment_ids))
    return list((await session.execute(statement.order_by(queries.by_name, User.id))).mappings())


async def may_change(session: AsyncSession, caller: Caller, assignment_id: UUID) -> bool:
    """Whether the caller may change an assignment that they see."""
    statement = select(Assignment.id).where(Assignment.id == assignment_id, changeable_by(caller))
    return (await session.execute(statement)).one_or_none() is not None


async def timezone_of(session: AsyncSession, assignment_id: UUID) -> str | None:
    """The time zone of the batches that the assignment comes from, if they have one in common."""
    statement = (
        select(Batch.timezone)
        .join(AssignmentSource, AssignmentSource.batch_id == Batch.id)
        .where(AssignmentSource.assignment_id == assignment_id)
        .distinct()
    )
    zones = (await session.execute(statement)).scalars().all()
    return zones[0] if len(zones) == 1 else None
