"""Two requests taken statement by statement, in every order in which their statements can follow each other.

A request goes on by one statement only when the order says so. Where a statement waits for a lock of the other request,
the other goes on until it is free, as PostgreSQL's own isolation tester does it.
"""

import asyncio
import contextlib
import itertools
from contextvars import ContextVar
from random import Random

import psycopg
from sqlalchemy import event
from sqlalchemy.util import await_only

MOST_ORDERS = 70
"""As many as two requests of four statements have; of more orders so many are drawn."""
PATIENCE = 10
LOOK_AFTER_SECONDS = 0.02

_stepping: ContextVar["Stepper | None"] = ContextVar("stepping", default=None)


class Stepper:
    """One request: it stops before each statement of its transactions, and before each commit."""

    def __init__(self, name, request):
        self.name = name
        self.steps = 0
        self.pid = None
        self.may_go = asyncio.Event()
        self.stands = asyncio.Event()
        self.task = asyncio.create_task(self._run(request))

    async def _run(self, request):
        _stepping.set(self)
        await self.stop(None)
        try:
            return await request()
        finally:
            self.stands.set()

    async def stop(self, pid):
        """Stand until told to go on."""
        self.pid = pid
        self.stands.set()
        await self.may_go.wait()
        self.may_go.clear()
        self.stands.clear()
        self.steps += 1

    @property
    def is_done(self):
        return self.task.done()

    async def _is_stopped(self, seconds):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stands.wait()
        # Whoever has just ended still has to be taken off the loop.
        await asyncio.sleep(0)
        return self.stands.is_set() or self.is_done

    async def go_on(self, onlooker):
        """One statement; false if it waits for a lock, so that the other has to go on first."""
        self.stands.clear()
        self.may_go.set()
        return await self.has_arrived(onlooker)

    async def has_arrived(self, onlooker):
        """Whether it stands at its next statement, or has ended; false if it waits for a lock."""
        async with asyncio.timeout(PATIENCE):
            while not await self._is_stopped(LOOK_AFTER_SECONDS):
                if self.pid is not None:
                    found = await onlooker.execute("SELECT cardinality(pg_blocking_pids(%s))", [self.pid])
                    if (await found.fetchone())[0]:
                        return False
        return True


@contextlib.contextmanager
def stepped(engine):
    """While it lasts, transactions of this engine that run for a `Stepper` stop where it says."""

    def before_statement(connection, *_):
        stepper = _stepping.get()
        if stepper is not None:
            await_only(stepper.stop(connection.connection.driver_connection.info.backend_pid))

    event.listen(engine.sync_engine, "before_cursor_execute", before_statement)
    event.listen(engine.sync_engine, "commit", before_statement)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", before_statement)
        event.remove(engine.sync_engine, "commit", before_statement)


async def run(order, requests, onlooker):
    """The outcomes of two requests in this order, a string of `a` and `b`, and whether one had to wait for the other."""
    pair = {name: Stepper(name, request) for name, request in zip("ab", requests, strict=True)}
    waiting, waited = set(), False
    # What the order does not name, because a request has more statements this time, comes at its end.
    for name in itertools.chain(order, itertools.cycle("ab")):
        if all(stepper.is_done for stepper in pair.values()):
            break
        for other in list(waiting):
            if await pair[other].has_arrived(onlooker):
                waiting.discard(other)
        if pair[name].is_done or name in waiting:
            continue
        if not await pair[name].go_on(onlooker):
            waiting.add(name)
            waited = True
    return [stepper.task.result() for stepper in pair.values()], waited


async def alone(request):
    """How many statements and commits a request has when nobody else is there."""
    stepper = Stepper("a", request)
    while not stepper.is_done:
        stepper.stands.clear()
        stepper.may_go.set()
        await stepper._is_stopped(PATIENCE)
    await stepper.task
    return stepper.steps


def orders(first, second):
    """All orders of so many steps; of more than `MOST_ORDERS` a sample, with the two in which nothing meets."""
    steps = first + second
    serial = ["a" * first + "b" * second, "b" * second + "a" * first]
    places = itertools.combinations(range(steps), first)
    every = list(itertools.islice(places, MOST_ORDERS + 1))
    if len(every) > MOST_ORDERS:
        random = Random(steps)
        every = [sorted(random.sample(range(steps), first)) for _ in range(MOST_ORDERS - len(serial))]
    spelled = ["".join("a" if step in chosen else "b" for step in range(steps)) for chosen in map(set, every)]
    return list(dict.fromkeys([*serial, *spelled]))


async def onlooker(url):
    """A connection that looks who waits for whom."""
    return await psycopg.AsyncConnection.connect(url, autocommit=True)
