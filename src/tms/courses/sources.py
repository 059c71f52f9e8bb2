"""The statements behind `assignments`: each works on any number of rows at once and takes its ids as one array."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Row,
    TableValuedAlias,
    Uuid,
    any_,
    column,
    delete,
    exists,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from tms.courses.models import Assignment, AssignmentSource, Course
from tms.platform import clock
from tms.platform.ids import new_id

AnyRow = Row[*tuple[Any, ...]]


def among(ids: Collection[UUID]) -> Any:
    """One parameter for the right side of `column == ...`: lists of all lengths share one statement."""
    return any_(literal(list(ids), ARRAY(Uuid())))


def _table(**columns: tuple[list[Any], Any]) -> TableValuedAlias:
    """Lists of equal length as a table in the statement."""
    arrays = [literal(values, ARRAY(kind)) for values, kind in columns.values()]
    names = [column(name, kind) for name, (_, kind) in columns.items()]
    return func.unnest(*arrays).table_valued(*names).render_derived()


def _from(batch_id: UUID | None) -> ColumnElement[bool]:
    """Sources of the batch, or by hand; NULL is no batch and equals nothing."""
    if batch_id is None:
        return AssignmentSource.batch_id.is_(None)
    return AssignmentSource.batch_id == batch_id


async def lock_courses(session: AsyncSession, course_ids: Collection[UUID]) -> dict[UUID, str]:
    """Status of each course that exists; nobody archives or removes them until this transaction has ended."""
    rows = await session.execute(
        select(Course.id, Course.status)
        .where(Course.id == among(set(course_ids)))
        .order_by(Course.id)
        .with_for_update(read=True)
    )
    return {row.id: row.status for row in rows}


async def open_pairs(
    session: AsyncSession, students: Collection[UUID], courses: Collection[UUID]
) -> set[tuple[UUID, UUID]]:
    """Which of the students have which of the courses at present: `(student, course)`."""
    if not courses:
        return set()
    rows = await session.execute(
        select(Assignment.student_id, Assignment.course_id).where(
            Assignment.student_id == among(students),
            Assignment.course_id == among(courses),
            Assignment.closed_at.is_(None),
        )
    )
    return {(row.student_id, row.course_id) for row in rows}


async def make_or_lock(
    session: AsyncSession, pairs: Sequence[tuple[UUID, UUID]], by: UUID | None
) -> Sequence[AnyRow]:
    """A locked assignment for each `(student, course)`: `id, student_id, course_id, closed_at, created`.

    Those that exist are left as they are; an update that changes nothing is what locks them.
    """
    kind = Uuid()
    wanted = _table(
        id=([new_id() for _ in pairs], kind),
        student_id=([student for student, _ in pairs], kind),
        course_id=([course for _, course in pairs], kind),
    ).c
    made = insert(Assignment).from_select(
        ["id", "student_id", "course_id", "assigned_by", "assigned_at"],
        select(wanted.id, wanted.student_id, wanted.course_id, literal(by, kind), clock.db_now()).order_by(
            wanted.student_id, wanted.course_id
        ),
        include_defaults=False,
    )
    statement: ReturningInsert[*tuple[Any, ...]] = made.on_conflict_do_update(
        index_elements=[Assignment.student_id, Assignment.course_id],
        set_={"assigned_at": Assignment.assigned_at},
    ).returning(
        Assignment.id,
        Assignment.student_id,
        Assignment.course_id,
        Assignment.closed_at,
        # A row that was there already has been locked, which leaves our transaction in its xmax.
        literal_column("course_assignments.xmax = 0").label("created"),
    )
    return (await session.execute(statement)).all()


async def reopen(session: AsyncSession, ids: Collection[UUID], by: UUID | None) -> None:
    """Open what had ended: as if given anew, and announced anew; the extension and waiver of before are over."""
    if not ids:
        return
    await session.execute(
        update(Assignment)
        .where(Assignment.id == among(ids))
        .values(
            closed_at=None,
            assigned_at=clock.db_now(),
            assigned_by=by,
            announced_at=None,
            extended_to=None,
            extension_reason=None,
            extended_by=None,
            waived_at=None,
        )
    )


async def put(
    session: AsyncSession, dates: Sequence[tuple[UUID, datetime | None]], batch_id: UUID | None
) -> None:
    """The source with its date on each of the (locked) assignments; one that is there takes the new date."""
    wanted = _table(
        id=([new_id() for _ in dates], Uuid()),
        assignment_id=([assignment for assignment, _ in dates], Uuid()),
        due_at=([due for _, due in dates], DateTime(timezone=True)),
    ).c
    made = insert(AssignmentSource).from_select(
        ["id", "assignment_id", "batch_id", "due_at"],
        select(wanted.id, wanted.assignment_id, literal(batch_id, Uuid()), wanted.due_at),
        include_defaults=False,
    )
    await session.execute(
        made.on_conflict_do_update(
            index_elements=[AssignmentSource.assignment_id, AssignmentSource.batch_id],
            set_={"due_at": made.excluded.due_at},
        )
    )


async def lock(
    session: AsyncSession,
    batch_id: UUID | None,
    student_ids: Sequence[UUID] | None,
    course_ids: Sequence[UUID] | None,
) -> list[UUID]:
    """Locks the assignments that have this source; no students or courses given means all."""
    statement = (
        select(Assignment.id)
        .join(AssignmentSource, AssignmentSource.assignment_id == Assignment.id)
        .where(_from(batch_id))
        .order_by(Assignment.student_id, Assignment.course_id)
        .with_for_update(of=Assignment, key_share=True)
    )
    if student_ids is not None:
        statement = statement.where(Assignment.student_id == among(student_ids))
    if course_ids is not None:
        statement = statement.where(Assignment.course_id == among(course_ids))
    return list((await session.execute(statement)).scalars())


async def lock_one(session: AsyncSession, assignment_id: UUID) -> AnyRow | None:
    """Locks one assignment: `closed_at, due_at, extended_to, waived_at`."""
    return (
        await session.execute(
            select(Assignment.closed_at, Assignment.due_at, Assignment.extended_to, Assignment.waived_at)
            .where(Assignment.id == assignment_id)
            .with_for_update(key_share=True)
        )
    ).one_or_none()


async def drop(session: AsyncSession, ids: Collection[UUID], batch_id: UUID | None) -> None:
    """Take the source from each of the (locked) assignments."""
    await session.execute(
        delete(AssignmentSource).where(AssignmentSource.assignment_id == among(ids), _from(batch_id))
    )


async def close_without(session: AsyncSession, ids: Collection[UUID]) -> Sequence[AnyRow]:
    """Close those of the (locked) assignments that have no source left: `id, course_id, student_id` of these."""
    closing = (
        update(Assignment)
        .where(
            Assignment.id == among(ids),
            Assignment.closed_at.is_(None),
            ~exists().where(AssignmentSource.assignment_id == Assignment.id),
        )
        .values(closed_at=clock.db_now())
        .returning(Assignment.id, Assignment.course_id, Assignment.student_id)
    )
    return (await session.execute(closing)).all()


async def set_due(
    session: AsyncSession, ids: Collection[UUID], batch_id: UUID | None, due_at: datetime | None
) -> int:
    """The source's new date on each of the (locked) assignments; how many have that source."""
    changed = await session.execute(
        update(AssignmentSource)
        .where(AssignmentSource.assignment_id == among(ids), _from(batch_id))
        .values(due_at=due_at)
        .returning(AssignmentSource.id)
    )
    return len(changed.all())


async def earliest_due(session: AsyncSession, assignment_id: UUID) -> datetime | None:
    """The date that holds without an extension."""
    return (
        await session.execute(
            select(func.min(AssignmentSource.due_at)).where(AssignmentSource.assignment_id == assignment_id)
        )
    ).scalar_one()


async def settle_due(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Compute the date that holds for each of the (locked) open assignments; a closed one keeps its last."""
    earliest = (
        select(AssignmentSource.assignment_id, func.min(AssignmentSource.due_at).label("due_at"))
        .where(AssignmentSource.assignment_id == among(ids))
        .group_by(AssignmentSource.assignment_id)
        .subquery()
    )
    holds = func.coalesce(Assignment.extended_to, earliest.c.due_at)
    await session.execute(
        update(Assignment)
        .where(Assignment.id == earliest.c.assignment_id, Assignment.due_at.is_distinct_from(holds))
        .values(due_at=holds)
    )
