"""Statements that are built once and from then on are text: SQLAlchemy writes it, the driver sends it, PostgreSQL plans it once.

For what people do all the time. Two things are saved. SQLAlchemy's session, its look at the whole expression and its rows
cost ten times what the driver costs. And constants are part of the text: PostgreSQL keeps one plan for all values of a
prepared statement only where that promises to be no dearer than a plan for each, which it cannot tell while `'published'`
or 100 are parameters too. It then plans anew every time, and that took several times longer than the statement itself.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import psycopg
from sqlalchemy import BindParameter
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from tms.platform import db

Values = Mapping[str, Any]
Found = Mapping[str, Any]
"""A row."""


class _Writer(PGCompiler_psycopg):
    """Writes out every value that is known."""

    def visit_bindparam(  # type: ignore[override]  # the library's long list of options is passed on
        self, bindparam: BindParameter[Any], *, literal_binds: bool = False, **options: Any
    ) -> str:
        """Only what is given with each execution stays a parameter."""
        known = literal_binds or not bindparam.required
        written: str = super().visit_bindparam(bindparam, literal_binds=known, **options)  # type: ignore[no-untyped-call]
        return written


class _Dialect(PGDialect_psycopg):
    statement_compiler = _Writer
    supports_statement_cache = True


_DIALECT = _Dialect()  # type: ignore[no-untyped-call]


class Statement:
    """An expression as text. Its `bindparam`s without a value are what `values` are given for; the rest is written out.

    Rows are mappings from names to what the driver makes of the values (UUID, aware datetime, what `json` holds).
    """

    __slots__ = ("rows", "text")

    def __init__(self, expression: ClauseElement) -> None:
        compiled = cast("SQLCompiler", expression.compile(dialect=_DIALECT))
        self.text = str(compiled)
        names = [column.keyname for column in compiled._result_columns]  # noqa: SLF001 - told nowhere else

        def row(values: Sequence[Any]) -> dict[str, Any]:
            return dict(zip(names, values, strict=True))

        self.rows = lambda _cursor: row


async def rows(statement: Statement, values: Values) -> Sequence[Found]:
    """What a statement that only reads finds, on a connection that is lent to it while it runs."""
    try:
        found: Any = await db.lender().run(partial(send, statement, values))
    except psycopg.Error as error:
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, hide_parameters=True, dialect=_DIALECT
        ) from error
    except TimeoutError as error:
        raise PoolTimeoutError("no connection was free for long") from error
    return cast("Sequence[Found]", found)


async def send(statement: Statement, values: Values, driver: Any) -> Sequence[Found]:
    """Run a statement on a connection of the driver's; what listens to statements listens here."""
    cursor = driver.cursor(row_factory=statement.rows)
    await cursor.execute(statement.text, values)
    found: Sequence[Found] = await cursor.fetchall()
    return found


async def row(statement: Statement, values: Values) -> Found | None:
    """The one row that a statement that only reads finds, or none."""
    found = await rows(statement, values)
    return found[0] if found else None


async def row_within(session: AsyncSession, statement: Statement, values: Values) -> Found | None:
    """The one row that a statement gives back which is part of the session's transaction, or none."""
    connection = await session.connection()
    found = (await connection.exec_driver_sql(statement.text, dict(values))).mappings().one_or_none()
    return cast("Found | None", found)
