"""Statements as text, and the connections that are lent to them."""

import asyncio
from functools import partial
from itertools import count

import psycopg
import pytest
from sqlalchemy import Integer, Text, bindparam, func, insert, literal, select, update
from sqlalchemy.exc import DBAPIError

from tms.identity.models import User
from tms.platform import db, statements
from tms.platform.lending import Lender
from tms.platform.limits import RequestLimit
from tms.platform.statements import Statement

PREPARED = Statement(select(literal(1).label("one"), bindparam("given", type_=Integer).label("given")))
ODD = "it's 100 % \\ of :name and %(name)s, 'quoted' \"twice\" ; -- \N{BLACK HEART SUIT}"


def test_constants_are_text_and_what_is_given_is_a_parameter():
    statement = Statement(
        select(User.id).where(
            User.role.in_(["admin", "student"]), User.email == bindparam("email", type_=Text)
        )
    )
    assert "IN ('admin', 'student')" in statement.text
    assert "%(email)s" in statement.text
    assert statement.text.count("%(") == 1


def test_parameters_inside_of_what_a_write_selects_stay_parameters():
    new = insert(User.__table__).from_select(["id"], select(bindparam("id", type_=Text))).returning(User.id)
    cte = new.cte("new")
    statement = Statement(update(User.__table__).where(User.id == cte.c.id).values(version=User.version + 1))
    assert "%(id)s" in statement.text
    assert "version + 1" in statement.text


async def test_odd_text_comes_back_as_it_is(database):
    both = Statement(select(literal(ODD).label("written"), bindparam("given", type_=Text).label("given")))
    found = await statements.row(both, {"given": ODD})
    assert found == {"written": ODD, "given": ODD}
    async with db.transaction() as session:
        assert dict(await statements.row_within(session, both, {"given": ODD})) == found


async def test_nothing_is_written_on_a_lent_connection(database):
    writes = Statement(insert(RequestLimit).values(key=b"x", full_at=func.now()).returning(RequestLimit.key))
    with pytest.raises(DBAPIError, match="read-only"):
        await statements.rows(writes, {})
    # The connection is as good as before.
    assert (await statements.row(PREPARED, {"given": 2})) == {"one": 1, "given": 2}


async def test_errors_are_those_of_sqlalchemy_and_quote_no_values(database):
    divided = Statement(select((literal(1) / bindparam("by", type_=Integer)).label("it")))
    with pytest.raises(DBAPIError) as raised:
        await statements.rows(divided, {"by": 0})
    assert raised.value.orig.sqlstate == "22012"


async def _plans(name):
    """How often a statement that runs twenty times was planned for all values, and for those at hand."""
    counted = Statement(
        select(func.count().label(name)).where(
            User.role.in_(["admin", "student"]), User.email == bindparam("email", type_=Text)
        )
    )
    for number in range(20):
        await statements.row(counted, {"email": f"nobody{number}@example.org"})

    async def plans(driver):
        known = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE %s"
        return await (await driver.execute(known, [f"%AS {name}%"])).fetchone()

    # Nobody else asks, so it is the same connection.
    return await db.lender().run(plans)


async def test_postgresql_plans_it_once_for_all_values(database):
    generic, custom = await _plans("planned_once")
    assert generic >= 5
    assert custom <= 5


async def test_a_statement_that_is_planned_anew_each_time_would_be_seen(database):
    async def plan(driver, mode):
        await driver.execute(f"SET plan_cache_mode = {mode}")

    await db.lender().run(partial(plan, mode="force_custom_plan"))
    generic, custom = await _plans("planned_anew")
    await db.lender().run(partial(plan, mode="auto"))
    assert generic == 0
    assert custom > 5


@pytest.fixture
async def lender(database):
    async def connect():
        return await psycopg.AsyncConnection.connect(database, autocommit=True)

    lent = Lender(connect, 3)
    yield lent
    await lent.close()


async def _pid(driver):
    return driver.info.backend_pid


async def test_the_connection_that_came_back_last_goes_out_first(lender):
    assert len({await lender.run(_pid) for _ in range(10)}) == 1
    assert (lender.open, lender.lent) == (1, 0)


async def test_no_more_are_lent_than_there_may_be(lender):
    at_work, most, names = count(), [], set()
    busy = 0

    async def use(driver):
        nonlocal busy
        busy += 1
        most.append(busy)
        names.add(driver.info.backend_pid)
        await driver.execute("SELECT pg_sleep(0.01)")
        busy -= 1
        return next(at_work)

    assert sorted(await asyncio.gather(*(lender.run(use) for _ in range(12)))) == list(range(12))
    assert max(most) == 3
    assert len(names) == 3


async def test_dead_connections_are_replaced_without_an_error(lender, database):
    async def slow(driver):
        await driver.execute("SELECT pg_sleep(0.05)")
        return driver.info.backend_pid

    before = set(await asyncio.gather(*(lender.run(slow) for _ in range(3))))
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
        for pid in before:
            await other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    async def ask(driver):
        cursor = await driver.execute("SELECT pg_backend_pid()")
        return (await cursor.fetchone())[0]

    assert await lender.run(ask) not in before
    assert lender.open == 1


async def test_who_gives_up_half_way_leaves_no_connection_in_an_unknown_state(lender):
    before = await lender.run(_pid)

    begun = asyncio.Event()

    async def endless(driver):
        begun.set()
        await driver.execute("SELECT pg_sleep(30)")

    task = asyncio.create_task(lender.run(endless))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lender.open == 0
    assert await lender.run(_pid) != before
