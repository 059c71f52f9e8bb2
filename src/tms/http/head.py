"""HEAD, on every route that has GET: the same status and headers, and no body (RFC 9110, 9.3.2)."""

from anyio import CancelScope
from anyio.lowlevel import checkpoint
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """ASGI middleware, outermost: behind it HEAD is GET, so that no route, page or refusal can treat it differently.

    Bodies are made and left out, so that what is open for them is closed; but events, which may have no end, are not
    waited for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on everything but HEAD."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        endless = False
        with CancelScope() as answering:

            async def send_head(message: Message) -> None:
                nonlocal endless
                if message["type"] == "http.response.start":
                    kind = Headers(raw=message["headers"]).get("content-type", "")
                    endless = kind.startswith("text/event-stream")
                    await send(message)
                elif endless:
                    answering.cancel()
                    # Given up here, between two events, and not in the middle of looking for the next.
                    await checkpoint()

            await self.app({**scope, "method": "GET"}, receive, send_head)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
