"""Errors as pages: a browser that asks for a page gets one, in the visitor's own frame, instead of a problem document."""

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tms.http import gate, policy
from tms.web import rendering, sign_in
from tms.web.errors import SignInNeededError

TITLES = {
    404: "There is no such page",
    413: "That was too much at once",
    422: "Something in that is not valid",
    500: "Something went wrong on our side",
    503: "Please try again in a moment",
}
DETAILS = {
    404: "What you asked for does not exist, is not for you, or was removed.",
    500: "It has been logged, and we are sorry. Try again; if it stays, tell an administrator.",
}
CRASHED = {"title": TITLES[500], "detail": DETAILS[500], "code": "internal_error"}


def wants_page(scope: Scope) -> bool:
    """Whether a browser asks for a page here, not a program for the API."""
    if scope["type"] != "http" or scope["path"].startswith(f"{policy.API}/"):
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def render(scope: Scope, status: int, problem: dict[str, Any]) -> Response:
    """The page of a problem document."""
    visitor = scope.get("state", {}).get("visitor")
    code = problem.get("code")
    generic = code in {"not_found", "internal_error", "invalid_id"} or code is None
    return rendering.page(
        Request(scope),
        "problem.html",
        visitor,
        status=status,
        title=TITLES.get(status, problem["title"]) if generic else problem["title"],
        detail=DETAILS.get(status, problem["detail"]) if generic else problem["detail"],
        incident=problem.get("requestId") if status >= 500 else None,
        retry=code == "sign_in_failed",
        other_account=sign_in.leave_address() if code in {"account_disabled", "account_not_linked"} else None,
    )


class ProblemPages:
    """ASGI middleware outside of the gate, so that what the gate refuses becomes a page too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on everything but problem documents to browsers."""
        if not wants_page(scope):
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            await self.app(scope, receive, exchange.send)
        except Exception:
            # The crash itself is logged and counted further out; here only its answer is made.
            if not exchange.started:
                answer = render(scope, 500, CRASHED)
                answer.headers.update({**gate.HEADERS, "Cache-Control": "no-store"})
                await answer(scope, receive, send)
            raise


class _Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send_on = send
        self.held: Message | None = None
        self.body = b""
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if Headers(raw=message["headers"]).get("content-type") == "application/problem+json":
                self.held = message
                return
        if self.held is None:
            await self.send_on(message)
            return
        self.body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._answer(self.held)

    async def _answer(self, start: Message) -> None:
        problem = json.loads(self.body or b"{}")
        answer = render(self.scope, start["status"], problem)
        # Headers that the problem came with stay: whether to try later, the request's id.
        for name, value in Headers(raw=start["headers"]).items():
            if name not in {"content-type", "content-length", "content-security-policy"}:
                answer.headers.setdefault(name, value)
        await answer(self.scope, self.receive, self.send_on)


async def _to_sign_in(_: Request, error: Exception) -> Response:
    if not isinstance(error, SignInNeededError):
        raise error
    answer = RedirectResponse(rendering.link("/login", next=error.back_to), 303)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def install(app: FastAPI) -> None:
    """Register what turns errors into pages; called after the gate was added, so that it stands outside of it."""
    app.add_exception_handler(SignInNeededError, _to_sign_in)
    app.add_middleware(ProblemPages)
