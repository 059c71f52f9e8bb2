"""A proxy before a genuine Keycloak that misbehaves when told to: what Keycloak itself cannot be made to show."""

import asyncio
import contextlib
from dataclasses import dataclass
from urllib.parse import urlsplit

HTML = b"<html><body><h1>Welcome to the proxy</h1></body></html>"


@dataclass
class Fault:
    """What happens to the next `times` requests of this method whose path contains `path`."""

    kind: str
    method: str = ""
    path: str = ""
    times: int = 1
    headers: str = ""
    seconds: float = 0

    def fits(self, method, path):
        return self.times > 0 and self.method in {"", method} and self.path in path


class Proxy:
    """Passes requests on, one connection each; `faults` are tried in order, `seen` are (method, path)."""

    def __init__(self, target):
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self.faults = []
        self.seen = []
        self.most_at_once = 0
        self._at_once = 0
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        # Slow answers that nobody waits for any more.
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def plant(self, kind, **options):
        self.faults.append(Fault(kind, **options))

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        except asyncio.CancelledError:
            # The end of the test; told to nobody, since asyncio would log it.
            return
        finally:
            self._at_once -= 1
            await _close(writer)
            self._tasks.discard(task)

    async def _answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        self.seen.append((method, path))
        fault = next((fault for fault in self.faults if fault.fits(method, path)), None)
        if fault is None:
            writer.write(await self._pass_on(lines, body))
        else:
            fault.times -= 1
            await self._misbehave(fault, writer, lines, body)
        await writer.drain()

    async def _pass_on(self, lines, body):
        reader, writer = await asyncio.open_connection(*self._target)
        # The answer ends with the connection, so that it need not be understood.
        kept = [line for line in lines if not line.lower().startswith("connection:")]
        kept[1:1] = ["Connection: close"]
        try:
            writer.write("\r\n".join(kept).encode("latin-1") + body)
            await writer.drain()
            return await reader.read()
        finally:
            await _close(writer)

    async def _misbehave(self, fault, writer, lines, body):
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            writer.write(await self._pass_on(lines, body))
        elif fault.kind == "lost":
            # The work is done, and nobody hears of it.
            await self._pass_on(lines, body)
        elif fault.kind == "html":
            writer.write(_response("200 OK", "Content-Type: text/html", HTML))
        elif fault.kind == "truncated":
            writer.write(_response("200 OK", "Content-Type: application/json", b'[{"id": "12'))
        elif fault.kind == "cut":
            answer = await self._pass_on(lines, body)
            writer.write(answer[: len(answer) - 20])
        else:
            writer.write(_response(fault.kind, fault.headers, b'{"error": "planted"}'))


async def _close(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def _response(status, headers, body):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [headers] if headers else []
    return "\r\n".join([*lines, "", ""]).encode() + body
