"""Routes that take only what nearly all take are called directly, with what the framework would have given them.

The framework solves a route's dependencies anew for each request, through exit stacks and generic validation, which
costs more than a fast statement does. Where every parameter is one of the kinds below, and the request is spelled as it
should be, the same values come from a few lines here. Anything else goes the framework's way, body and all: what is
wrong with a request is found and said in one place.
"""

import inspect
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi.datastructures import DefaultPlaceholder
from fastapi.routing import APIRoute, RouteContext, serialize_response
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tms.http import bodies, caller, headers, sessions
from tms.http.parameters import PathId
from tms.platform import schemas

Opener = Callable[[Request], AbstractAsyncContextManager[Any]]

_OPENERS: list[tuple[Any, Opener]] = [
    (sessions.ReadSession, sessions.open_read),
    (sessions.WriteSession, sessions.open_write),
]
_JSON = "application/json"


@dataclass(slots=True)
class _Wanted:
    """What a route takes, by the names of its parameters."""

    ids: list[str] = field(default_factory=list)
    caller: str | None = None
    session: str | None = None
    opener: Opener | None = None
    response: str | None = None
    body: str | None = None
    reader: TypeAdapter[Any] | None = None


class _OddlySpelledError(Exception):
    """The framework is to say what is wrong, if anything is; `receive` gives it the body again."""

    def __init__(self, receive: Receive | None = None) -> None:
        super().__init__()
        self.receive = receive


def compiled(route: RouteContext, framework: ASGIApp) -> ASGIApp | None:
    """A way through a route that is short, or none; `framework` is the long one."""
    original = route.original_route
    if not isinstance(original, bodies.StrictRoute) or not original.may_be_called_directly:
        return None
    if not _answers_plainly(original):
        return None
    wanted = _wanted(original)
    return _Direct(route, wanted, framework) if wanted is not None else None


def _answers_plainly(route: APIRoute) -> bool:
    """Whether what the endpoint returns is an answer already, or becomes JSON by its schema and nothing else."""
    has_shape = route.response_field is not None and isinstance(route.response_class, DefaultPlaceholder)
    returned = inspect.signature(route.endpoint, eval_str=True).return_annotation
    is_answer = inspect.isclass(returned) and issubclass(returned, Response)
    return (has_shape or is_answer) and is_body_allowed_for_status_code(route.status_code)


def _wanted(route: APIRoute) -> _Wanted | None:
    if route.dependencies or not inspect.iscoroutinefunction(route.endpoint):
        return None
    wanted = _Wanted()
    for name, parameter in inspect.signature(route.endpoint, eval_str=True).parameters.items():
        if not _note(wanted, name, parameter):
            return None
    return wanted


def _note(wanted: _Wanted, name: str, parameter: inspect.Parameter) -> bool:
    kind = parameter.annotation
    opener = next((opener for alias, opener in _OPENERS if alias == kind), None)
    if parameter.default is not inspect.Parameter.empty:
        return False
    if kind == PathId:
        wanted.ids.append(name)
    elif kind == caller.Caller and wanted.caller is None:
        wanted.caller = name
    elif opener is not None and wanted.session is None:
        wanted.session, wanted.opener = name, opener
    elif kind is Response and wanted.response is None:
        wanted.response = name
    elif inspect.isclass(kind) and issubclass(kind, schemas.Body) and wanted.body is None:
        wanted.body, wanted.reader = name, TypeAdapter(kind)
    else:
        return False
    return True


class _Direct:
    def __init__(self, route: RouteContext, wanted: _Wanted, framework: ASGIApp) -> None:
        self.call: Callable[..., Coroutine[Any, Any, Any]] = route.endpoint  # type: ignore[assignment]
        self.shape = route.response_field
        self.status: int = route.status_code or 200
        self.wanted = wanted
        self.framework = framework

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = self.wanted
        try:
            values = self._values(scope)
            if wanted.reader is not None:
                values[wanted.body or ""] = await _body(scope, receive, wanted.reader)
        except _OddlySpelledError as odd:
            await self.framework(scope, odd.receive or receive, send)
            return
        if wanted.opener is None:
            response = await self._answer(values)
        else:
            # The answer is written before the transaction ends, and leaves after it.
            async with wanted.opener(Request(scope, receive)) as session:
                values[wanted.session or ""] = session
                response = await self._answer(values)
        await response(scope, receive, send)

    def _values(self, scope: Scope) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name in self.wanted.ids:
            text = scope["path_params"][name]
            if not schemas.is_canonical(text):
                raise _OddlySpelledError
            values[name] = UUID(text)
        if self.wanted.caller is not None:
            values[self.wanted.caller] = scope["state"]["caller"]
        return values

    async def _answer(self, values: dict[str, Any]) -> Response:
        given = None
        if self.wanted.response is not None:
            given = values[self.wanted.response] = Response()
            del given.headers["content-length"]
        result = await self.call(**values)
        if isinstance(result, Response):
            response = result
        else:
            content = await serialize_response(field=self.shape, response_content=result, dump_json=True)
            response = Response(content, self.status, media_type=_JSON)
        if given is not None:
            response.raw_headers.extend(given.raw_headers)
        return response


async def _body(scope: Scope, receive: Receive, reader: TypeAdapter[Any]) -> Any:
    """The body as its schema has it, where it is sent and spelled as it should be."""
    if headers.first(scope, b"content-type") != _JSON:
        raise _OddlySpelledError
    try:
        raw = await Request(scope, receive).body()
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    try:
        return reader.validate_python(bodies.parse(raw), from_attributes=True)
    except (ValidationError, ValueError) as error:
        raise _OddlySpelledError(_again(raw, receive)) from error


def _again(raw: bytes, receive: Receive) -> Receive:
    """What was received, once more; then whatever comes."""
    left: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay
