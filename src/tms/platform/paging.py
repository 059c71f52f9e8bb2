"""Keyset pages: a cursor names the last row seen, so that pages neither skip nor repeat rows when others are added."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from tms.platform import statements
from tms.platform.errors import DomainError, FieldError
from tms.platform.statements import Statement, Values

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

    rows: Sequence[Mapping[str, Any]]
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
    place = _place(request, sorts, key)
    query = _page(statement, place, sorts, key)
    rows = (await session.execute(query, place.values)).mappings().all()
    total = rows[0]["_total"] if rows else 0
    if not rows and request.cursor:
        total = (await session.execute(_counted(statement))).scalar_one()
    return _cut(rows, total, place)


class Look(NamedTuple):
    """One way to look at a list; there are a few of each, so that a statement can be kept for every one."""

    sort: str
    """With `-` before it for descending."""
    goes_on: bool
    """Whether it begins after a cursor."""


async def fetch_kept(
    build: Callable[[Look], Statement],
    values: Values,
    *,
    request: PageRequest,
    sorts: Mapping[str, Expression],
    key: Expression,
) -> Page:
    """A page as `fetch` gives it, by statements that are built once for each `Look`, through `kept`."""
    place = _place(request, sorts, key)
    rows = await statements.rows(build(place.look), {**values, **place.values})
    total = rows[0]["_total"] if rows else 0
    if not rows and request.cursor:
        first = await statements.row(build(Look(place.look.sort, goes_on=False)), {**values, "page_rows": 1})
        total = first["_total"] if first is not None else 0
    return _cut(rows, total, place)


def kept(statement: AnySelect, look: Look, *, sorts: Mapping[str, Expression], key: Expression) -> Statement:
    """The statement of a page, for `fetch_kept`; what `statement` filters by are `bindparam`s."""
    return Statement(_page(statement, _Place(look, 0, {}), sorts, key))


class _Place(NamedTuple):
    look: Look
    limit: int
    values: dict[str, Any]


def _place(request: PageRequest, sorts: Mapping[str, Expression], key: Expression) -> _Place:
    sort = request.sort or next(iter(sorts))
    expression = sorts.get(sort.removeprefix("-"))
    if expression is None:
        raise InvalidPageError(
            fields=[FieldError("sort", f"must be one of {', '.join(sorts)}, with - for descending")]
        )
    values: dict[str, Any] = {"page_rows": request.limit + 1}
    if request.cursor:
        kinds = expression.type.python_type, key.type.python_type
        values["page_value"], values["page_key"] = _decode(request.cursor, sort, *kinds)
    return _Place(Look(sort, goes_on=bool(request.cursor)), request.limit, values)


def _page(statement: AnySelect, place: _Place, sorts: Mapping[str, Expression], key: Expression) -> AnySelect:
    sort, goes_on = place.look
    descending = sort.startswith("-")
    expression = sorts[sort.removeprefix("-")]
    query = statement.add_columns(
        expression.label("_sort"), key.label("_key"), _counted(statement).scalar_subquery().label("_total")
    )
    if goes_on:
        after = tuple_(bindparam("page_value", type_=expression.type), bindparam("page_key", type_=key.type))
        here = tuple_(expression, key)
        query = query.where(here < after if descending else here > after)
    order = (expression.desc(), key.desc()) if descending else (expression.asc(), key.asc())
    return query.order_by(*order).limit(bindparam("page_rows", type_=Integer))


def _counted(statement: AnySelect) -> Select[int]:
    return select(func.count()).select_from(
        statement.with_only_columns(literal(1), maintain_column_froms=True)
        .order_by(None)
        .limit(TOTAL_LIMIT + 1)
        .subquery()
    )


def _cut(rows: Sequence[Any], total: int, place: _Place) -> Page:
    more = len(rows) > place.limit
    rows = rows[: place.limit]
    last = rows[-1] if more else None
    return Page(
        rows=rows,
        limit=place.limit,
        next_cursor=_encode(place.look.sort, last["_sort"], last["_key"]) if last is not None else None,
        total=None if total > TOTAL_LIMIT else total,
    )


def contains(column: Expression, text: str) -> ColumnElement[bool]:
    """A case-insensitive search for `text` as it stands: its wildcards are escaped."""
    return column.icontains(text, autoescape=True)


def contains_given(column: Expression, name: str) -> ColumnElement[bool]:
    """The same for a statement that is kept: the text is the parameter `name`, given as `sought` writes it."""
    pattern = literal("%") + bindparam(name, type_=Text) + literal("%")
    return column.ilike(pattern, escape="/")


def sought(text: str) -> str:
    """A text as the parameter of `contains_given`: its wildcards are escaped."""
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")
