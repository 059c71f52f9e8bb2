"""Jobs that look after jobs."""

import logging

from tms.platform import queue

logger = logging.getLogger(__name__)

STALLED_AFTER_SECONDS = 45


@queue.job("operations.rescue_jobs", periodic="* * * * *")
async def rescue_jobs(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Run the jobs of workers that died mid-way again; every job looks at the state it acts on, so twice is safe."""
    async with queue.opened() as app:
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS):
            logger.warning("job of a dead worker runs again", extra={"job": job.id, "task": job.task_name})
            await app.job_manager.retry_job(job)
