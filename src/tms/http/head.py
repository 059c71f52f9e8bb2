"""HEAD, on every route that has GET: the same status and headers, and no body (RFC 9110, 9.3.2)."""

from anyio import CancelScope
from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """ASGI middleware, outermost: behind it HEAD is GET, so that no route, page or refusal can treat it differently.

    A body that is streamed is not made: the answer is given up once its headers are known.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on everything but HEAD."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        with CancelScope() as answering:

            async def send_head(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                elif message.get("more_body", False):
                    answering.cancel()
                    # Given up here, between two parts, and not in the middle of making the next.
                    await checkpoint()

            await self.app({**scope, "method": "GET"}, receive, send_head)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
