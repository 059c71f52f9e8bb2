"""A way to Keycloak on which things go wrong as told: what a genuine server, a network and the proxies between do at times."""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

STRANGE = {
    "html": ("text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "half": ("application/json", b'[{"id": "12'),
}
PATIENCE = 30

# What enrolling somebody asks of Keycloak, in this order; method and path.
TOKEN = r"POST /realms/[^/]+/protocol/openid-connect/token"
FIND = r"GET /admin/realms/[^/]+/users\?.*q="
FIND_ADDRESS = r"GET /admin/realms/[^/]+/users\?.*email="
CREATE = r"POST /admin/realms/[^/]+/users$"
READ_ROLES = r"GET /admin/realms/[^/]+/users/[^/]+/role-mappings/realm$"
ASSIGN_ROLE = r"POST /admin/realms/[^/]+/users/[^/]+/role-mappings/realm$"
ENROLLING = {
    "token": TOKEN,
    "find": FIND,
    "find address": FIND_ADDRESS,
    "create": CREATE,
    "read roles": READ_ROLES,
    "assign role": ASSIGN_ROLE,
}


@dataclass
class Fault:
    """What happens to requests that match, so many `times` (none: until `heal`); `happened` counts them."""

    kind: str
    on: re.Pattern
    times: int | None
    seconds: float = 0.0
    call: Callable[[], None] | None = None
    happened: int = field(default=0)

    def takes(self, line):
        return (self.times is None or self.happened < self.times) and self.on.match(line) is not None


class Way:
    """Listens on a port of this machine in a thread of its own, and passes on to the server behind.

    Kinds: `refuse` (nobody listens), `silence` (taken and never answered), `slow` (answered after `seconds`), any status
    such as `500` (429 asks to be left alone for a second), `html`, `half` (half a JSON), `truncated` (a part of the answer),
    `lost` (the work is done, the answer is not given), `expired` (the server is shown a token that it refuses), `before`
    and `after` (`call` is called before the work or after it, no answer).
    """

    def __init__(self, behind, *, hidden=False):
        """`hidden`: the server is asked as if there were no way, and names itself by its own address."""
        self.behind = urlsplit(behind)
        self.hidden = hidden
        self.faults = []
        self.passed = []
        self.most_at_once = 0
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._server = None
        self._at_work = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._open())

    def close(self):
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def go_wrong(self, kind, *, on=r".*", times=1, seconds=0.0, call=None):
        """From now on; gives the fault, which counts."""
        made = Fault(kind, re.compile(on), times, seconds, call)
        self.faults.append(made)
        if kind == "refuse":
            self._run(self._shut())
        return made

    def heal(self):
        """All is well again; gives how many requests were hit."""
        hit = sum(fault.happened for fault in self.faults)
        shut = any(fault.kind == "refuse" for fault in self.faults)
        self.faults = []
        self._run(self._end_silence())
        if shut:
            self._run(self._open())
        return hit

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _open(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _shut(self):
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._end_silence()

    async def _end_silence(self):
        for task in list(self._at_work):
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._at_work.add(task)
        self.most_at_once = max(self.most_at_once, len(self._at_work))
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._pass_on(reader, writer)
        finally:
            self._at_work.discard(task)
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _pass_on(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        line = f"{method} {target}"
        self.passed.append(line)
        fault = next((one for one in self.faults if one.takes(line)), None)
        if fault is None:
            writer.write(await self._ask(head, body))
        else:
            fault.happened += 1
            answer = await self._go_wrong(fault, head, body)
            if answer is None:
                writer.transport.abort()
                return
            writer.write(answer)
        await writer.drain()

    async def _go_wrong(self, fault, head, body):
        """What is sent back; none breaks the line off."""
        if fault.kind == "silence":
            await asyncio.sleep(3600)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return await self._ask(head, body)
        if fault.kind.isdecimal():
            return _answer(HTTPStatus(int(fault.kind)), "application/json", b'{"error": "planted"}')
        if fault.kind in STRANGE:
            return _answer(HTTPStatus.OK, *STRANGE[fault.kind])
        if fault.kind == "expired":
            return await self._ask(
                re.sub(rb"(?i)(\r\nauthorization: Bearer )[^\r]+", rb"\1x.y.z", head), body
            )
        if fault.kind == "before":
            fault.call()
            return None
        answer = await self._ask(head, body)
        if fault.kind == "after":
            fault.call()
        # Half of an answer promises more than it holds; where there is no body, half of the head is cut.
        return answer[: len(answer) * 3 // 4] if fault.kind == "truncated" else None

    async def _ask(self, head, body):
        reader, writer = await asyncio.open_connection(self.behind.hostname, self.behind.port)
        try:
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            if self.hidden:
                lines = [line for line in lines if not line.lower().startswith(b"host:")]
                lines.insert(1, f"Host: {self.behind.netloc}".encode())
            lines.insert(1, b"Connection: close")
            writer.write(b"\r\n".join(lines) + body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()


def _answer(status, kind, body):
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    lines += ["Retry-After: 1"] if status == HTTPStatus.TOO_MANY_REQUESTS else []
    return "\r\n".join([*lines, "", ""]).encode() + body
