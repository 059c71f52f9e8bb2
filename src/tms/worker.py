"""The job worker, assembled: it imports every room's jobs and runs them until it is told to stop."""

import asyncio

from tms import personal, startup
from tms.batches import jobs as batches_jobs
from tms.content import jobs as content_jobs
from tms.courses import jobs as courses_jobs
from tms.identity import jobs as identity_jobs
from tms.identity.builtin import jobs as builtin_jobs
from tms.notifications import jobs as notifications_jobs
from tms.operations import jobs as operations_jobs
from tms.platform import logs, queue
from tms.platform.settings import Settings
from tms.progress import jobs as progress_jobs
from tms.students import jobs as students_jobs
from tms.web import jobs as web_jobs

# Importing a `jobs` module declares its jobs; the names are kept so that nothing here looks unused.
JOBS = (
    batches_jobs,
    builtin_jobs,
    content_jobs,
    courses_jobs,
    identity_jobs,
    notifications_jobs,
    operations_jobs,
    progress_jobs,
    students_jobs,
    web_jobs,
)

personal.join()

CONCURRENCY = 8
DRAIN_SECONDS = 20


async def run(settings: Settings, *, once: bool = False) -> None:
    """Run jobs until SIGTERM or SIGINT, letting those at work finish; `once`: until none is left."""
    logs.configure()
    async with startup.database(settings), queue.opened() as app:
        await app.run_worker_async(
            concurrency=CONCURRENCY,
            wait=not once,
            shutdown_graceful_timeout=DRAIN_SECONDS,
            delete_jobs="successful",
            install_signal_handlers=not once,
        )


def main(settings: Settings) -> None:
    """The worker as a process."""
    asyncio.run(run(settings))
