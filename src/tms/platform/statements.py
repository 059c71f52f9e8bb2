"""Statements that are built once and from then on are text: SQLAlchemy writes it, the driver sends it, PostgreSQL plans it once.

For what people do all the time. Two things are saved. SQLAlchemy's session, its look at the whole expression and its rows
cost ten times what the driver costs. And constants are part of the text: PostgreSQL keeps one plan for all values of a
prepared statement only where that promises to be no dearer than a plan for each, which it cannot tell while `'published'`
or 100 are parameters too. It then plans anew every time, and that took several times longer than the statement itself.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import psycopg
from sqlalchemy import BindParameter, Executable
from sqlalchemy.dialects.postgresql import psycopg as dialects
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ClauseElement, visitors

from tms.platform import db

Values = Mapping[str, Any]
_DIALECT = dialects.dialect()


class Statement:
    """An expression as text. Its `bindparam`s without a value are what `values` are given for; the rest is written out.

    Rows are the driver's: named tuples of Python's types (UUID, aware datetime, what `json` holds).
    """

    __slots__ = ("shape", "text")

    def __init__(self, expression: Executable) -> None:
        if not isinstance(expression, ClauseElement):
            raise TypeError("only an expression of SQL can be written out")
        names: set[str] = set()

        def settle(parameter: BindParameter[Any]) -> None:
            if parameter.required:
                names.add(parameter.key)
                parameter.required = False
            else:
                parameter.literal_execute = True

        settled = visitors.cloned_traverse(expression, {}, {"bindparam": settle})
        compiled = settled.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        make = namedtuple("Row", [column.name for column in compiled._result_columns])._make  # noqa: PYI024
        self.shape = lambda _cursor: make
        if set(compiled.params) != names:
            raise ValueError(f"{sorted(set(compiled.params) - names)} could not be written out")


async def rows(statement: Statement, values: Values) -> Sequence[Any]:
    """What a statement that only reads finds, on a connection that is lent to it while it runs."""
    try:
        found: Any = await db.lender().run(partial(send, statement, values))
    except psycopg.Error as error:
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, hide_parameters=True, dialect=_DIALECT
        ) from error
    return cast("Sequence[Any]", found)


async def send(statement: Statement, values: Values, driver: Any) -> Sequence[Any]:
    """Run a statement on a connection of the driver's; what listens to statements listens here."""
    cursor = driver.cursor(row_factory=statement.shape)
    await cursor.execute(statement.text, values)
    found: Sequence[Any] = await cursor.fetchall()
    return found


async def row(statement: Statement, values: Values) -> Any | None:
    """The one row that a statement that only reads finds, or none."""
    found = await rows(statement, values)
    return found[0] if found else None


async def row_within(session: AsyncSession, statement: Statement, values: Values) -> Any | None:
    """The one row that a statement gives back which is part of the session's transaction, or none."""
    connection = await session.connection()
    return (await connection.exec_driver_sql(statement.text, dict(values))).one_or_none()
