"""How connections are served: those that never become a request are given up, and an answer is sent in one piece.

uvicorn waits for ever for a request's head; a few hundred connections that send a byte now and then would hold all its
sockets. Bodies are looked after by the gate, which knows how long each may be. And it hands an answer's head and its body
to the system one after the other; two calls, two packets and two awakenings of the client cost more than a fast statement.
"""

import asyncio
from typing import Any, Literal

HEAD_SECONDS = 10
HEAD_BYTES = 64 * 1024
GATHERED_BYTES = 64 * 1024
"""What is gathered at most before it is sent at once: a stream must not wait in memory for a turn of the loop to end."""

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError:  # where there is no httptools, h11 reads, which has limits of its own
    HttpToolsProtocol = None  # type: ignore[assignment,misc]


def protocol() -> type[asyncio.Protocol] | Literal["auto"]:
    """What uvicorn is to read HTTP with."""
    return "auto" if HttpToolsProtocol is None else ImpatientProtocol


if HttpToolsProtocol is not None:

    class HeadTooLongError(Exception):
        """Raised into the parser, which refuses the request with 400 and closes the connection."""

    class GatheringTransport:
        """A transport that sends together what is written in one turn of the loop; all else goes to the true one."""

        def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
            self._transport = transport
            self._loop = loop
            self._gathered: list[bytes] = []
            self._size = 0

        def write(self, data: bytes) -> None:
            """Send at the end of this turn, or now where it is much."""
            if not self._gathered:
                self._loop.call_soon(self._send)
            self._gathered.append(data)
            self._size += len(data)
            if self._size > GATHERED_BYTES:
                self._send()

        def close(self) -> None:
            """Close once everything written has been sent."""
            self._send()
            self._transport.close()

        def _send(self) -> None:
            gathered, self._gathered, self._size = self._gathered, [], 0
            if gathered and not self._transport.is_closing():
                self._transport.write(b"".join(gathered))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transport, name)

    class ImpatientProtocol(HttpToolsProtocol):
        """Wants a whole head within `HEAD_SECONDS` of the connection or of the last answer, and of at most `HEAD_BYTES`."""

        _head_timer: asyncio.TimerHandle | None = None
        _head_bytes = 0
        _in_body = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Begin to wait for the first request."""
            super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            """Nobody is waited for any more."""
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            """Count what comes before a head is whole: the parser would gather it for ever."""
            if not self._in_body:
                self._head_bytes += len(data)
            super().data_received(data)
            if not self._in_body and self._head_timer is not None and self._head_bytes > HEAD_BYTES:
                self._give_up(b"431 Request Header Fields Too Large")

        def on_headers_complete(self) -> None:
            """The head is whole; from here on the gate looks after the request."""
            if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > HEAD_BYTES:
                raise HeadTooLongError
            self._stop_waiting()
            self._in_body = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            """What comes next is another request's head."""
            self._in_body = False
            super().on_message_complete()

        def on_response_complete(self) -> None:
            """Begin to wait for the next request, also where this one's body still trickles in."""
            super().on_response_complete()
            if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
                self._await_head()

        def _await_head(self) -> None:
            self._stop_waiting()
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up, b"408 Request Timeout")

        def _stop_waiting(self) -> None:
            self._head_bytes = 0
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _give_up(self, status: bytes) -> None:
            self._stop_waiting()
            if self.transport.is_closing():
                return
            # The rest of a body whose request was answered already gets no second answer.
            if not self._in_body:
                self.transport.write(
                    b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                )
            self.transport.close()
