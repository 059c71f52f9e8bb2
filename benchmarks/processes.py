"""The processes that are measured: started, watched through psutil, ended by their own id."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

START_SECONDS = 30
_IDLE_SECONDS = 0.05


@dataclass(slots=True)
class Served:
    """A server that answers at `port`; `root` is the process that was started, workers are its children or itself."""

    port: int
    root: psutil.Process
    log: Path

    def workers(self) -> list[psutil.Process]:
        """The processes that answer requests: the biggest of the family, the tracker of shared resources left out."""
        children = [child for child in self.root.children(recursive=True) if child.memory_info().rss > 2**25]
        return children or [self.root]


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds so far, of the server and of PostgreSQL."""

    server: float
    postgres: float


def free_port() -> int:
    """A port of the loopback address that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def served(
    command: list[str], *, port: int, environment: Mapping[str, str], log: Path
) -> AsyncIterator[Served]:
    """Run a server until the block ends. Raises `RuntimeError` with its log where it does not answer in time."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        await _answers(port, process, log)
        yield Served(port, psutil.Process(process.pid), log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answers(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    for _ in range(START_SECONDS * 20):
        if process.returncode is not None:
            break
        if await _answered(port):
            return
        await asyncio.sleep(0.05)
    said = await asyncio.to_thread(log.read_text)
    raise RuntimeError(f"the server does not answer at port {port}:\n{said[-3000:]}")


async def _answered(port: int) -> bool:
    """A socket that listens is not enough: its connections wait until a worker has started."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return await reader.read(9) == b"HTTP/1.1 "
    finally:
        writer.close()


async def settled(server: Served, workers: int) -> None:
    """Return when so many workers run and none of them is still starting, as their processor time shows."""
    for _ in range(START_SECONDS * 2):
        running = server.workers()
        before = _cpu(running)
        await asyncio.sleep(0.5)
        if len(running) >= workers and _cpu(running) - before < _IDLE_SECONDS:
            return
    raise RuntimeError(f"{workers} workers were asked for and did not come to rest")


def usage(server: Served | None, postmaster: psutil.Process) -> Usage:
    """Processor time used so far; of PostgreSQL all backends that live."""
    own = [server.root, *server.root.children(recursive=True)] if server else []
    return Usage(_cpu(own), _cpu([postmaster, *postmaster.children(recursive=True)]))


def _cpu(family: Iterable[psutil.Process]) -> float:
    total = 0.0
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            # A postmaster is given the time of the backends that have ended.
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mebibytes(server: Served) -> float:
    """Resident memory of the largest worker."""
    return round(max(worker.memory_info().rss for worker in server.workers()) / 2**20, 1)
