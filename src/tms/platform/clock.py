"""Time is aware UTC. Decisions (deadlines, expiry) use the database's clock, one for all machines."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, DateTime, func, select
from sqlalchemy.ext.asyncio import AsyncSession


def db_now() -> ColumnElement[datetime]:
    """The database's clock inside a statement: `tms_now()`, the start of the transaction, which tests can shift."""
    expression: ColumnElement[datetime] = func.tms_now(type_=DateTime(timezone=True))
    return expression


async def now(session: AsyncSession) -> datetime:
    """The database's clock as a value, for rules that are decided in Python."""
    value: datetime = (await session.execute(select(db_now()))).scalar_one()
    return value


def local_now() -> datetime:
    """The clock of this machine, for logs and for lifetimes of what never leaves the process."""
    return datetime.now(UTC)


def end_of_day(day: date, timezone: str) -> datetime:
    """The instant, in UTC, at which `day` ends in `timezone`: its last microsecond.

    Day arithmetic is done in local time, so that a day of 23 or 25 hours ends when the clock on the wall says so.
    """
    next_midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(timezone))
    return next_midnight.astimezone(UTC) - timedelta(microseconds=1)
