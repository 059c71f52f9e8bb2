"""Tables out of a database and into one, as PostgreSQL's COPY writes and reads them: streamed, exact, in one state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import LiteralString, cast

import psycopg
from psycopg import IsolationLevel, sql

from tms.cli.backup.archive import Sink
from tms.cli.failures import CannotStartError
from tms.platform import db

# The history of the queue is for looking at, and no state; the version of the tables stands in the manifest.
_LEFT_OUT = ("alembic_version", "procrastinate_events")
_EXACT = (
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '60s'; "
    "SET client_encoding = 'UTF8'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; "
    "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET search_path = public"
)

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """A table with its columns, in the order in which they are written; `bytes` is how much it takes on disk."""

    name: str
    columns: tuple[str, ...]
    bytes: int


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection of its own, whose values are written the same everywhere and whose statements may take their time."""
    async with await psycopg.AsyncConnection.connect(db.plain_url(url), autocommit=True) as connection:
        await connection.execute(_EXACT)
        yield connection


@asynccontextmanager
async def one_state(connection: Connection) -> AsyncIterator[None]:
    """Everything that is read within is of one moment, while others go on writing."""
    await connection.set_autocommit(False)
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
    async with connection.transaction():
        yield


async def column(connection: Connection, query: str, *values: object) -> list[object]:
    """The first column of a query of ours."""
    cursor = await connection.execute(query, values)
    return [row[0] for row in await cursor.fetchall()]


async def tables(connection: Connection) -> list[Found]:
    """Every table that is kept, referred-to tables before those that refer to them. Unlogged ones may be lost any time."""
    cursor = await connection.execute(
        """
        SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum), pg_table_size(c.oid),
          ARRAY(SELECT DISTINCT r.relname::text FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid
                WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relpersistence = 'p'
          AND c.relname <> ALL (%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        GROUP BY c.oid, c.relname ORDER BY c.relname
        """,
        [list(_LEFT_OUT)],
    )
    rows = cast("Sequence[tuple[str, list[str], int, list[str]]]", await cursor.fetchall())
    found = {name: Found(name, tuple(columns), size) for name, columns, size, _ in rows}
    order = TopologicalSorter({name: [one for one in needs if one in found] for name, _, _, needs in rows})
    return [found[name] for name in order.static_order()]


async def sequences(connection: Connection) -> dict[str, int]:
    """How far each sequence is that was ever used; read after the tables, since no code may be given twice."""
    cursor = await connection.execute(
        "SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
    )
    return dict(cast("Sequence[tuple[str, int]]", await cursor.fetchall()))


def _copy(table: str, columns: Iterable[str], direction: LiteralString) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) " + direction).format(sql.Identifier(table), names)


async def write(connection: Connection, table: Found, sink: Sink) -> int:
    """Write a table's rows; returns how many there are."""
    cursor = connection.cursor()
    async with cursor.copy(_copy(table.name, table.columns, "TO STDOUT")) as rows:
        async for data in rows:
            sink.write(bytes(data))
    return cursor.rowcount


async def check_empty(connection: Connection, migration: str) -> None:
    """Raise `CannotStartError` unless there is nothing in the database, or only the empty tables that a restore has left which was broken off."""
    there = await column(connection, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
    if not there:
        return
    filled = [
        table.name
        for table in await tables(connection)
        if await column(connection, f'SELECT 1 FROM "{table.name}" LIMIT 1')  # noqa: S608 - a name out of the catalogue
    ]
    made = "alembic_version" in there and await column(
        connection, "SELECT version_num FROM alembic_version"
    ) == [migration]
    if filled or not made:
        raise CannotStartError(
            "The database is not empty, and a restore replaces nothing: set TMS_HOME to a folder of its own, or DATABASE_URL to "
            "a new and empty database"
        )


async def load(
    connection: Connection,
    parts: Mapping[str, Sequence[str]],
    read: Mapping[str, Iterable[bytes]],
    positions: Mapping[str, int],
    afterwards: Iterable[str],
) -> AsyncIterator[tuple[str, int]]:
    """Load every table, giving its name and number of rows; all of it, and what is to be done afterwards, or nothing.

    `parts` are the columns of each table as they were written. Raises `CannotStartError` where they are none of ours.
    """
    known = {table.name: table for table in await tables(connection)}
    if set(known) != set(parts) or any(set(known[name].columns) != set(parts[name]) for name in parts):
        raise CannotStartError(
            "The backup has other tables than its version of TMS makes: use another backup"
        )
    with_triggers = await column(
        connection,
        "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY (%s)",
        list(known),
    )
    async with connection.transaction():
        # What triggers have once written is in the backup.
        await _triggers(connection, with_triggers, "DISABLE")
        for table in known.values():
            cursor = connection.cursor()
            async with cursor.copy(_copy(table.name, parts[table.name], "FROM STDIN")) as rows:
                for chunk in read[table.name]:
                    await rows.write(chunk)
            yield table.name, cursor.rowcount
        for name, value in positions.items():
            await connection.execute("SELECT setval(quote_ident(%s)::regclass, %s)", [name, value])
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        await _triggers(connection, with_triggers, "ENABLE")
        for statement in afterwards:
            await connection.execute(statement)


async def _triggers(connection: Connection, names: Iterable[object], verb: LiteralString) -> None:
    for name in names:
        await connection.execute(
            sql.SQL("ALTER TABLE {} " + verb + " TRIGGER USER").format(sql.Identifier(str(name)))
        )
