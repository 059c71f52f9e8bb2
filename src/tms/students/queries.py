import typing
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches import queries as batches
from tms.batches.models import Batch, BatchStudent
from tms.courses.models import Assignment, Course
from tms.identity.models import User
from tms.platform import paging, statements
from tms.platform.caller import Caller, Role
from tms.platform.paging import Look, Page, PageRequest
from tms.platform.statements import Found, Statement
from tms.progress import queries as progress
from tms.progress.errors import ProgressNotFoundError
from tms.students.errors import StudentNotFoundError

_EMPTY = literal_column("'[]'::json", JSON)

# Codes are STU001 ... STU999, STU1000 ...: in the order of their numbers, not of their letters.
_by_code = func.lpad(func.substr(User.student_code, 4), 10, "0", type_=Text)

# Constants are written out: in the place of parameters a prepared statement would not find the indexes on these.
_SPACE = literal_column("' '", Text)
_BREAK = literal_column("chr(10)", Text)
_searched: ColumnElement[str] = (
    User.first_name + _SPACE + User.last_name + _BREAK + User.email + _BREAK + User.student_code
)
"""What a search looks at, in one expression, since one index serves it; nobody searches for a line break."""

SORTS: dict[str, ColumnElement[Any]] = {
    "name": User.last_name + _SPACE + User.first_name,
    "createdAt": User.created_at.expression,
    "studentId": _by_code,
}


def visible_to(caller: Caller) -> ColumnElement[bool]:
    """Which people are students and may be seen: by administrators all, by trainers those of the batches that they
    run, by everybody themselves. Who was a student once and is a trainer now, is still a student with a record here.
    """
    student = User.student_code.is_not(None)
    if caller.is_admin:
        return student
    if caller.role is Role.TRAINER:
        taught = User.id.in_(batches.students_of_trainer(caller.id))
        return and_(student, or_(User.id == caller.id, taught))
    return and_(student, User.id == caller.id)


def _phone(caller: Caller) -> ColumnElement[Any]:
    """Phone numbers are for administrators, and one's own."""
    return User.phone.expression if caller.is_admin else case((User.id == caller.id, User.phone))


def _batches(caller: Caller) -> ScalarSelect[Any]:
    """A student's batches that the caller may see, as a JSON list of `StudentBatch`, in the order of joining."""
    seat = (
        select(
            Batch.id.label("batch_id"),
            Batch.batch_code,
            Batch.name.label("batch_name"),
            BatchStudent.joined_at,
        )
        .join(BatchStudent, BatchStudent.batch_id == Batch.id)
        .where(
            BatchStudent.student_id == User.id,
            or_(batches.visible_to(caller), BatchStudent.student_id == caller.id),
        )
        .correlate(User)
        .subquery("seat")
    )
    listed = func.json_agg(seat.table_valued()).aggregate_order_by(seat.c.joined_at, seat.c.batch_id)
    return select(func.coalesce(listed, _EMPTY, type_=JSON)).scalar_subquery()


def _overview(caller: Caller) -> Select[Any]:
    return select(
        User.id,
        User.student_code.label("student_id"),
        User.email,
        User.first_name,
        User.last_name,
        _phone(caller).label("phone"),
        User.status,
        User.created_at,
        User.version,
        _batches(caller).label("batches"),
        progress.summary().label("summary"),
    ).where(visible_to(caller))


def overview(row: Found) -> dict[str, Any]:
    """A row of `students` or `student` as `StudentOut` wants it."""
    summary = row["summary"]
    return {
        **row,
        "enrolled_courses": summary["total_enrolled"],
        "completed_courses": summary["completed"],
        "average_progress": summary["average_progress"],
    }


@cache
def _students(role: Role, filters: frozenset[str], look: Look) -> Statement:
    """A page for `:caller_id` in this role; `filters` are those of `:search`, `:batch` and `:status` that are given."""
    caller = _someone(role)
    statement = _overview(caller).where(
        User.status == bindparam("status", type_=Text) if "status" in filters else User.status != "erased"
    )
    if "search" in filters:
        statement = statement.where(paging.contains_given(_searched, "search"))
    if "batch" in filters:
        members = (
            select(BatchStudent.student_id)
            .join(Batch, Batch.id == BatchStudent.batch_id)
            .where(Batch.id == bindparam("batch", type_=Uuid), batches.visible_to(caller))
        )
        statement = statement.where(User.id.in_(members))
    return paging.kept(statement, look, sorts=SORTS, key=User.id.expression)


