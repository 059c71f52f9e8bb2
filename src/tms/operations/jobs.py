"""Jobs that look after jobs."""

import logging

from tms.platform import db, idempotency, limits, queue

logger = logging.getLogger(__name__)

STALLED_AFTER_SECONDS = 45


@queue.job("operations.rescue_jobs", periodic="* * * * *")
async def rescue_jobs(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Run the jobs of workers that died mid-way again; every job looks at the state it acts on, so twice is safe."""
    jobs = queue.jobs_at_work()
    for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS):
        logger.warning("job of a dead worker runs again", extra={"job": job.id, "task": job.task_name})
        await queue.run_again(job)


@queue.job("operations.forget_idempotency_keys", periodic="17 * * * *")
async def forget_idempotency_keys(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Answers to repeated requests are kept for a day."""
    async with db.transaction() as session:
        await idempotency.forget_old(session)


@queue.job("operations.forget_limits", periodic="*/20 * * * *")
async def forget_limits(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Allowances that are whole again need no row."""
    async with db.transaction() as session:
        await limits.forget_full(session)
