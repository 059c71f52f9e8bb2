"""How often something may be done: counted in the database, for all processes together, and kept when they restart.

Each allowance is a bucket (the generic cell rate algorithm): it holds `most` uses and fills up evenly within `within`.
One row says when the bucket will be full again, and one upsert takes from it, so that parallel takers cannot both have
the last use. The rows' table is unlogged: a database server that crashes forgets them, a restart does not.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from time import monotonic

from sqlalchemy import LargeBinary, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tms.platform import clock, db
from tms.platform.db import Base
from tms.platform.errors import DomainError


class RequestLimit(Base):
    """When the allowance that `key` (a hash, so nobody's address or name) stands for will be whole again."""

    __tablename__ = "request_limits"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy's declaration, never changed

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    full_at: Mapped[datetime] = mapped_column(index=True)


class TooManyError(DomainError):
    """The allowance is used up; `retry_after` seconds later there is one more use."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests; wait a little"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` uses within `within`, exactly; unless there is a `lot`, for what is frequent and cheap.

    Then every process allows a lot by itself in any five seconds, and only for who does more it asks the database, by
    lots: what people do costs no statement. The limit holds but for those lots.
    """

    name: str
    what: str
    most: int
    within: timedelta
    lot: int = 1

    @property
    def each(self) -> timedelta:
        """How long one use takes to come back."""
        return self.within / self.most


WRITES = Limit("writes", "changes", 6000, timedelta(minutes=1), lot=50)
"""Of one caller. Far above what people do and what an import needs; a script that runs wild is stopped."""
UPLOADS = Limit("uploads", "uploads", 120, timedelta(hours=1))
"""Of one caller: each costs a child process and storage."""
MAILINGS = Limit("mailings", "e-mails", 300, timedelta(hours=1))
"""Caused by one caller through routes whose purpose is a mail."""
MAILS_TO_ONE = Limit("mails to one", "e-mails to this person", 10, timedelta(hours=1))
"""By whomever of the staff: nobody's mailbox is flooded."""
LINKS_TO_ONE = Limit("links to one", "e-mails to this person", 5, timedelta(hours=1))
"""Asked for by strangers; an allowance of its own, so that they cannot use up that of the staff."""

LOT_SECONDS = 5.0
"""What of a lot is not used by then has lapsed."""
MOST_LOTS = 10_000

_lots: dict[bytes, tuple[float, int]] = {}


async def take(limit: Limit, subject: str) -> None:
    """One use, noted at once whatever becomes of it. Raises `TooManyError`."""
    key = _key(limit, subject)
    lapses, left = _lots.get(key, (0.0, 0))
    has_lapsed = lapses <= monotonic()
    if has_lapsed and limit.lot > 1:
        _hold(key, limit.lot)
        return
    if left and not has_lapsed:
        _lots[key] = (lapses, left - 1)
        return
    async with db.transaction() as session:
        fetched = await _fetch(session, limit, key, limit.lot)
        if not fetched and limit.lot > 1:
            fetched = await _fetch(session, limit, key, 1)
        if not fetched:
            raise await _refusal(session, limit, key)
    if fetched > 1:
        _hold(key, fetched)


def _hold(key: bytes, uses: int) -> None:
    """Keep a lot, of which one is used just now."""
    if len(_lots) >= MOST_LOTS:
        _lots.clear()
    _lots[key] = (monotonic() + LOT_SECONDS, uses - 1)


async def spend(session: AsyncSession, limit: Limit, subject: str) -> None:
    """One use, in the transaction of what uses it: given back where that fails. Raises `TooManyError`.

    Its row stays locked until then, so this comes last, after every other lock.
    """
    key = _key(limit, subject)
    if not await _fetch(session, limit, key, 1):
        raise await _refusal(session, limit, key)


async def _fetch(session: AsyncSession, limit: Limit, key: bytes, uses: int) -> int:
    """Take that many uses, or none of them; returns how many were taken."""
    now = clock.db_now()
    full_at = func.greatest(RequestLimit.full_at, now) + limit.each * uses
    statement = insert(RequestLimit).values(key=key, full_at=now + limit.each * uses)
    taken = await session.execute(
        statement.on_conflict_do_update(
            index_elements=[RequestLimit.key], set_={"full_at": full_at}, where=full_at <= now + limit.within
        ).returning(RequestLimit.key)
    )
    return uses if taken.first() else 0


async def _refusal(session: AsyncSession, limit: Limit, key: bytes) -> TooManyError:
    statement = select(RequestLimit.full_at, clock.db_now()).where(RequestLimit.key == key)
    full_at, now = (await session.execute(statement)).one()
    seconds = max(1, ceil((full_at - now + limit.each - limit.within).total_seconds()))
    return TooManyError(
        f"That were too many {limit.what}: at most {limit.most} in {_told(limit.within)}. Try again in {seconds} seconds.",
        seconds,
    )


def _told(span: timedelta) -> str:
    return "an hour" if span >= timedelta(hours=1) else "a minute"


def _key(limit: Limit, subject: str) -> bytes:
    return hashlib.sha256(f"{limit.name}\x1f{subject}".encode()).digest()


async def forget_full(session: AsyncSession) -> None:
    """Remove the rows of allowances that are whole again."""
    await session.execute(delete(RequestLimit).where(RequestLimit.full_at < clock.db_now()))


def forget_lots() -> None:
    """Give up what this process has fetched; the database is asked at the next use."""
    _lots.clear()
