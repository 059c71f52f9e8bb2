"""How many statements a route takes does not depend on how much there is, and none of the hot ones reads a big table."""

import json
import re

import psycopg
import pytest
from benchmarks import dataset
from benchmarks.overheard import overheard
from sqlalchemy import literal, select, text
from tests.people import token_for

from tms.platform import db, statements
from tms.platform.statements import Statement

FEW, MANY, LEARNERS = 10, 12_000, 1_500
BIG = 10_000
STUDENT = dataset.student_id(7)
SECTION = dataset.section_id(dataset.course_of(7, 1) * dataset.SECTIONS + 20)
BATCH = "01900000-0000-7000-8004-000000000007"
SEARCH = dataset.name_part(7)
DONE = {"completed": True, "timeSpentSeconds": 60}

# Who asks for what, and how many statements that takes, without the one by which the gate asks for a status.
ROUTES = {
    "GET /students/{id}/courses": ("student", "GET", f"/students/{STUDENT}/courses", 1),
    "GET /progress": ("student", "GET", "/progress?limit=200", 1),
    "PUT /progress/sections/{id}": ("student", "PUT", f"/progress/sections/{SECTION}", 2),
    "GET /students?search": ("admin", "GET", f"/students?limit=200&search={SEARCH}", 1),
    "GET /students": ("admin", "GET", "/students?limit=200", 1),
    "GET /students/{id}": ("admin", "GET", f"/students/{STUDENT}", 1),
    "GET /users": ("admin", "GET", "/users?limit=200", 1),
    "GET /courses": ("admin", "GET", "/courses?limit=200", 1),
    "GET /batches": ("admin", "GET", "/batches?limit=200", 1),
    "GET /batches/{id}/students": ("admin", "GET", f"/batches/{BATCH}/students?limit=200", 2),
    "GET /batches/{id}/progress": ("admin", "GET", f"/batches/{BATCH}/progress?limit=200", 5),
    "GET /assignments": ("admin", "GET", "/assignments?limit=200", 1),
}
# What people do all the time. A list without any filter counts up to 10,000 of its rows and is not among them.
HOT = [
    "GET /students/{id}/courses",
    "GET /progress",
    "PUT /progress/sections/{id}",
    "GET /students?search",
    "GET /students/{id}",
]


@pytest.fixture
def ask(people):
    """`await ask(route)` does it through the API and gives back the statements that it took."""

    async def asking(route):
        role, method, path, _ = ROUTES[route]
        number = {"admin": 0, "student": 7}[role]
        account = dataset.account_id(number)
        client = people._client(dataset.student_id(number), account, None, await token_for(account))
        with overheard() as said:
            answer = await client.request(method, path, **({"json": DONE} if method == "PUT" else {}))
        assert answer["data"]
        return said

    return asking


def big_tables(connection):
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > %s",
        [BIG],
    )
    return {name for (name,) in rows}


def read_whole(connection, statement, parameters):
    """The big tables that a statement reads from end to end, planned for its values and planned for any."""
    by_number = []

    def number(match):
        by_number.append(match[1])
        return f"${len(by_number)}"

    generic = re.sub(r"%\((\w+)\)s", number, statement).replace("%%", "%")
    values = psycopg.ClientCursor(connection).mogrify(statement, parameters)
    found = set()
    for plan in (f"EXPLAIN (FORMAT JSON) {values}", f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {generic}"):
        (explained,) = connection.execute(plan.encode()).fetchone()
        found |= set(_scanned(explained[0]["Plan"])) & big_tables(connection)
    return found


def _scanned(node):
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _scanned(child)


async def test_statements_do_not_grow_with_the_rows_and_hot_ones_use_indexes(database, ask):
    await dataset.grow(database, FEW)
    # The first request fetches the keys that tokens are signed with.
    await ask("GET /progress")
    with_few = {route: len(await ask(route)) for route in ROUTES}
    await dataset.grow(database, MANY, learners=LEARNERS)
    with_many = {route: await ask(route) for route in ROUTES}

    assert {route: len(said) for route, said in with_many.items()} == with_few
    assert with_few == {route: most for route, (*_, most) in ROUTES.items()}
    with psycopg.connect(database, autocommit=True) as connection:
        assert big_tables(connection) >= {
            "users",
            "course_assignments",
            "course_progress",
            "section_progress",
        }
        scans = {
            route: tables
            for route in HOT
            for statement, parameters in with_many[route]
            if (tables := read_whole(connection, statement, parameters))
        }
        # The detector itself: nothing is indexed by telephone number.
        planted = read_whole(
            connection, "SELECT id FROM users WHERE phone = %(phone)s::VARCHAR", {"phone": "1"}
        )
    assert scans == {}
    assert planted == {"users"}


async def test_what_is_said_in_any_way_is_heard(people):
    """One statement more, whichever way it takes to the database, is one more in the count."""
    admin = await people.admin()
    lent = Statement(select(literal(1).label("lent")))
    await admin.get("/me")
    with overheard() as said:
        await admin.get("/me")
        alone = len(said)
        await statements.row(lent, {})
        async with db.reading() as session:
            await session.execute(text("SELECT 'read'"))
        async with db.transaction() as session:
            await session.execute(text("SELECT 'written'"))
            await statements.row_within(session, lent, {})
    heard = [statement for statement, _ in said[alone:]]
    assert heard == [lent.text, "SELECT 'read'", "SELECT 'written'", lent.text]
    assert len(said) == alone + 4
    await admin.get("/me")
    assert len(said) == alone + 4


def test_a_plan_is_searched_to_its_leaves():
    leaf = {"Node Type": "Seq Scan", "Relation Name": "users"}
    nested = {"Node Type": "Limit", "Plans": [{"Node Type": "Sort", "Plans": [leaf]}]}
    assert list(_scanned(json.loads(json.dumps(nested)))) == ["users"]
    assert list(_scanned({"Node Type": "Index Scan", "Relation Name": "users"})) == []
