"""Whoever is disabled is out within five seconds at every door of every process, although their token lives on."""

import asyncio
import time
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import insert
from tests.people import API

from tms.identity.models import User
from tms.operations.models import Job
from tms.platform import db
from tms.platform.ids import new_id
from tms.web import sessions
from tms.web.visitor import session_cookie

LIMIT = 5.0


@pytest.fixture
async def doomed(people, database):
    """An administrator with a job to watch and a page session."""
    await people.admin()
    person = await people.admin()
    job_id = new_id()
    async with db.transaction() as session:
        await session.execute(
            insert(Job).values(id=job_id, kind="content.process", state="running", created_by=person.id)
        )
        tokens = sessions.Tokens("a refresh token", "an ID token", timedelta(hours=1))
        person.cookie = await sessions.begin(session, person.id, tokens)
    person.job = f"/jobs/{job_id}"
    return person


class Door:
    """One way in at one process, tried again and again; `closed_at` is when it first was shut."""

    def __init__(self, name, attempt):
        self.name = name
        self.attempt = attempt
        self.opened = 0
        self.closed_at = None

    async def watch(self):
        while self.closed_at is None:
            if await self.attempt():
                self.opened += 1
                await asyncio.sleep(0.05)
            else:
                self.closed_at = time.monotonic()


def doors_of(client, person):
    bearer = {"Authorization": f"Bearer {person.token}"}
    cookie = {"Cookie": f"{session_cookie()}={person.cookie}"}

    async def asks(path, headers):
        answer = await client.get(path, headers=headers)
        assert answer.status_code in {200, 303, 401, 403}, answer.text
        return answer.status_code == 200

    found = [
        Door(path, lambda path=path: asks(path, bearer))
        for path in (f"{API}/me", f"{API}/users", f"{API}/audit.csv", f"{API}{person.job}")
    ]
    return [*found, Door("page", lambda: asks("/staff/emails", cookie))]


async def watch_events(client, person, begun):
    """Reads the stream of a job that never ends until the server ends it; gives when."""
    headers = {"Authorization": f"Bearer {person.token}"}
    async with client.stream("GET", f"{API}{person.job}/events", headers=headers, timeout=30) as stream:
        assert stream.status_code == 200
        async for _ in stream.aiter_lines():
            begun.set()
    return time.monotonic()


async def test_who_is_disabled_is_out_everywhere_within_five_seconds(doors, people, doomed):
    boss = await people.admin()
    async with (
        httpx2.AsyncClient(base_url=doors.urls[0]) as one,
        httpx2.AsyncClient(base_url=doors.urls[1]) as two,
    ):
        watched = [door for client in (one, two) for door in doors_of(client, doomed)]
        begun = [asyncio.Event(), asyncio.Event()]
        streams = [
            asyncio.create_task(watch_events(client, doomed, event))
            for client, event in zip((one, two), begun, strict=True)
        ]
        tasks = [asyncio.create_task(door.watch()) for door in watched]
        await asyncio.wait_for(asyncio.gather(*[event.wait() for event in begun]), 20)
        await asyncio.sleep(2.5)
        assert all(door.opened > 0 for door in watched), [door.name for door in watched if not door.opened]
        assert not any(task.done() for task in streams)
        await boss.post(f"/users/{doomed.id}/disable")
        disabled_at = time.monotonic()
        closed = await asyncio.wait_for(asyncio.gather(*tasks, *streams), 20)
    late = {door.name: door.closed_at - disabled_at for door in watched}
    late["stream 1"], late["stream 2"] = (at - disabled_at for at in closed[-2:])
    assert max(late.values()) < LIMIT, late
    # The token itself is as good as ever: what has changed is the person's status here.
    async with db.reading() as session:
        assert (await session.get(User, doomed.id)).status == "disabled"
