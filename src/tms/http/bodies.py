"""JSON bodies, read strictly: what two programs could understand differently is understood by none.

Python's reader takes UTF-16, NaN, and an object that names a field twice, of which the last counts. A proxy or a log that
reads the first one would see another request than we do (RFC 8259, 4 and 8.1), so all of these are refused.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# Half of a pair that stands for one character; alone it is no text, and no encoding can write it.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Any:
    """The one JSON value that the body is; raises `json.JSONDecodeError`, which is answered with 422."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_fields, parse_constant=_refuse)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        # Not UTF-8, half a character, a number of thousands of digits, or nested too deep to be meant.
        raise json.JSONDecodeError("not a value that can be read", "", 0) from error
    return value


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise json.JSONDecodeError("a field is named twice", "", 0)
    return fields


def _refuse(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no number of JSON", "", 0)


def form_with_file(description: str) -> dict[str, Any]:
    """For the API's description: a form with one file in its field `file`, which the route reads by itself."""
    file = {"type": "string", "format": "binary", "description": description}
    schema = {"type": "object", "required": ["file"], "properties": {"file": file}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


async def stream(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes in; it ends early where the client goes away, which whoever reads it notices."""
    with suppress(ClientDisconnect):
        async for chunk in request.stream():
            yield chunk


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """The body's value; the framework answers its errors."""
        if not hasattr(self, "_json"):
            self._json = parse(await self.body())
        return self._json


def strict(request: Request) -> StrictRequest:
    """The same request, read strictly; whoever reads the body reads it here, since it comes only once."""
    return request if isinstance(request, StrictRequest) else StrictRequest(request.scope, request.receive)


class StrictRoute(APIRoute):
    """A route whose JSON bodies are read strictly; the base of every route of the API."""

    @property
    def may_be_called_directly(self) -> bool:
        """Whether nothing happens around the endpoint but the reading of the body (`http.direct`)."""
        return True

    def get_route_handler(self) -> Handler:
        """Wrap the framework's handler."""
        original: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await original(strict(request))

        return handle
