"""Courses by hand, and the dates of single students: extended, waived, taken back."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches import assigned, due, queries
from tms.batches.errors import ForeignAssignmentError
from tms.batches.schemas import AssignmentPatch, AssignmentsIn
from tms.courses import assignments
from tms.courses.errors import CourseNotFoundError, NotAssignedByHandError, UnknownStudentError
from tms.courses.models import Course
from tms.identity.models import User
from tms.platform.caller import Caller
from tms.platform.errors import FieldError
from tms.platform.settings import get_settings


async def assign_by_hand(
    session: AsyncSession, course_id: UUID, wanted: AssignmentsIn, *, caller: Caller
) -> list[RowMapping]:
    """Give the course to each of these people, whatever their role: trainers and administrators learn too.

    Who has it already gets the new date by hand. A day ends in the organisation's time zone.
    Raises `CourseNotFoundError`, `CourseArchivedError` and `UnknownStudentError`; nobody gets it then.
    """
    statement = select(Course.id).where(Course.id == course_id, queries.shows_course(caller))
    if (await session.execute(statement)).one_or_none() is None:
        raise CourseNotFoundError
    await _hold_people(session, wanted.student_ids)
    done = await assignments.assign(
        session,
        course_ids=[course_id],
        student_ids=wanted.student_ids,
        batch_id=None,
        due_at=due.instant(wanted.due_date, get_settings().tms_timezone),
        by=caller.id,
    )
    return await assigned.some(session, list(done.all))


async def change_assignment(
    session: AsyncSession, assignment_id: UUID, wanted: AssignmentPatch, *, caller: Caller
) -> RowMapping:
    """Change one student's dates or let them off; a day ends in the zone of the batch that it comes from.

    Where it comes from several batches of different zones, or from none, a day ends in the organisation's zone.
    Raises `AssignmentNotFoundError`, and `ForeignAssignmentError` for what only other trainers' batches gave.
    """
    await assigned.one(session, caller, assignment_id)
    if not await assigned.may_change(session, caller, assignment_id):
        raise ForeignAssignmentError
    changes: assignments.Changes = {}
    given = wanted.model_fields_set
    if given & {"due_date", "extended_to"}:
        zone = await assigned.timezone_of(session, assignment_id) or get_settings().tms_timezone
        if "due_date" in given:
            changes["due_at"] = due.instant(wanted.due_date, zone)
        if "extended_to" in given:
            changes["extended_to"] = due.instant(wanted.extended_to, zone)
    if "reason" in given:
        changes["reason"] = wanted.reason
    if "waived" in given:
        changes["waived"] = bool(wanted.waived)
    await assignments.change(session, assignment_id, by=caller.id, **changes)
    return await assigned.one(session, caller, assignment_id)


async def drop_by_hand(session: AsyncSession, assignment_id: UUID, *, caller: Caller) -> None:
    """Take back what was given by hand; what a batch gives as well stays.

    Raises `AssignmentNotFoundError`, and `NotAssignedByHandError` where every source is a batch.
    """
    row = await assigned.one(session, caller, assignment_id)
    dropped = await assignments.drop_sources(
        session, batch_id=None, student_ids=[row["user_id"]], course_ids=[row["course_id"]], by=caller.id
    )
    if not dropped:
        raise NotAssignedByHandError


async def _hold_people(session: AsyncSession, wanted: Sequence[UUID]) -> None:
    """See to it that all of them are there, and stay until the transaction ends.

    An erasure locks the person before their assignments. Rows that refer to the person would lock in the other order.
    """
    statement = (
        select(User.id)
        .where(User.id.in_(wanted), User.status != "erased")
        .order_by(User.id)
        .with_for_update(read=True, key_share=True)
    )
    known = set((await session.execute(statement)).scalars())
    unknown = [(place, one) for place, one in enumerate(wanted) if one not in known]
    if unknown:
        raise UnknownStudentError(
            f"{len(unknown)} of the {len(wanted)} students do not exist; nobody was given the course.",
            fields=[FieldError(f"studentIds.{place}", "does not exist") for place, _ in unknown[:50]],
        )
