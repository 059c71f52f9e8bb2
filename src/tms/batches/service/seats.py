"""Seats: who joins a batch, leaves it or goes on to another. Each locks the rows of its batches first, in id order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches.errors import (
    AlreadyMemberError,
    BatchCancelledError,
    BatchFullError,
    BatchNotFoundError,
    MemberNotFoundError,
    NotAStudentError,
)
from tms.batches.models import Batch, BatchCourse, BatchStudent
from tms.courses import assignments
from tms.identity.models import User
from tms.operations import audit
from tms.platform.errors import FieldError, InvalidError, missing

BatchRow = Row[UUID, str, str, str, str, int | None, int]

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class BatchInfo:
    """What an enrolment tells of the batch: `batchInfo` of its answer, the name in the welcome."""

    batch_id: UUID
    batch_code: str
    batch_name: str


async def lock(session: AsyncSession, batch_ids: Iterable[UUID]) -> dict[UUID, BatchRow]:
    """Lock the rows of the batches, in id order, until the transaction ends; unknown ones are left out."""
    statement = (
        select(
            Batch.id,
            Batch.batch_code,
            Batch.name,
            Batch.status,
            Batch.timezone,
            Batch.capacity,
            Batch.seats_taken,
        )
        .where(Batch.id.in_(list(batch_ids)))
        .order_by(Batch.id)
        .with_for_update()
    )
    return {row.id: row for row in await session.execute(statement)}


async def lock_one(session: AsyncSession, batch_id: UUID) -> BatchRow:
    """Lock the batch of an address, or raise `BatchNotFoundError`."""
    found = await lock(session, [batch_id])
    if batch_id not in found:
        raise BatchNotFoundError
    return found[batch_id]


def check_open(batch: BatchRow) -> None:
    """Nobody joins a cancelled batch; one that has ended can still be completed with those who were there."""
    if batch.status == "cancelled":
        raise BatchCancelledError(f"{batch.batch_code} has been cancelled; choose another batch.")


async def take_seats(
    session: AsyncSession, *, batch_id: UUID, student_ids: Sequence[UUID], by: UUID | None
) -> BatchInfo:
    """Give each of the students a seat and all courses of the batch, or none of them anything.

    Raises `InvalidError` for an unknown batch or student, `NotAStudentError`, `BatchCancelledError`,
    `AlreadyMemberError` and `BatchFullError`. A completed batch takes latecomers: records are often made afterwards.
    """
    found = await lock(session, [batch_id])
    if batch_id not in found:
        raise missing("batchId", "The batch")
    return await _join(session, found[batch_id], student_ids, by=by)


async def add(session: AsyncSession, batch_id: UUID, student_ids: Sequence[UUID], *, by: UUID) -> None:
    """As `take_seats`, for the batch of an address: an unknown one raises `BatchNotFoundError`."""
    await _join(session, await lock_one(session, batch_id), student_ids, by=by)


async def remove(session: AsyncSession, batch_id: UUID, student_id: UUID, *, by: UUID | None) -> None:
    """Free the student's seat; courses that came only from this batch are closed, what was learnt is kept."""
    await lock_one(session, batch_id)
    await _leave(session, batch_id, student_id, by=by)
    await audit.record(
        session,
        actor=by,
        action="batch.student_removed",
        object_type="batch",
        object_id=batch_id,
        changes={"student": [str(student_id), None]},
    )


async def move(
    session: AsyncSession, batch_id: UUID, student_id: UUID, *, to_batch_id: UUID, by: UUID
) -> None:
    """The student goes on in another batch; a course that both have stays open throughout, with its progress."""
    if to_batch_id == batch_id:
        raise InvalidError(
            "Name another batch to move the student to.",
            fields=[FieldError("toBatchId", "is the batch that the student is in")],
        )
    found = await lock(session, [batch_id, to_batch_id])
    if batch_id not in found:
        raise BatchNotFoundError
    if to_batch_id not in found:
        raise missing("toBatchId", "The batch")
    await _check_member(session, batch_id, student_id)
    # The new source comes first: an assignment without any would be closed in between.
    await _join(session, found[to_batch_id], [student_id], by=by, record=False)
    await _leave(session, batch_id, student_id, by=by)
    await audit.record(
        session,
        actor=by,
        action="batch.student_moved",
        object_type="batch",
        object_id=batch_id,
        changes={"student": [str(student_id), str(student_id)], "batch": [str(batch_id), str(to_batch_id)]},
    )


