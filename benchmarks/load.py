"""A closed-loop load generator: a few keep-alive connections, each of which sends its next request when it has an answer.

It runs in a process of its own and knows just enough of HTTP/1.1: status line and Content-Length. It reads a plan as one
line of JSON from standard input (`Plan`) and writes one line of JSON (`Result`).
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import cycle
from resource import RUSAGE_SELF, getrusage
from typing import Any

import uvloop

HOST = "tms.bench"
"""By which name the servers under test are asked; TMS answers only to the one of `TMS_PUBLIC_URL`."""
LONGEST_ANSWER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent: `requests` (whole, as text), in turn, from `start`; each connection takes the next one."""

    port: int
    connections: int
    warm_seconds: float
    seconds: float
    requests: list[str]
    once: bool = False
    """Each request is sent once only, and the run ends early when none is left."""


@dataclass(slots=True)
class Result:
    """What was measured, without the warm-up; times in milliseconds."""

    requests: int
    seconds: float
    per_second: float
    p50: float
    p99: float
    slowest: float
    statuses: dict[str, int]
    generator_cpu: float
    """Share of one processor that the generator used: near 1 it would have been the bottleneck."""


@dataclass(slots=True)
class _Run:
    requests: Any
    started: float
    begin: float
    end: float
    taken: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    unexpected: str | None = None
    last: float = 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run, finished: asyncio.Future[None]) -> None:
        self.run = run
        self.finished = finished
        self.buffer = b""
        self.sent = 0.0
        self.waits = False
        self.measured = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self._next()

    def _next(self) -> None:
        self.sent = time.perf_counter()
        # Each connection measures one at least, however slow the server is.
        goes_on = self.sent < self.run.end or not self.measured
        request = next(self.run.requests, None) if goes_on else None
        if request is None:
            self.transport.close()
            return
        self.waits = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self.buffer.lower().find(b"content-length:", 0, head)
        length = int(self.buffer[at + 15 : self.buffer.find(b"\r\n", at)])
        if len(self.buffer) < head + 4 + length:
            return
        self.waits = False
        self._answered(self.buffer)
        self.buffer = b""
        self._next()

    def _answered(self, answer: bytes) -> None:
        now = time.perf_counter()
        status = answer[9:12].decode()
        if not status.startswith("2") and self.run.unexpected is None:
            self.run.unexpected = answer[:2000].decode(errors="replace")
        if self.sent < self.run.begin:
            return
        self.measured = True
        self.run.taken.append(now - self.sent)
        self.run.last = now
        self.run.statuses[status] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waits and self.run.unexpected is None:
            self.run.unexpected = f"the server closed a connection instead of answering: {exc}"
        if not self.finished.done():
            self.finished.set_result(None)


async def run(plan: Plan) -> Result:
    """Send for `warm_seconds + seconds`. Raises `RuntimeError` where an answer was no success."""
    loop = asyncio.get_running_loop()
    requests = [text.encode() for text in plan.requests]
    now = time.perf_counter()
    begin = now + plan.warm_seconds
    state = _Run(iter(requests) if plan.once else cycle(requests), now, begin, begin + plan.seconds)
    ends = [loop.create_future() for _ in range(plan.connections)]
    used = _cpu()
    for end in ends:
        await loop.create_connection(lambda end=end: _Connection(state, end), "127.0.0.1", plan.port)  # type: ignore[misc]
    async with asyncio.timeout(plan.warm_seconds + plan.seconds + LONGEST_ANSWER_SECONDS):
        await asyncio.gather(*ends)
    if state.unexpected is not None:
        raise RuntimeError(state.unexpected)
    used = _cpu() - used
    seconds = max(state.last - begin, 1e-9)
    taken = sorted(state.taken)
    if not taken:
        raise RuntimeError("nothing was answered: measure for longer, or prepare more requests")
    return Result(
        requests=len(taken),
        seconds=round(seconds, 3),
        per_second=round(len(taken) / seconds, 1),
        p50=_milliseconds(taken, 0.50),
        p99=_milliseconds(taken, 0.99),
        slowest=_milliseconds(taken, 1.0),
        statuses=dict(state.statuses),
        generator_cpu=round(used / (time.perf_counter() - now), 3),
    )


def _cpu() -> float:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _milliseconds(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 3)


async def measure(plan: Plan) -> Result:
    """Run the plan in a process of its own. Raises `RuntimeError` with what went wrong."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    written, complaint = await process.communicate(json.dumps(asdict(plan)).encode())
    if process.returncode != 0:
        raise RuntimeError(f"the load generator failed: {complaint.decode()[-2000:]}")
    return Result(**json.loads(written))


def request(
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: str | None = None,
    kind: str = "application/json",
    headers: dict[str, str] | None = None,
) -> str:
    """A whole request as it goes over the wire; `body` is ASCII."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + (body or "")


class _Canned(asyncio.Protocol):
    ANSWER = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2500\r\n\r\n" + b" " * 2500
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(self.ANSWER)


async def ceiling(connections: int, seconds: float) -> Result:
    """What the generator reaches against a server that does nothing but answer: its own limit."""
    server = await asyncio.get_running_loop().create_server(_Canned, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        plan = Plan(port, connections, 0.5, seconds, [request("GET", "/", token="x" * 900)])
        return await measure(plan)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(uvloop.run(run(Plan(**json.loads(sys.stdin.read())))))))
