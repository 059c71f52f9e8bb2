"""Jobs join the caller's transaction: they come and go with it."""

import psycopg
import pytest
from sqlalchemy import text

from tms.platform import db, queue


async def waiting(session):
    rows = await session.execute(
        text("SELECT task_name FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
    )
    return list(rows.scalars())


async def test_a_job_is_there_once_the_transaction_is(database, session):
    async with db.transaction() as writing:
        await queue.enqueue(writing, "operations.rescue_jobs", timestamp=1)
        assert await waiting(session) == []
    assert await waiting(session) == ["operations.rescue_jobs"]


async def test_a_rollback_drops_the_job_with_the_data(database, session):
    async def fail():
        async with db.transaction() as writing:
            await queue.enqueue(writing, "operations.rescue_jobs", timestamp=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await waiting(session) == []


async def test_a_unique_job_waits_once_and_harms_nothing(database, session):
    for _ in range(2):
        async with db.transaction() as writing:
            await writing.execute(
                text("INSERT INTO audit_log (action, object_type) VALUES ('before', 'test')")
            )
            await queue.enqueue(writing, "operations.rescue_jobs", unique="only one", timestamp=1)
            await writing.execute(
                text("INSERT INTO audit_log (action, object_type) VALUES ('after', 'test')")
            )
    assert await waiting(session) == ["operations.rescue_jobs"]
    assert (await session.execute(text("SELECT count(*) FROM audit_log"))).scalar_one() == 4


async def test_a_swallowed_error_does_not_look_committed(database, session):
    async def swallow():
        async with db.transaction() as writing:
            raw = (await (await writing.connection()).get_raw_connection()).driver_connection
            await writing.execute(text("INSERT INTO audit_log (action, object_type) VALUES ('lost', 'test')"))
            with pytest.raises(psycopg.errors.DivisionByZero):
                await raw.execute("SELECT 1 / 0")

    with pytest.raises(RuntimeError, match="swallowed"):
        await swallow()
    assert (await session.execute(text("SELECT count(*) FROM audit_log"))).scalar_one() == 0