async def _join(
    session: AsyncSession,
    batch: BatchRow,
    student_ids: Sequence[UUID],
    *,
    by: UUID | None,
    record: bool = True,
) -> BatchInfo:
    check_open(batch)
    wanted = list(dict.fromkeys(student_ids))
    await _check_students(session, batch, wanted)
    _check_capacity(batch, len(wanted))
    await session.execute(
        insert(BatchStudent),
        [{"batch_id": batch.id, "student_id": student_id, "added_by": by} for student_id in wanted],
    )
    await session.execute(
        update(Batch).where(Batch.id == batch.id).values(seats_taken=Batch.seats_taken + len(wanted))
    )
    await _assign_courses(session, batch.id, wanted, by=by)
    if record:
        await audit.record(
            session,
            actor=by,
            action="batch.students_added",
            object_type="batch",
            object_id=batch.id,
            changes={"students": [None, [str(student_id) for student_id in wanted]]},
        )
    return BatchInfo(batch.id, batch.batch_code, batch.name)


async def _assign_courses(
    session: AsyncSession, batch_id: UUID, student_ids: Sequence[UUID], *, by: UUID | None
) -> None:
    statement = select(BatchCourse.course_id, BatchCourse.due_at).where(BatchCourse.batch_id == batch_id)
    due_at = {row.course_id: row.due_at for row in await session.execute(statement)}
    if due_at:
        # An archived course takes no new learners: who joins late goes without it, who brings it along keeps it.
        await assignments.assign(
            session,
            course_ids=list(due_at),
            student_ids=student_ids,
            batch_id=batch_id,
            due_at=due_at,
            by=by,
            skip_archived=True,
        )


async def _leave(session: AsyncSession, batch_id: UUID, student_id: UUID, *, by: UUID | None) -> None:
    left = await session.execute(
        delete(BatchStudent)
        .where(BatchStudent.batch_id == batch_id, BatchStudent.student_id == student_id)
        .returning(BatchStudent.student_id)
    )
    if left.one_or_none() is None:
        raise MemberNotFoundError
    await session.execute(update(Batch).where(Batch.id == batch_id).values(seats_taken=Batch.seats_taken - 1))
    await assignments.drop_sources(
        session, batch_id=batch_id, student_ids=[student_id], course_ids=None, by=by
    )


async def _check_member(session: AsyncSession, batch_id: UUID, student_id: UUID) -> None:
    statement = select(BatchStudent.student_id).where(
        BatchStudent.batch_id == batch_id, BatchStudent.student_id == student_id
    )
    if (await session.execute(statement)).one_or_none() is None:
        raise MemberNotFoundError


async def _check_students(session: AsyncSession, batch: BatchRow, wanted: Sequence[UUID]) -> None:
    statement = (
        select(User.id, User.role, User.status, BatchStudent.batch_id.label("seat"))
        .outerjoin(BatchStudent, (BatchStudent.student_id == User.id) & (BatchStudent.batch_id == batch.id))
        .where(User.id.in_(wanted))
    )
    found = {row.id: row for row in await session.execute(statement)}
    unknown = [student_id for student_id in wanted if student_id not in found]
    if unknown:
        raise InvalidError(
            f"There is no student with the id {_named(unknown)}.",
            fields=_at_fault(wanted, unknown, "does not exist"),
        )
    unfit = [row.id for row in found.values() if row.role != "student" or row.status == "erased"]
    if unfit:
        raise NotAStudentError(
            f"Only students can take a seat; this is none: {_named(unfit)}.",
            fields=_at_fault(wanted, unfit, "is not a student"),
        )
    seated = [row.id for row in found.values() if row.seat is not None]
    if seated:
        raise AlreadyMemberError(
            f"Already in {batch.batch_code}: {_named(seated)}. Nobody was added; leave them out and try again.",
            fields=_at_fault(wanted, seated, "is in the batch already"),
        )


def _check_capacity(batch: BatchRow, asked: int) -> None:
    if batch.capacity is None or batch.seats_taken + asked <= batch.capacity:
        return
    raise BatchFullError(
        f"{batch.batch_code} has {batch.capacity} seats and {batch.seats_taken} are taken; "
        f"{asked} more {'was' if asked == 1 else 'were'} asked for."
    )


def _named(ids: Sequence[UUID]) -> str:
    more = len(ids) - MOST_NAMED
    return ", ".join(str(one) for one in ids[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _at_fault(wanted: Sequence[UUID], faulty: Iterable[UUID], message: str) -> list[FieldError]:
    blamed = set(faulty)
    return [FieldError(f"studentIds.{place}", message) for place, one in enumerate(wanted) if one in blamed]
