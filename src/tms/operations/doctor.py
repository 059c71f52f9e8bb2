"""`tms doctor`: promises about the data, each a read-only query that must find nothing. Rooms declare, `app` joins."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text

from tms.platform import db

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Check:
    """`query` selects one text column: the ids (never personal data) of what breaks the promise."""

    name: str
    promise: str
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise with the first ids that break it."""

    check: Check
    ids: tuple[str, ...]


async def examine(checks: Iterable[Check]) -> list[Finding]:
    """Run every check on one and the same state of the database; returns those that are broken."""
    findings = []
    async with db.snapshot() as session:
        for check in checks:
            rows = (await session.execute(text(check.query))).scalars()
            ids = tuple(str(row) for row in rows.fetchmany(MOST_SHOWN))
            if ids:
                findings.append(Finding(check, ids))
    return findings
