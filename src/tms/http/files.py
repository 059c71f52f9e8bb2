"""Stored files as answers: streamed, by parts where that is asked for, and never run by a browser."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from time import monotonic
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from tms.http import errors, ranges

Read = Callable[[int, int], AsyncIterator[bytes]]
Recheck = Callable[[], Awaitable[object]]

SAVED_TYPE = "application/octet-stream"
"""Of what is only saved: the name tells the program that opens it, and no browser tries to."""
RECHECK_SECONDS = 2.5
"""With the two seconds for which a status is believed, whoever is disabled is out within five."""

# What is opened alone is a document of its own: it may neither run anything nor fetch anything.
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
# What a browser shows or plays and never runs; all else is only given to be saved.
SHOWN = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/bmp",
        "image/svg+xml",
        "video/mp4",
        "video/webm",
        "audio/mpeg",
        "audio/mp4",
        "audio/webm",
    }
)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-()")


def attachment(name: str) -> str:
    """`Content-Disposition` of a file to be saved under `name` (RFC 6266): in ASCII for old clients, and as it is."""
    plain = "".join(character if character in _PLAIN else "_" for character in name)
    whole = quote(name.encode("utf-8", "replace"), safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"


def described(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that gives files of these kinds, for the API's description."""
    content: dict[str, Any] = {media_type: {} for media_type in media_types}
    return {
        200: {"content": content},
        206: {"description": "The part that `Range` asks for", "content": content},
        304: {"description": "Not changed since it was read"},
        416: {"description": "The range begins beyond the end"},
    }


async def save(
    request: Request, read: Read, *, name: str, size: int, sha256: str, recheck: Recheck
) -> Response:
    """The file, or a part of it, to be saved under `name`, never shown; a browser asks anew before it uses it again.

    Raises what `read` raises before its first byte. While it is sent, `recheck` raises for who may have no more of it:
    that breaks the answer off, so that what was got does not look whole.
    """
    return await answer(
        request,
        _rechecked(read, recheck),
        media_type=SAVED_TYPE,
        size=size,
        sha256=sha256,
        headers={"Content-Disposition": attachment(name), "Cache-Control": "private, no-cache"},
    )


def _rechecked(read: Read, recheck: Recheck) -> Read:
    async def reading(start: int, stop: int) -> AsyncIterator[bytes]:
        checked = monotonic()
        async for chunk in read(start, stop):
            if monotonic() - checked > RECHECK_SECONDS:
                await recheck()
                checked = monotonic()
            yield chunk

    return reading


async def answer(
    request: Request, read: Read, *, media_type: str, size: int, sha256: str, headers: Mapping[str, str]
) -> Response:
    """The file, a part of it, or that it is known already; `read(start, stop)` gives its bytes.

    Raises what `read` raises before its first byte, and `RangeNotSatisfiableError` never: that is answered here, with
    the size.
    """
    etag = f'"{sha256}"'
    sent = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": SANDBOX,
        "Content-Type": media_type,
        "Content-Disposition": "inline" if media_type in SHOWN else "attachment",
        **headers,
    }
    if ranges.is_known(request.headers, etag):
        return Response(status_code=304, headers=sent)
    try:
        part = ranges.part(request.headers, size=size, etag=etag)
    except ranges.RangeNotSatisfiableError as error:
        refused = errors.answer(error)
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    start, stop = (part.start, part.stop) if part else (0, size)
    sent["Content-Length"] = str(stop - start)
    if part:
        sent["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    chunks = read(start, stop)
    first = await anext(chunks, b"")
    return StreamingResponse(_all(first, chunks), 206 if part else 200, headers=sent)


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
