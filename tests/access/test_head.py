"""HEAD: what GET would say, but its body; on every route, to everybody."""

import asyncio

import pytest
from sqlalchemy import text
from tests.access import pages
from tests.access.doors import DOORS
from tests.access.ground import COUNTERS
from tests.access.relations import ADMIN, SELF, TRAINER

from tms.platform import db

ASKING = ("anonymous", SELF, TRAINER, ADMIN)
GROWING = ("/metrics", "/export")
"""Each answer is longer than the one before, which it tells about."""
PATIENCE = 5


def _requests(world):
    """Each route that can be read, about something that is there and something that is not."""
    for doors, page in ((DOORS, False), (pages.DOORS, True)):
        for (method, path), door in doors.items():
            for thing in {door.things()[0], door.things()[-1]} if method == "GET" else ():
                yield door.request(world, path, thing)[0], page
    for method, path in pages.OPEN:
        if method == "GET":
            yield path.format(**pages.ADDRESSES), True


def _head(answer, address):
    """Status and headers; of what each answer has of its own, and of the size of what grows, that they are there."""
    own = {"x-request-id", "set-cookie"} | ({"location"} if address == "/login" else set())
    if address.endswith(GROWING):
        own.add("content-length")
    headers = answer.headers.multi_items()
    return answer.status_code, sorted((name, "" if name in own else value) for name, value in headers)


@pytest.mark.parametrize("subject", ASKING)
async def test_head_is_get_without_its_body(world, ground, subject):
    statuses = set()
    for address, page in _requests(world):
        read = await world.send(subject, "GET", address, page=page)
        told = await world.send(subject, "HEAD", address, page=page)
        assert told.content == b"", address
        assert _head(told, address) == _head(read, address), address
        statuses.add(read.status_code)
    assert statuses >= ({200, 401} if subject == "anonymous" else {200, 404})
    assert await ground.put_back() <= COUNTERS | {"audit_log"}


async def test_what_is_streamed_without_an_end_is_not_waited_for(world, ground):
    job = world.jobs["office's"]
    async with db.transaction() as session:
        await session.execute(text("UPDATE jobs SET state = 'running' WHERE id = :id"), {"id": job})
    async with asyncio.timeout(PATIENCE):
        told = await world.send(ADMIN, "HEAD", f"/api/v1/jobs/{job}/events")
    assert told.status_code == 200
    assert told.headers["content-type"].startswith("text/event-stream")
    assert told.content == b""
    await ground.put_back()
