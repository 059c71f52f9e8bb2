"""The transactions that decide who gets what, two at a time, in the orders in which their statements can meet."""

import pytest
from sqlalchemy import text
from tests.people import API
from tests.races import stepping

from tms.platform import db

LEARNING = {"completed": True}


class Pair:
    """Two requests that want the same; made anew for every order."""

    allowed = frozenset()
    """What the two may be answered."""

    def __init__(self, planner):
        self.planner = planner
        self.answers = ()

    async def prepare(self):
        """Makes what the two are about."""

    def send(self, method, path, body=None, who=None):
        """A request to come; gives the status of its answer."""

        async def ask():
            options = {} if body is None else {"json": body}
            answer = await (who or self.planner.admin).http.request(method, f"{API}{path}", **options)
            return answer.status_code

        return ask

    async def check(self):
        """What must be so afterwards, beside every promise that `tms doctor` examines."""


class LastSeat(Pair):
    allowed = frozenset({(201, 409), (409, 201)})

    async def prepare(self):
        self.batch = await self.planner.batch(capacity=1)
        await self.planner.give(self.batch, await self.planner.course())
        return [
            self.send("POST", f"/batches/{self.batch['id']}/students", {"studentIds": [str(one.id)]})
            for one in await self.planner.students(2)
        ]

    async def check(self):
        found = await self.planner.admin.get(f"/batches/{self.batch['id']}")
        assert found["data"]["seatsTaken"] == 1


class OneSectionTwice(Pair):
    allowed = frozenset({(200, 200)})
    sections = 1

    async def prepare(self):
        [self.student] = await self.planner.students(1)
        course = await self.planner.course(sections=self.sections)
        body = {"studentIds": [str(self.student.id)]}
        await self.planner.admin.post(f"/courses/{course}/assignments", body, status=201)
        found = await self.planner.admin.get(f"/courses/{course}?include_sections=true")
        ids = [section["id"] for section in found["data"]["sections"]]
        return [
            self.send("PUT", f"/progress/sections/{section}", LEARNING, self.student)
            for section in (ids[0], ids[-1])
        ]

    async def check(self):
        [row] = (await self.student.get("/progress"))["data"]
        assert (row["sectionsCompleted"], row["progress"]) == (self.sections, 100)
        assert row["completedAt"] is not None


class TwoLastSections(OneSectionTwice):
    sections = 2


class PublishAndRemove(Pair):
    allowed = frozenset({(200, 409), (400, 200)})

    async def prepare(self):
        self.course = await self.planner.course(status="draft")
        found = await self.planner.admin.get(f"/courses/{self.course}?include_sections=true")
        [section] = found["data"]["sections"]
        return [
            self.send("PUT", f"/courses/{self.course}/publish"),
            self.send("DELETE", f"/courses/{self.course}/sections/{section['id']}"),
        ]

    async def check(self):
        found = (await self.planner.admin.get(f"/courses/{self.course}"))["data"]
        expected = ("published", 1) if self.answers == (200, 409) else ("draft", 0)
        assert (found["status"], found["totalSections"]) == expected


class MoveAndRemove(Pair):
    allowed = frozenset({(200, 404), (404, 200)})

    async def prepare(self):
        [self.student] = await self.planner.students(1)
        self.batches = [await self.planner.batch(capacity=1) for _ in range(2)]
        course = await self.planner.course()
        for batch in self.batches:
            await self.planner.give(batch, course)
        old, new = self.batches
        await self.planner.join(old, self.student)
        path = f"/batches/{old['id']}/students/{self.student.id}"
        return [
            self.send("POST", f"{path}/move", {"toBatchId": new["id"]}),
            self.send("DELETE", path),
        ]

    async def check(self):
        taken = [
            (await self.planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"]
            for batch in self.batches
        ]
        assert taken == [0, 1 if self.answers == (200, 404) else 0]
        assert len((await self.student.get("/courses"))["data"]) == taken[1]


class OneAddressTwice(Pair):
    allowed = frozenset({(200, 409), (409, 200)})

    async def prepare(self):
        batch = await self.planner.batch()
        self.batch = batch["id"]
        person = {"firstName": "Ada", "lastName": "Example", "batchId": self.batch}
        local = f"ada{self.batch[-12:]}"
        return [
            self.send("POST", "/students/enroll", person | {"email": email})
            for email in (f"{local}@example.org", f"{local.upper()}@Example.Org")
        ]

    async def check(self):
        found = await self.planner.admin.get(f"/batches/{self.batch}")
        assert found["data"]["seatsTaken"] == 1


PAIRS = [LastSeat, OneSectionTwice, TwoLastSections, PublishAndRemove, MoveAndRemove, OneAddressTwice]


@pytest.fixture
async def onlooker(database):
    async with await stepping.onlooker(database) as connection:
        yield connection


@pytest.fixture
def stepped(connected):
    with stepping.stepped(db._database().writer):
        yield


@pytest.mark.long
@pytest.mark.parametrize("kind", PAIRS)
async def test_two_transactions_in_every_order(planner, healthy, onlooker, stepped, kind):
    pair = kind(planner)
    orders = stepping.orders(*[await stepping.alone((await pair.prepare())[place]) for place in (0, 1)])
    assert len(orders) >= 20
    seen, waits = set(), 0
    for order in orders:
        answers, waited = await stepping.run(order, await pair.prepare(), onlooker)
        pair.answers = tuple(answers)
        assert pair.answers in kind.allowed, order
        seen.add(pair.answers)
        waits += waited
        await pair.check()
        await healthy()
    # Each wins somewhere, and somewhere one stood at the other's lock: they did meet.
    assert seen == kind.allowed
    assert waits > 0


async def test_a_lost_update_is_found_in_some_order_and_in_no_serial_one(planner, onlooker, stepped):
    """Two that read and then write what they read, without a lock: what the orders above would show of such code."""
    batch = await planner.batch()

    async def careless():
        async with db.transaction() as session:
            taken = await session.execute(text("SELECT seats_taken FROM batches"))
            values = {"taken": taken.scalar_one() + 1}
            await session.execute(text("UPDATE batches SET seats_taken = :taken"), values)

    steps = await stepping.alone(careless)
    assert steps >= 3
    lost = set()
    found = 1
    for order in stepping.orders(steps, steps):
        await stepping.run(order, [careless, careless], onlooker)
        before, found = found, (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"]
        if found != before + 2:
            lost.add(order)
    assert lost
    assert not lost & {"a" * steps + "b" * steps, "b" * steps + "a" * steps}
