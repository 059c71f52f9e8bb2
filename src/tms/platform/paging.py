"""Keyset pages: a cursor names the last row seen, so that pages neither skip nor repeat rows when others are added."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from tms.platform.errors import DomainError, FieldError

Expression = ColumnElement[Any] | InstrumentedAttribute[Any]
AnySelect = Select[*tuple[Any, ...]]

TOTAL_LIMIT = 10_000
"""Up to here `total` is exact; above it is null, since counting would cost more than the page."""


LARGEST = 2**63 - 1
"""Of PostgreSQL's `bigint`."""


class InvalidPageError(DomainError):
    """A cursor that was not given out by this list, or a sort it does not know."""

    status = 422
    code = "invalid_page"
    title = "The page cannot be found; start again without `cursor`"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a caller asks for: `sort` is a name of the list, with `-` before it for descending."""

    limit: int = 50
    cursor: str | None = None
    sort: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `total` is null above 10,000."""

    rows: Sequence[RowMapping]
    limit: int
    next_cursor: str | None
    total: int | None


def _encode(sort: str, value: Any, key: UUID | int) -> str:
    plain = value.isoformat() if isinstance(value, date | datetime) else value
    return base64.urlsafe_b64encode(json.dumps([sort, plain, str(key)]).encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str, kind: type, key_kind: type) -> tuple[Any, Any]:
    refusal = InvalidPageError(fields=[FieldError("cursor", "was not given out by this list")])
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found_sort, value, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if issubclass(kind, date) and isinstance(value, str):
            value = kind.fromisoformat(value)
        place = value, key_kind(key)
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise refusal from error
    if found_sort != sort or type(value) is not kind or (isinstance(value, str) and "\x00" in value):
        raise refusal
    if any(isinstance(part, int) and abs(part) > LARGEST for part in place):
        raise refusal
    return place


async def fetch(
    session: AsyncSession,
    statement: AnySelect,
    *,
    request: PageRequest,
    sorts: Mapping[str, Expression],
    key: Expression,
) -> Page:
    """Run `statement` as one page, in one SQL statement.

    `sorts` maps names to expressions that are never null, the first being the default; `key` breaks ties.
    The statement carries its filters already and no order, limit or columns named `_sort`, `_key`, `_total`.
    """
    sort = request.sort or next(iter(sorts))
    descending = sort.startswith("-")
    expression = sorts.get(sort.removeprefix("-"))
    if expression is None:
        raise InvalidPageError(
            fields=[FieldError("sort", f"must be one of {', '.join(sorts)}, with - for descending")]
        )
    counted = select(func.count()).select_from(
        statement.with_only_columns(literal(1), maintain_column_froms=True)
        .order_by(None)
        .limit(TOTAL_LIMIT + 1)
        .subquery()
    )
    query = statement.add_columns(
        expression.label("_sort"), key.label("_key"), counted.scalar_subquery().label("_total")
    )
    if request.cursor:
        value, after = _decode(request.cursor, sort, expression.type.python_type, key.type.python_type)
        place = tuple_(literal(value, type_=expression.type), literal(after, type_=key.type))
        here = tuple_(expression, key)
        query = query.where(here < place if descending else here > place)
    order = (expression.desc(), key.desc()) if descending else (expression.asc(), key.asc())
    rows = (await session.execute(query.order_by(*order).limit(request.limit + 1))).mappings().all()
    total = rows[0]["_total"] if rows else 0
    if not rows and request.cursor:
        total = (await session.execute(counted)).scalar_one()
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    return Page(
        rows=rows,
        limit=request.limit,
        next_cursor=_encode(sort, rows[-1]["_sort"], rows[-1]["_key"]) if more else None,
        total=None if total > TOTAL_LIMIT else total,
    )


def contains(column: Expression, text: str) -> ColumnElement[bool]:
    """A case-insensitive search for `text` as it stands: its wildcards are escaped."""
    return column.icontains(text, autoescape=True)
