"""The database: one engine that writes, one that only reads, and the edges at which transactions begin and end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, DateTime, MetaData, Text, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from tms.platform.lending import Lender

POOL_SIZE = 10
"""Of each engine. None above: a connection that is made for one statement and closed after it costs ten statements."""
POOL_TIMEOUT_SECONDS = 30
TIMEOUTS = (
    "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"
)


class Base(DeclarativeBase):
    """Every table; constraints have telling names, because errors are found by them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


def driver_url(url: str) -> str:
    """The URL as SQLAlchemy wants it, with psycopg 3 as the one driver."""
    _, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}"


def plain_url(url: str) -> str:
    """The URL as libpq and psycopg want it."""
    _, _, rest = url.partition("://")
    return f"postgresql://{rest}"


@dataclass(frozen=True, slots=True)
class _Database:
    url: str
    writer: AsyncEngine
    reader: AsyncEngine
    lender: Lender
    writing: async_sessionmaker[AsyncSession]
    reading: async_sessionmaker[AsyncSession]


_open: _Database | None = None


def connect(url: str, *, pool_size: int = POOL_SIZE) -> None:
    """Prepare the two engines of this process; connections are made when they are first used."""
    global _open  # noqa: PLW0603 - one database per process, opened and closed by its assembly
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT_SECONDS,
        "pool_recycle": 1800,
        # Errors would quote the values of a statement, and they are people's.
        "hide_parameters": True,
    }
    only_reads: Any = {"options": f"{TIMEOUTS} -c default_transaction_read_only=on", "connect_timeout": 5}
    writer = create_async_engine(
        driver_url(url),
        pool_pre_ping=True,
        connect_args={"options": TIMEOUTS, "connect_timeout": 5},
        **options,
    )
    # AUTOCOMMIT saves BEGIN and ROLLBACK around each read and the ROLLBACK when the connection is given back; the server
    # refuses writes on these connections.
    reader = create_async_engine(
        driver_url(url),
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        connect_args=only_reads,
        **options,
    )
    event.listen(writer.sync_engine, "commit", _refuse_an_aborted_transaction)
    _open = _Database(
        url=url,
        writer=writer,
        reader=reader,
        lender=Lender(
            lambda: AsyncConnection.connect(plain_url(url), autocommit=True, **only_reads), pool_size
        ),
        writing=async_sessionmaker(writer, expire_on_commit=False),
        reading=async_sessionmaker(reader, expire_on_commit=False),
    )


def _refuse_an_aborted_transaction(connection: Connection) -> None:
    """PostgreSQL answers COMMIT with a silent rollback where an error was swallowed before; that must not look done."""
    raw: Any = connection.connection.driver_connection
    if raw.info.transaction_status is TransactionStatus.INERROR:
        raise RuntimeError("an error of the database was swallowed: there is nothing left to commit")


async def disconnect() -> None:
    """Close every connection of this process."""
    global _open  # noqa: PLW0603 - see connect
    if _open is not None:
        await _open.writer.dispose()
        await _open.reader.dispose()
        await _open.lender.close()
        _open = None


def _database() -> _Database:
    if _open is None:
        raise RuntimeError("the database is used before platform.db.connect")
    return _open


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections of one engine: at work, open, and at most."""

    used: int
    open: int
    most: int


def pools() -> dict[str, PoolUse]:
    """How far the connections of this process are used, by engine; none where it is not connected."""
    if _open is None:
        return {}
    found: dict[str, PoolUse] = {}
    for name, engine in (("writer", _open.writer), ("reader", _open.reader)):
        pool: Any = engine.pool
        used, idle = pool.checkedout(), pool.checkedin()
        found[name] = PoolUse(used, used + idle, pool.size())
    lender = _open.lender
    found["lender"] = PoolUse(lender.lent, lender.open, lender.most)
    return found


def lender() -> Lender:
    """Connections that only read, for `platform.statements`."""
    return _database().lender


def url() -> str:
    """The URL of the database that this process uses."""
    return _database().url


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncSession]:
    """A transaction for jobs, commands and use cases with an outside effect: committed at the end, else rolled back.

    Requests that touch nothing but the database take `http.sessions.WriteSession` instead. Nothing else commits.
    """
    async with _database().writing() as session, session.begin():
        yield session


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncSession]:
    """A session that only reads; each statement sees the latest committed state."""
    async with _database().reading() as session:
        yield session


@asynccontextmanager
async def snapshot() -> AsyncIterator[AsyncSession]:
    """A session whose statements all see one and the same state: READ ONLY, REPEATABLE READ."""
    async with _database().writing() as session:
        await session.connection(
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        yield session
        await session.rollback()
