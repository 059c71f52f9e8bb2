from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from tms.content import queries
from tms.content.errors import MediaNotFoundError
from tms.courses.html import MEDIA_PATH
from tms.http import files, policy
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession
from tms.platform import signing, storage

POLICY = [
    policy.line(
        "GET",
        "/media/{media_id}",
        policy.PUBLIC,
        "whoever was given a signed address, for five minutes; what is played, for four hours",
    ),
]

router = APIRouter(tags=["content"])

_PARTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {}, "video/*": {}, "audio/*": {}}},
    206: {
        "description": "The part that `Range` asks for",
        "content": {"image/*": {}, "video/*": {}, "audio/*": {}},
    },
    304: {"description": "Not changed since it was read"},
    416: {"description": "The range begins beyond the end"},
}


@router.head("/media/{media_id}", include_in_schema=False)
@router.get("/media/{media_id}", response_class=Response, responses=_PARTS)
async def get_media(
    media_id: PathId,
    session: ReadSession,
    request: Request,
    signature: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """A picture, a video or a sound of a section, by the signed address that reading the section gave.

    Takes one `Range` at a time; several at once are answered with the whole.
    """
    path = f"{MEDIA_PATH}{media_id}"
    if not signing.is_signed(path, signature, seconds=signing.PLAYING_SECONDS):
        raise MediaNotFoundError
    found = await queries.media(session, media_id)
    is_played = found["media_type"].startswith(("video/", "audio/"))
    if not is_played and not signing.is_signed(path, signature, seconds=signing.LIFETIME_SECONDS):
        raise MediaNotFoundError
    headers = {
        "Cache-Control": f"private, max-age={signing.LIFETIME_SECONDS}, immutable",
        # The signed address is the permission; a front end of another origin shows the pictures too.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    try:
        return await files.answer(
            request,
            partial(storage.read, found["storage_key"]),
            media_type=found["media_type"],
            size=found["size"],
            sha256=found["sha256"],
            headers=headers,
        )
    except storage.MissingObjectError as error:
        raise MediaNotFoundError from error
