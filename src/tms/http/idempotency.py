"""The one custom route class: a POST with an `Idempotency-Key` is done once, however often it is sent."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response

from tms.http.bodies import Handler, StrictRoute, strict
from tms.platform import failpoints, idempotency
from tms.platform.errors import DomainError
from tms.platform.idempotency import Pending, RepeatedError, StoredAnswer

failpoints.declare("http.idempotency.answered")

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = ("content-type", "etag", "location")

PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    "description": "A key of your choice for this request; sending it again with the same body within 24 hours gives "
    "the first answer instead of doing the work twice.",
}


class InvalidKeyError(DomainError):
    """The header is not a key."""

    status = 400
    code = "invalid_idempotency_key"
    title = "Idempotency-Key must have 1 to 255 visible ASCII characters"


class IdempotentRoute(StrictRoute):
    """Sees the answer while the request's transaction is still open, and stores it there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "POST" in (self.methods or set()):
            extra = self.openapi_extra or {}
            others = [
                known for known in extra.get("parameters", []) if known.get("name") != PARAMETER["name"]
            ]
            self.openapi_extra = extra | {"parameters": [*others, PARAMETER]}

    @property
    def may_be_called_directly(self) -> bool:
        """A POST may come with a key, which is seen to here."""
        return "POST" not in (self.methods or set())

    def get_route_handler(self) -> Handler:
        """Wrap the framework's handler for POST; other methods are safe to repeat by themselves."""
        original: Handler = super().get_route_handler()
        if "POST" not in (self.methods or set()):
            return original

        async def handle(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if key is None:
                return await original(request)
            if not _KEY.fullmatch(key):
                raise InvalidKeyError
            return await _once(strict(request), key, original)

        return handle


async def _once(request: Request, key: str, original: Callable[[Request], Awaitable[Response]]) -> Response:
    pending = Pending(request.state.caller.id, key, await _fingerprint(request))
    token = idempotency.pending.set(pending)
    try:
        response = await original(request)
        session = getattr(request.state, "write_session", None)
        if session is not None:
            kept = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
            await idempotency.store(session, StoredAnswer(response.status_code, kept, bytes(response.body)))
        failpoints.here("http.idempotency.answered")
    except RepeatedError as repeated:
        answer = repeated.answer
        return Response(answer.body, answer.status, {**answer.headers, "Idempotency-Replayed": "true"})
    else:
        return response
    finally:
        idempotency.pending.reset(token)


async def _fingerprint(request: Request) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return digest.digest()
