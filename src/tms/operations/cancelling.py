"""Long work that people may stop. What that means is known to the room whose work it is; the assembly joins the rooms'."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import RowMapping, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.operations import audit, queries
from tms.operations.errors import NotCancellableError, WorkEndedError
from tms.operations.models import Job
from tms.platform.caller import Caller

Cancel: TypeAlias = Callable[[AsyncSession, UUID], Awaitable[None]]

CODE = "cancelled"
DETAIL = "This was cancelled."
_cancels: dict[str, Cancel] = {}


def join(cancels: Mapping[str, Cancel]) -> None:
    """Make known how work of these kinds is stopped, in the transaction and by the id of the long work."""
    _cancels.update(cancels)


async def cancel(session: AsyncSession, job_id: UUID, caller: Caller) -> RowMapping:
    """Stop long work: it fails with the code `cancelled`, whatever it has not recorded by now is not done.

    Raises `NotFoundError`, `NotCancellableError`, and `WorkEndedError` where it was at its end before.
    """
    job = await queries.job(session, job_id, caller)
    stop = _cancels.get(job["kind"])
    if stop is None:
        raise NotCancellableError
    # The room's row first: whoever records the outcome at this moment locks in the same order, and one of us wins.
    await stop(session, job_id)
    ended = await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(("queued", "running")))
        .values(
            state="failed",
            message=DETAIL,
            error={"code": CODE, "detail": DETAIL},
            updated_at=func.now(),
        )
        .returning(Job.id)
    )
    if ended.one_or_none() is None:
        raise WorkEndedError
    await audit.record(
        session,
        actor=caller.id,
        action="job.cancelled",
        object_type="job",
        object_id=job_id,
        changes={"kind": job["kind"]},
    )
    return await queries.job(session, job_id, caller)
