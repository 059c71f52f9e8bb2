"""Days and due dates: a due date given as a day ends that day on the wall clock of its time zone."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from tms.platform import clock

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
FIRST_YEAR = 1900
LAST_YEAR = 2999


def _day(value: Any) -> date:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("must be a day such as 2026-12-31")
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise ValueError("is not a day of the calendar") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return day


def _due(value: Any) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        return _day(value)
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "must be a day such as 2026-12-31 or an instant such as 2026-12-31T17:00:00Z"
        ) from error
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset: 2026-12-31T17:00:00Z or ...+01:00")
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise ValueError(f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return instant.astimezone(UTC)


@lru_cache(1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in _zones():
        raise ValueError("must name an IANA time zone such as Europe/Berlin")
    return value


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]

Due = Annotated[
    date,
    PlainValidator(_due),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
            "description": "A day (`2026-12-31`, which ends at midnight in the time zone of the batch) or an instant.",
            "examples": ["2026-12-31", "2026-12-31T17:00:00Z"],
        }
    ),
]
"""A day, or an instant in UTC (a `datetime`, which is a `date` too)."""

Zone = Annotated[
    str, Field(min_length=1, max_length=64, examples=["Europe/Berlin", "UTC"]), AfterValidator(_zone)
]


def instant(due: date | None, timezone: str) -> datetime | None:
    """The instant in UTC at which `due` has passed; none stays none."""
    if due is None or isinstance(due, datetime):
        return due
    return clock.end_of_day(due, timezone)


def in_other_zone(due_at: datetime, old: str, new: str) -> datetime:
    """A due date after its batch has changed its time zone: the end of a day stays the end of that day.

    What was given as an instant stays that instant.
    """
    day = due_at.astimezone(ZoneInfo(old)).date()
    return clock.end_of_day(day, new) if clock.end_of_day(day, old) == due_at else due_at
