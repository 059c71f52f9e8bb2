"""The gate: host, token, policy, size and how often are checked before a byte of the body is read.

A framework runs its dependencies only after the whole body has been received; an anonymous upload would fill the disk
first. So this is plain ASGI, in front of the application.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from secrets import token_hex
from time import perf_counter

from prometheus_client import Counter, Histogram
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tms.http import errors, headers, origins
from tms.http.policy import API, Line, Table
from tms.platform import client, limits, logs
from tms.platform.caller import Caller
from tms.platform.errors import DomainError, ForbiddenError, UnauthenticatedError
from tms.platform.settings import get_settings

Authenticate = Callable[[str], Awaitable[Caller]]

REQUESTS = Counter("tms_http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATIONS = Histogram(
    "tms_http_request_seconds", "Time from the request to the last byte of its answer.", ["route"]
)

# Children of a metric are looked up by name under a lock; there are a few hundred of them at most.
_requests = lru_cache(maxsize=None)(REQUESTS.labels)
_durations = lru_cache(maxsize=None)(DURATIONS.labels)

FOUND = "tms.found"
"""In the scope: what `Table.locate` found, for `http.dispatch`."""
HEADERS = headers.ALWAYS
BODY_SECONDS = 10
BODY_BYTES_A_SECOND = 4096
"""How long we wait for a body: some seconds, and as many more as it would take at this speed."""
SERVED = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
METHODS = frozenset({*SERVED, "OPTIONS"})


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


class UnknownHostError(DomainError):
    """The request was sent to a name that is none of ours (RFC 9110, 15.5.20)."""

    status = 421
    code = "unknown_host"
    title = "TMS is not known by this name; use the address of TMS_PUBLIC_URL"


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
        request_token = logs.request_id.set(token_hex(16))
        client_token = client.address.set(_find_client(scope))
        found = scope[FOUND] = self.table.locate(scope["method"], scope["path"])
        line = None if found is None else found[0]
        answer = _Answer(scope, send, line)
        started = perf_counter()
        try:
            await self._admit(scope, receive, answer.send, line)
        except Exception as error:
            # An answer that has begun cannot be taken back: the server breaks the connection off.
            if answer.begun:
                raise
            await errors.crashed(scope["path"], error)(scope, receive, answer.send)
        finally:
            _durations(answer.route).observe(perf_counter() - started)
            client.address.reset(client_token)
            logs.request_id.reset(request_token)

    async def _admit(self, scope: Scope, receive: Receive, send: Send, line: Line | None) -> None:
        if not origins.is_our_name(scope):
            await errors.answer(UnknownHostError())(scope, receive, send)
            return
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
            if line.limit is not None:
                await limits.take(line.limit, str(scope["state"]["caller"].id))
        except DomainError as error:
            await errors.answer(error)(scope, receive, send)
            return
        except SQLAlchemyError as error:
            # Asking who calls needs the database; here nobody else turns its absence into an answer.
            await errors.of_database(scope["path"], error)(scope, receive, send)
            return
        await self.app(scope, _counted(receive, line.max_bytes), send)

    async def _caller(self, scope: Scope, line: Line) -> Caller:
        scheme, _, token = (headers.first(scope, b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NoTokenError
        caller = await self.authenticate(token.strip())
        if caller.role not in line.roles:
            raise RoleError(f"This needs one of the roles: {', '.join(sorted(line.roles))}.")
        return caller

    async def _without_line(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What has no line is not served: 405 where another method has one, else 404 (outside the API: the pages' own).

        A browser that asks for leave beforehand is answered here too.
        """
        leave = origins.preflight(scope, self.table)
        if leave is not None:
            await leave(scope, receive, send)
            return
        allowed = [method for method in SERVED if self.table.find(method, scope["path"])]
        if scope["method"] == "OPTIONS" and not scope["path"].startswith(API):
            allowed = allowed or ["GET", "HEAD"]
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
    declared = headers.first(scope, b"content-length")
    if declared is None:
        return
    if not declared.isascii() or not declared.isdigit():
        raise BodyTooLargeError("Content-Length is not a number.")
    if int(declared) > line.max_bytes:
        raise BodyTooLargeError(f"Send at most {_size(line.max_bytes)}.")


def _counted(receive: Receive, limit: int) -> Receive:
    """A body is counted while it comes in, since it need not declare its length; one that hardly comes is given up."""
    received = 0
    waited = 0.0
    is_whole = False

    async def counting() -> Message:
        nonlocal received, waited, is_whole
        if is_whole:
            return await receive()
        started = perf_counter()
        try:
            async with asyncio.timeout(BODY_SECONDS + received / BODY_BYTES_A_SECOND - waited):
                message = await receive()
        except TimeoutError as error:
            # An HTTPException passes through the framework's body parsing as it is.
            raise HTTPException(408, headers={"Connection": "close"}) from error
        waited += perf_counter() - started
        is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, f"Send at most {_size(limit)}.")
        return message

    return counting


def _find_client(scope: Scope) -> str | None:
    """The client's address, from now on the scope's too: trusted proxies are looked through here and nowhere else."""
    peer = scope.get("client")
    trusted = client.networks(get_settings().tms_trusted_proxies)
    forwarded_for = Headers(scope=scope).getlist("x-forwarded-for") if trusted else []
    address = client.behind(peer[0] if peer else None, forwarded_for, trusted)
    if peer and address and address != peer[0]:
        scope["client"] = (address, 0)
    return address


class _Answer:
    """Counts the answer and gives it the headers that every answer has."""

    def __init__(self, scope: Scope, send: Send, line: Line | None) -> None:
        self.scope = scope
        self.send_on = send
        self.begun = False
        # Templates as labels: a path with ids in it would make a new time series for each.
        self.route = line.path if line else "(none)"

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.begun = True
            method = self.scope["method"] if self.scope["method"] in METHODS else "other"
            _requests(method, self.route, message["status"]).inc()
            found = [pair for pair in message["headers"] if pair[0] != b"x-request-id"]
            found.append((b"x-request-id", (logs.request_id.get() or "").encode()))
            headers.complete(found)
            origins.share(self.scope, found)
            message["headers"] = found
        await self.send_on(message)
