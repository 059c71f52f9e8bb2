"""Somebody goes for good: their seats in batches that are not over become free, and what they had by hand ends."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.batches import queries
from tms.batches.models import Batch, BatchStudent
from tms.batches.service import seats
from tms.courses import assignments
from tms.courses.models import Assignment


async def lock_batches(session: AsyncSession, student_id: UUID) -> None:
    """Lock the batches in which the student has a seat, before anything else is locked."""
    mine = select(BatchStudent.batch_id).where(BatchStudent.student_id == student_id)
    await seats.lock(session, (await session.execute(mine)).scalars().all())


async def leave(session: AsyncSession, student_id: UUID, *, by: UUID | None) -> None:
    """Free the seats, and close the assignments, but for those of batches that are over: these are results."""
    current = (
        select(BatchStudent.batch_id)
        .join(Batch, Batch.id == BatchStudent.batch_id)
        .where(BatchStudent.student_id == student_id, queries.status.in_(("planned", "running")))
        .order_by(BatchStudent.batch_id)
    )
    for batch_id in (await session.execute(current)).scalars().all():
        await seats.remove(session, batch_id, student_id, by=by)
    given = select(Assignment.course_id).where(
        Assignment.student_id == student_id, Assignment.closed_at.is_(None)
    )
    await assignments.drop_sources(
        session,
        batch_id=None,
        student_ids=[student_id],
        course_ids=(await session.execute(given)).scalars().all(),
        by=by,
    )
