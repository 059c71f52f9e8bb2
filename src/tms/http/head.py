"""HEAD, on every route that has GET: the same status and headers, and no body (RFC 9110, 9.3.2)."""

from anyio import CancelScope
from anyio.lowlevel import checkpoint
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """ASGI middleware, outermost: behind it HEAD is GET, so that no route, page or refusal can treat it differently.

    It asks for the whole, since ranges are for GET alone (RFC 9110, 14.2). Bodies are made and left out, so that what is
    open for them is closed; but events, which may have no end, are not waited for, nor are films read for nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on everything but HEAD."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = [(name, value) for name, value in scope["headers"] if name != b"range"]
        too_long = False
        with CancelScope() as answering:

            async def send_head(message: Message) -> None:
                nonlocal too_long
                if message["type"] == "http.response.start":
                    headers = Headers(raw=message["headers"])
                    events = headers.get("content-type", "").startswith("text/event-stream")
                    too_long = events or headers.get("accept-ranges") == "bytes"
                    await send(message)
                elif too_long:
                    answering.cancel()
                    # Given up here, between two parts, and not in the middle of looking for the next.
                    await checkpoint()

            await self.app({**scope, "method": "GET", "headers": asked}, receive, send_head)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
