"""The gate: token, policy and size are checked before a byte of the body is read.

A framework runs its dependencies only after the whole body has been received; an anonymous upload would fill the disk
first. So this is plain ASGI, in front of the application.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter
from uuid import uuid4

from prometheus_client import Counter, Histogram
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tms.http import errors
from tms.http.policy import API, Line, Table
from tms.platform import logs
from tms.platform.caller import Caller
from tms.platform.errors import DomainError, ForbiddenError, UnauthenticatedError

Authenticate = Callable[[str], Awaitable[Caller]]

REQUESTS = Counter("tms_http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATIONS = Histogram(
    "tms_http_request_seconds", "Time from the request to the last byte of its answer.", ["route"]
)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class NoTokenError(UnauthenticatedError):
    """The route asks for a token and none was sent."""

    code = "no_token"
    title = "Sign in: send an access token as `Authorization: Bearer ...`"


class RoleError(ForbiddenError):
    """The role does not open this door."""


class BodyTooLargeError(DomainError):
    """The body is larger than the route takes."""

    status = 413
    code = "body_too_large"
    title = "The body is too large"


def _size(limit: int) -> str:
    return f"{limit // (1024 * 1024)} MiB" if limit >= 1024 * 1024 else f"{limit // 1024} KiB"


class Gate:
    """ASGI middleware; puts the `Caller` in the scope's state for `http.caller`."""

    def __init__(self, app: ASGIApp, *, table: Table, authenticate: Authenticate) -> None:
        self.app = app
        self.table = table
        self.authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit a request, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid4().hex
        token = logs.request_id.set(request_id)
        line = self.table.find(scope["method"], scope["path"])
        # Templates as labels: a path with ids in it would make a new time series for each.
        route = line.path if line else "(none)"
        started = perf_counter()
        try:
            await self._admit(scope, receive, _answering(send, request_id, scope["method"], route), line)
        finally:
            DURATIONS.labels(route).observe(perf_counter() - started)
            logs.request_id.reset(token)

    async def _admit(self, scope: Scope, receive: Receive, send: Send, line: Line | None) -> None:
        if line is None:
            await self._without_line(scope, receive, send)
            return
        try:
            if line.roles:
                state = scope.setdefault("state", {})
                state["caller"] = await self._caller(scope, line)
                # Streams outlive the check at the door; they ask again while they run.
                state["recheck"] = partial(self._caller, scope, line)
            _check_declared_size(scope, line)
        except DomainError as error:
            await errors.answer(error)(scope, receive, send)
            return
        except SQLAlchemyError as error:
            # Asking who calls needs the database; here nobody else turns its absence into an answer.
            await errors.of_database(scope["path"], error)(scope, receive, send)
            return
        await self.app(scope, _counted(receive, line.max_bytes), send)

    async def _caller(self, scope: Scope, line: Line) -> Caller:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NoTokenError
        caller = await self.authenticate(token.strip())
        if caller.role not in line.roles:
            raise RoleError(f"This needs one of the roles: {', '.join(sorted(line.roles))}.")
        return caller

    async def _without_line(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What has no line is not served: 405 where another method has one, else 404 (outside the API: the pages' own)."""
        allowed = [m for m in ("GET", "POST", "PUT", "PATCH", "DELETE") if self.table.find(m, scope["path"])]
        if scope["method"] == "OPTIONS" and not scope["path"].startswith(API):
            allowed = allowed or ["GET"]
        if allowed:
            response = errors.problem(
                405, "method_not_allowed", "Method Not Allowed", f"Use {', '.join(allowed)}."
            )
            response.headers["Allow"] = ", ".join(allowed)
        else:
            response = errors.problem(
                404, "not_found", "There is no such thing here", "Nothing is at this address."
            )
        await response(scope, receive, send)


def _check_declared_size(scope: Scope, line: Line) -> None:
    declared = Headers(scope=scope).get("content-length")
    if declared is None:
        return
    if not declared.isascii() or not declared.isdigit():
        raise BodyTooLargeError("Content-Length is not a number.")
    if int(declared) > line.max_bytes:
        raise BodyTooLargeError(f"Send at most {_size(line.max_bytes)}.")


def _counted(receive: Receive, limit: int) -> Receive:
    """A body without a declared length is counted while it comes in."""
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > limit:
                # An HTTPException passes through the framework's body parsing as it is.
                raise HTTPException(413, f"Send at most {_size(limit)}.")
        return message

    return counting


def _answering(send: Send, request_id: str, method: str, route: str) -> Send:
    """Counts the answer and gives it the headers that every answer has."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            REQUESTS.labels(method, route, message["status"]).inc()
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = request_id
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        await send(message)

    return sending
