"""Long work: a row that people can watch while a job does it."""

from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.operations.models import Job
from tms.platform import db
from tms.platform.ids import new_id

LOOK_EVERY_SECONDS = 0.5
"""How often those who watch a piece of work look at it."""


async def start_work(session: AsyncSession, *, kind: str, by: UUID) -> UUID:
    """A new piece of long work, queued; made in the transaction that enqueues the job that does it."""
    job_id = new_id()
    await session.execute(insert(Job).values(id=job_id, kind=kind, created_by=by))
    return job_id


async def report(job_id: UUID, *, progress: float, message: str) -> None:
    """Tell those who wait how far the work is (0..1), at once: in a transaction of its own."""
    async with db.transaction() as session:
        await session.execute(
            update(Job)
            .where(Job.id == job_id, Job.state.in_(("queued", "running")))
            .values(
                state="running", progress=min(max(progress, 0.0), 1.0), message=message, updated_at=func.now()
            )
        )


class Reporter:
    """Reports one piece of work no more often than people look; what comes between is left out."""

    def __init__(self, job_id: UUID) -> None:
        self._job_id = job_id
        self._next = 0.0

    async def report(self, *, progress: float, message: str) -> None:
        """See `report`."""
        if monotonic() >= self._next:
            self._next = monotonic() + LOOK_EVERY_SECONDS
            await report(self._job_id, progress=progress, message=message)


async def succeed(session: AsyncSession, job_id: UUID, *, result: dict[str, Any], message: str) -> None:
    """The work is done; in the transaction that records its outcome."""
    await session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(state="succeeded", progress=1, message=message, result=result, updated_at=func.now())
    )


async def fail(session: AsyncSession, job_id: UUID, *, code: str, detail: str) -> None:
    """The work cannot be done; `detail` says what to do about it."""
    await session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(state="failed", message=detail, error={"code": code, "detail": detail}, updated_at=func.now())
    )
