"""`tms doctor`: promises about the data, each a look that must find nothing. Rooms declare, `app` joins.

A look is SQL, or a function where the database alone cannot tell. Nothing here can write: the SQL runs in one READ ONLY
transaction, so that all of it sees the same state.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import text

from tms.platform import db
from tms.platform.errors import DomainError

MOST_SHOWN = 20
LONGEST_LOOK = "10min"

FAULT = "This is a fault of TMS: keep a backup and report it with these ids."
WORKER = "See that a worker runs (`tms up` or `tms worker`) and look into its log."

Look = Callable[[], AsyncIterator[str]]


@dataclass(frozen=True, slots=True)
class Check:
    """`query` selects one text column, or is a function that yields texts: the ids of what breaks the promise.

    Ids only, never personal data. `remedy` says what whoever runs the system can do about it.
    """

    name: str
    """`room.what`."""
    promise: str
    query: str | Look
    remedy: str = FAULT
    reads_files: bool = False
    """Reads every stored file: only done on request."""
    is_note: bool = False
    """About the machine and not about the data: people are told, and the system is healthy all the same."""
    applies: Callable[[], bool] = lambda: True
    """Whether this installation makes the promise at all: a part that is not used makes none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise with the first ids that break it and their number; or why it could not be examined."""

    check: Check
    ids: tuple[str, ...]
    total: int
    trouble: str | None = None


async def examine(checks: Iterable[Check], *, files: bool = False) -> list[Finding]:
    """Run every check but notes; returns those whose promise is broken. `files` adds those that read every stored file."""
    promises = [check for check in checks if not check.is_note]
    return [finding async for _, finding in examinations(promises, files=files) if finding is not None]


async def examinations(
    checks: Iterable[Check], *, files: bool = False
) -> AsyncIterator[tuple[Check, Finding | None]]:
    """Each check with what it found, as soon as it is known: the SQL on one and the same state of the database first."""
    looks: list[tuple[Check, Look]] = []
    async with db.snapshot() as session:
        await session.execute(text(f"SET LOCAL statement_timeout = '{LONGEST_LOOK}'"))
        for check in checks:
            if not check.applies():
                continue
            if isinstance(check.query, str):
                # A check that is made of constants: nothing that anybody typed gets in here.
                broken = f"SELECT broken.id, count(*) OVER () FROM ({check.query}) AS broken (id) LIMIT {MOST_SHOWN}"  # noqa: S608 - see above
                rows = (await session.execute(text(broken))).all()
                found = Finding(check, tuple(row[0] for row in rows), rows[0][1]) if rows else None
                yield check, found
            elif files or not check.reads_files:
                looks.append((check, check.query))
    for check, look in looks:
        yield check, await _look(check, look)


async def _look(check: Check, look: Look) -> Finding | None:
    ids = []
    total = 0
    try:
        async for one in look():
            total += 1
            if total <= MOST_SHOWN:
                ids.append(one)
    except DomainError as error:
        return Finding(check, tuple(ids), total, trouble=error.detail)
    return Finding(check, tuple(ids), total) if total else None


def codes(name: str, *, table: str, column: str, prefix: str, sequence: str) -> Check:
    """The promise of all codes: their form (`platform.ids.code`), and that none is given a second time."""
    return Check(
        name,
        f"Every code is {prefix} with a number of at least three digits that was drawn already.",
        f"""
        SELECT {table}.id::text FROM {table}, {sequence}
        WHERE {column} IS NOT NULL AND CASE
            WHEN {column} ~ '^{prefix}([0-9]{{3}}|[1-9][0-9]{{3,17}})$'
            THEN substr({column}, {len(prefix) + 1})::bigint NOT BETWEEN 1 AND last_value
            ELSE true
        END
        """,  # noqa: S608 - made of constants of the rooms
        f"If the database was restored in parts, set the sequence {sequence} beyond the greatest code; else report it.",
    )


LIKE_A_PASSWORD = r"\m(?=[a-z-]*[2-7])[a-z2-7]{5}(-[a-z2-7]{5}){3}\M"  # noqa: S105 - the form of one, not a password
"""What temporary passwords look like, as a PostgreSQL regular expression; ordinary words have no digits among them."""

CHECKS = [
    Check(
        "operations.audit_log_guarded",
        "The database refuses to change or remove a line of the audit log.",
        """
        SELECT 'audit_log' WHERE COALESCE((
            SELECT bit_or(tgtype::int) FROM pg_trigger
            WHERE tgrelid = 'audit_log'::regclass AND tgenabled IN ('O', 'A') AND tgtype::int & 2 = 2
        ), 0) & 56 <> 56
        """,
        "Somebody has switched off the trigger of audit_log: enable it again and find out who did it and why.",
    ),
    Check(
        "operations.jobs_have_workers",
        "A job at work has a worker that was alive within the last five minutes.",
        """
        SELECT job.id::text FROM procrastinate_jobs AS job
        LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
        WHERE job.status = 'doing'
          AND (worker.id IS NULL OR worker.last_heartbeat < now() - interval '5 minutes')
          AND NOT EXISTS (SELECT FROM procrastinate_events AS event
                          WHERE event.job_id = job.id AND event.at > now() - interval '5 minutes')
        """,
        WORKER,
    ),
    Check(
        "operations.work_moves",
        "Long work that people watch moves at least once an hour until it ends.",
        """
        SELECT id::text FROM jobs
        WHERE state IN ('queued', 'running') AND updated_at < tms_now() - interval '1 hour'
        """,
        WORKER,
    ),
    Check(
        "operations.no_secrets_in_jobs",
        "What a job is given holds ids only, never an address or a password.",
        f"""
        SELECT DISTINCT job.id::text FROM procrastinate_jobs AS job, jsonb_each_text(job.args) AS argument
        WHERE argument.key ~* '(password|secret|token|email)$' OR argument.value LIKE '%@%'
           OR argument.value ~ '{LIKE_A_PASSWORD}'
        """,  # noqa: S608 - made of constants of this file
    ),
    Check(
        "operations.no_passwords_kept",
        "No stored answer, no line of the audit log and no outcome of long work holds a temporary password.",
        f"""
        SELECT 'idempotency_keys ' || caller_id FROM idempotency_keys
        WHERE encode(body, 'escape') ~ '{LIKE_A_PASSWORD}'
        UNION ALL SELECT 'audit_log ' || id FROM audit_log WHERE changes::text ~ '{LIKE_A_PASSWORD}'
        UNION ALL SELECT 'jobs ' || id FROM jobs
        WHERE concat(message, result::text, error::text) ~ '{LIKE_A_PASSWORD}'
        """,  # noqa: S608 - made of constants of this file
        "Give the people concerned new passwords (POST /users/{id}/reset-password), then report it.",
    ),
    Check(
        "operations.idempotency_keys_forgotten",
        "An answer that is kept for repeated requests is forgotten after a day.",
        """
        SELECT caller_id || ' ' || created_at FROM idempotency_keys
        WHERE created_at < now() - interval '25 hours 10 minutes'
        """,
        WORKER,
    ),
]