async def students(
    caller: Caller, request: PageRequest, *, search: str | None, batch: UUID | None, status: str | None
) -> Page:
    """A page of the students that the caller may see, with their batches and statistics, in one statement.

    Who was erased is left out: there is no name to show any more.
    """
    wanted = {"search": paging.sought(search) if search else None, "batch": batch, "status": status}
    given = {name: value for name, value in wanted.items() if value is not None}
    return await paging.fetch_kept(
        partial(_students, caller.role, frozenset(given)),
        {"caller_id": caller.id, **given},
        request=request,
        sorts=SORTS,
        key=User.id.expression,
    )


def _someone(role: Role) -> Caller:
    """Whoever is `:caller_id` when the statement runs."""
    return Caller(typing.cast("UUID", bindparam("caller_id", type_=Uuid)), role)


@cache
def _student(role: Role) -> Statement:
    return Statement(_overview(_someone(role)).where(User.id == bindparam("student_id", type_=Uuid)))


async def student(caller: Caller, student_id: UUID) -> Found:
    """One student with batches and statistics; raises `StudentNotFoundError`."""
    row = await statements.row(_student(caller.role), {"student_id": student_id, "caller_id": caller.id})
    if row is None:
        raise StudentNotFoundError
    return row


def _wire_time(instant: ColumnElement[Any]) -> ColumnElement[str]:
    """RFC 3339 in UTC, as every other answer spells it."""
    pattern = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""", Text)
    return func.to_char(func.timezone(literal_column("'UTC'", Text), instant), pattern)


@cache
def _courses(role: Role) -> Statement:
    """One row for the student `:student_id`, if `:caller_id` in this role may see them.

    It holds `courses`, the JSON text of a list of `AssignedCourse`, and the columns of `statistics`. Built once for
    each role, with a parameter in the place of the caller's id, and the database writes the JSON: people look at their
    courses more often than at anything else.
    """
    student_id = bindparam("student_id", type_=Uuid)
    state = progress.states().where(Assignment.student_id == student_id).subquery("state")
    shape = {
        "id": state.c.course_id,
        "courseCode": state.c.course_code,
        "title": state.c.title,
        "description": state.c.description,
        "templateType": state.c.template_type,
        "progress": state.c.progress,
        "sectionsCompleted": state.c.sections_completed,
        "totalSections": state.c.total_sections,
        "status": state.c.status,
        "assignedAt": _wire_time(state.c.assigned_at),
        "dueDate": _wire_time(state.c.due_at),
        "completedAt": _wire_time(state.c.completed_at),
        "waived": state.c.waived,
        "lastSectionId": state.c.last_section_id,
    }
    # Rows that are sorted before, under the names that they have in JSON: PostgreSQL then looks at names and types once,
    # where json_build_object looks at them for each row, and an ORDER BY within the aggregate sorts wider rows.
    course = (
        select(*(value.label(name) for name, value in shape.items()))
        .order_by(state.c.assigned_at, state.c.assignment_id)
        .subquery("course")
    )
    courses = func.coalesce(func.json_agg(course.table_valued()), _EMPTY)
    listed = select(cast(courses, Text).label("courses"), *progress.statistics(course)).subquery("listed")
    return Statement(
        select(*listed.c)
        .select_from(User)
        .join(listed, true())
        .where(User.id == student_id, visible_to(_someone(role)))
    )


async def courses_json(caller: Caller, student_id: UUID) -> bytes:
    """A student's courses and statistics as the JSON of `StudentCourses`, in one statement.

    Raises `StudentNotFoundError`. Courses come in the order in which they were assigned; waived ones are listed, but
    not counted; withdrawn ones and drafts are not there.
    """
    row = await statements.row(_courses(caller.role), {"student_id": student_id, "caller_id": caller.id})
    if row is None:
        raise StudentNotFoundError
    return (
        b'{"courses":%b,"statistics":{"totalEnrolled":%d,"completed":%d,"inProgress":%d,'
        b'"notStarted":%d,"averageProgress":%d}}'
    ) % (
        row["courses"].encode(),
        row["total_enrolled"],
        row["completed"],
        row["in_progress"],
        row["not_started"],
        row["average_progress"],
    )


async def course(
    session: AsyncSession, caller: Caller, student_id: UUID, course_id: UUID, *, explain: bool
) -> dict[str, Any]:
    """A student's progress in one course, as `CourseExplained`; raises `ProgressNotFoundError`."""
    statement = (
        progress.states()
        .join(User, User.id == Assignment.student_id)
        .where(Assignment.student_id == student_id, Course.id == course_id, visible_to(caller))
    )
    if explain:
        statement = statement.add_columns(progress.explanation().label("sections"))
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise ProgressNotFoundError
    return {"sections": None, **progress.course(row)}
