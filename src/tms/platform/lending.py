"""Connections of the driver, lent for one statement each: what is left of a pool when nothing else is asked of it.

A pool that can do more (sessions, resets, other threads) costs as much per statement as the driver itself does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import psycopg

Driver = psycopg.AsyncConnection
LONGEST_LIFE_SECONDS = 1800.0
LONGEST_WAIT_SECONDS = 30.0


class Lender:
    """At most `most` connections, each made when it is first needed; who comes when all are lent waits for one."""

    def __init__(self, connect: Callable[[], Awaitable[Driver]], most: int) -> None:
        self.most = most
        self.lent = 0
        self._connect = connect
        self._free = asyncio.Semaphore(most)
        # The one that came back last goes out first: few connections are busy, the others may grow old.
        self._idle: list[tuple[Driver, float]] = []

    @property
    def open(self) -> int:
        """How many connections there are."""
        return self.lent + len(self._idle)

    async def run(self, use: Callable[[Driver], Awaitable[object]]) -> object:
        """Lend a connection to `use`, which runs one statement that may be run again; returns what it returns.

        Where the connection turns out to be dead, so are probably all that lay idle as long; a new one is tried once.
        Raises what the driver raises, and `TimeoutError` where none was free for long.
        """
        await self._wait()
        self.lent += 1
        try:
            kept = self._take()
            if kept is not None:
                try:
                    return await self._use(*kept, use)
                except psycopg.OperationalError:
                    if not kept[0].closed:
                        raise
                    await self.close()
            return await self._use(await self._connect(), monotonic(), use)
        finally:
            self.lent -= 1
            self._free.release()

    async def _wait(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        async with asyncio.timeout(LONGEST_WAIT_SECONDS):
            await self._free.acquire()

    def _take(self) -> tuple[Driver, float] | None:
        while self._idle:
            driver, born = self._idle.pop()
            if monotonic() - born < LONGEST_LIFE_SECONDS:
                return driver, born
            driver.pgconn.finish()
        return None

    async def _use(self, driver: Driver, born: float, use: Callable[[Driver], Awaitable[object]]) -> object:
        try:
            found = await use(driver)
        except psycopg.Error:
            if not driver.closed:
                self._idle.append((driver, born))
            raise
        except BaseException:
            # Given up half-way: nobody knows what the connection does now.
            driver.pgconn.finish()
            raise
        self._idle.append((driver, born))
        return found

    async def close(self) -> None:
        """Close what lies idle; what is lent is closed by nobody, so call it when nothing is."""
        idle, self._idle = self._idle, []
        for driver, _ in idle:
            await driver.close()
