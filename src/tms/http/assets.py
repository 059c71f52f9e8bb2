"""The few files that pages load: one stylesheet, small scripts, one icon; nothing comes from elsewhere."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from tms.http import policy
from tms.platform.errors import NotFoundError

POLICY = [policy.Line("GET", "/static/{asset}", policy.PUBLIC, "anybody: the pages' style, scripts and icon")]

TYPES = {
    "tms.css": "text/css; charset=utf-8",
    "outlining.js": "text/javascript; charset=utf-8",
    "reading.js": "text/javascript; charset=utf-8",
    "uploading.js": "text/javascript; charset=utf-8",
    "watching.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
YEAR_SECONDS = 365 * 24 * 3600

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    media_type: str
    digest: str


def _load(name: str) -> _Asset:
    content = (resources.files("tms.http") / "static" / name).read_bytes()
    return _Asset(content, TYPES[name], hashlib.sha256(content).hexdigest()[:16])


# They are small and part of the installation, so they are read once.
_ASSETS = {name: _load(name) for name in TYPES}


def address(name: str) -> str:
    """Where a page loads the file: the address changes with the content, so that browsers may keep it for a year."""
    return f"/static/{name}?v={_ASSETS[name].digest}"


@router.get("/static/{asset}")
async def static_file(
    asset: str,
    v: Annotated[str, Query(max_length=64)] = "",
    if_none_match: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """A file of the list; without its digest in the address it is asked for anew each time."""
    found = _ASSETS.get(asset)
    if found is None:
        raise NotFoundError
    tag = f'"{found.digest}"'
    kept = f"public, max-age={YEAR_SECONDS}, immutable" if v == found.digest else "no-cache"
    headers = {"ETag": tag, "Cache-Control": kept}
    if tag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)
