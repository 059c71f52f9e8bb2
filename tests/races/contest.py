"""Races that are run, not hoped for: requests to several real processes that stand at one line, and are let go at once.

The line is a lock on a table, held until enough transactions wait for it; so it is known, not likely, that they met.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx2
import psycopg
import pytest
from psycopg import sql
from tests.people import API

PATIENCE = 90
TRIES = 5
ROUNDS = pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.long)])
NAMES = ("door-1", "door-2")
ENOUGH = 20
"""Transactions at the line; each process has 10 connections that write, and more requests than that stand in line in front of them."""

WAITING = """
    SELECT application_name, count(*) FROM pg_stat_activity
    WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)) GROUP BY application_name
"""


@dataclass(frozen=True)
class Entry:
    """One contender's request."""

    who: object
    method: str
    path: str
    body: dict | None = None
    headers: dict = field(default_factory=dict)


def enrol(who, email, *, key=None, **fields):
    person = {"firstName": "Ada", "lastName": "Example", "email": email, **fields}
    return Entry(who, "POST", "/students/enroll", person, {"Idempotency-Key": key} if key else {})


def statuses(answers):
    return Counter(answer.status_code for answer in answers)


class Doors:
    """Two processes of the API on one database."""

    def __init__(self, database, folder, **settings):
        self.database = database
        self.settings = settings
        self.urls = []
        self.processes = []
        self.folder = folder
        for name in NAMES:
            self._open(name)

    def _open(self, name):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        inherited = ("PATH", "HOME", "LANG", "TMS_HOME", "SECRET_KEY", "TMS_PUBLIC_URL")
        environment = {key: os.environ[key] for key in inherited if key in os.environ}
        environment |= self.settings | {
            "TMS_PORT": str(port),
            "DATABASE_URL": f"{self.database}?application_name={name}",
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "tms.cli", "serve", "--supervised"],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env=environment,
                )
            )
        self.urls.append(f"http://127.0.0.1:{port}")

    def logs(self):
        return "\n".join((self.folder / f"{name}.log").read_text()[-3000:] for name in NAMES)

    def wait_until_open(self):
        deadline = time.monotonic() + PATIENCE
        for url in self.urls:
            while True:
                try:
                    if httpx2.get(f"{url}/ready", timeout=3).status_code == 200:
                        break
                except httpx2.HTTPError:
                    pass
                assert time.monotonic() < deadline, self.logs()
                time.sleep(0.1)

    def close(self):
        for process in self.processes:
            process.stdin.close()
            process.terminate()
        for process in self.processes:
            process.wait(PATIENCE)


@dataclass
class Met:
    """How much a race was one."""

    waiting: dict
    """Transactions at the line when it was opened, by process."""
    in_flight: int
    """Requests that had been sent and not been answered at that moment."""


class Track:
    """Where races are run: `await track.run(entries, line="batches")` gives the answers in the order of the entries."""

    def __init__(self, doors):
        self.doors = doors
        self.met = []
        self.patience = PATIENCE
        # A connection that is kept might be closed by the other side just when it is used again.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        self.clients = [httpx2.AsyncClient(base_url=url, limits=limits, timeout=60) for url in doors.urls]

    async def close(self):
        for client in self.clients:
            await client.aclose()

    async def run(self, entries, *, line, turned_away=0):
        """Entries go to the two processes in turn; nobody passes the `line`, a table, before enough stand there.

        So many as are `turned_away` do not come to the line; they are answered while the others stand there.
        """
        barrier = asyncio.Barrier(len(entries) + 1)
        times = [None] * len(entries)
        async with (
            asyncio.TaskGroup() as contenders,
            await psycopg.AsyncConnection.connect(self.doors.database) as holder,
        ):
            # Readers pass (the gate reads who the caller is); whoever writes or locks a row waits.
            await holder.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(line)))
            tasks = [
                contenders.create_task(self._take_part(number, entry, barrier, times))
                for number, entry in enumerate(entries)
            ]
            await barrier.wait()
            at_line = len(entries) - turned_away
            waiting = await self._gather_at(holder, at_line)
            await self._answered(times, turned_away)
            opened = time.monotonic()
            await holder.commit()
        in_flight = sum(began < opened < ended for began, ended in times)
        assert in_flight == at_line, "some were answered before the line was opened"
        self.met.append(Met(waiting, in_flight))
        return [task.result() for task in tasks]

    async def _take_part(self, number, entry, barrier, times):
        await barrier.wait()
        began = time.monotonic()
        response = await self.send(number, entry)
        times[number] = (began, time.monotonic())
        return response

    async def send(self, number, entry):
        """One request, by the process that its number chooses.

        What is safe to repeat is sent again where TMS asks for that because too many come at once.
        """
        for _ in range(TRIES):
            response = await self.clients[number % len(self.clients)].request(
                entry.method,
                f"{API}{entry.path}",
                json=entry.body,
                headers={"Authorization": f"Bearer {entry.who.token}", **entry.headers},
            )
            repeatable = "Idempotency-Key" in entry.headers or entry.method == "PUT"
            if response.status_code != 503 or not repeatable:
                break
            await asyncio.sleep(int(response.headers["Retry-After"]))
        assert response.status_code < 500, f"{response.text}\n{self.doors.logs()}"
        return response

    async def _answered(self, times, number):
        deadline = time.monotonic() + self.patience
        while sum(taken is not None for taken in times) < number:
            assert time.monotonic() < deadline, "those who should be turned away wait"
            await asyncio.sleep(0.01)

    async def _gather_at(self, holder, contenders):
        """Wait until enough stand at the line, from both processes."""
        expected = min(contenders, ENOUGH)
        deadline = time.monotonic() + self.patience
        while True:
            waiting = dict(await (await holder.execute(WAITING)).fetchall())
            if sum(waiting.values()) >= expected and len(waiting) == min(contenders, len(NAMES)):
                return waiting
            assert time.monotonic() < deadline, f"only {waiting} of {expected} met\n{self.doors.logs()}"
            # What other sessions do is seen anew only with the next look at it.
            await holder.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.01)
