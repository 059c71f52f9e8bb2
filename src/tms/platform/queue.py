"""Jobs are rows inserted in the caller's transaction: a rollback drops the job together with the data.

Rooms enqueue by name and never import each other's jobs; `worker` imports every `jobs` module.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg.errors import RaiseException
from sqlalchemy.ext.asyncio import AsyncSession

from tms.platform import db

P = ParamSpec("P")
T = TypeVar("T")

# Enqueueing goes through the session's own connection; only a worker opens the queue, with a connector of its own.
_app = App(connector=PsycopgConnector())

FROZEN = "-c idle_in_transaction_session_timeout=60s"
"""A worker that stands still in the middle of its book-keeping must not hold up the others: its locks end with this."""

PATIENT = RetryStrategy(max_attempts=12, exponential_wait=2)
"""Twelve tries over about two hours (2 + 4 + ... + 2^12 s): for what depends on somebody else's server."""


def job(
    name: str, *, retry: RetryStrategy | bool = False, periodic: str | None = None
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Declare a job in a room's `jobs` module. `periodic` is a cron line; such a job takes the planned timestamp."""

    def declare(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        # A periodic job never stands in line twice, however many workers plan it.
        task: Any = _app.task(name=name, retry=retry, queueing_lock=name if periodic else None)(function)
        if periodic:
            _app.periodic(cron=periodic)(task)
        return function

    return declare


async def enqueue(
    session: AsyncSession,
    name: str,
    *,
    unique: str | None = None,
    after: timedelta | None = None,
    **arguments: str | int,
) -> None:
    """Insert a job in the session's transaction.

    Arguments hold ids only, never personal data or secrets. A job whose `unique` key still waits is not inserted twice.
    """
    if unique is None:
        await _insert(session, name, None, after, arguments)
        return
    with suppress(AlreadyEnqueued):
        # A refused insert would abort the caller's transaction; the savepoint takes it back alone.
        async with session.begin_nested():
            await _insert(session, name, unique, after, arguments)


async def _insert(
    session: AsyncSession,
    name: str,
    unique: str | None,
    after: timedelta | None,
    arguments: dict[str, str | int],
) -> None:
    # Asking the session for its connection also makes it set the savepoint, which it does on first use only.
    raw = (await (await session.connection()).get_raw_connection()).driver_connection
    deferrer = _app.configure_task(
        name,
        connection=raw,
        queueing_lock=unique,
        schedule_in={"seconds": int(after.total_seconds())} if after else None,
    )
    await deferrer.defer_async(**arguments)


@asynccontextmanager
async def opened() -> AsyncIterator[App]:
    """The queue with connections of its own, for a worker; one at a time in a process."""
    connector = PsycopgConnector(conninfo=db.plain_url(db.url()), kwargs={"options": FROZEN})
    with _app.replace_connector(connector):
        async with _app.open_async():
            yield _app


def jobs_at_work() -> JobManager:
    """What a job uses to look after other jobs; it runs in a worker, so the queue is open."""
    return _app.job_manager


async def run_again(job: Job) -> None:
    """Put a job whose worker died in line again; where its like waits already, that one does the work of both."""
    try:
        await _app.job_manager.retry_job(job)
    except UniqueViolation:
        await _app.job_manager.finish_job(job, status=Status.ABORTED, delete_job=True)
    except ConnectorException as error:
        # The queue's own refusal: another worker has rescued it in the same moment, or it has ended after all.
        if not isinstance(error.__cause__, RaiseException):
            raise


def names() -> frozenset[str]:
    """The names of all jobs declared so far."""
    return frozenset(name for name in _app.tasks if not name.startswith("builtin:"))
