from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import RowMapping

from tms.content import additions, queries, receiving, service, sights, sizes
from tms.content.errors import MediaNotFoundError
from tms.content.schemas import MediaOut
from tms.courses.html import MEDIA_PATH
from tms.http import bodies, files, policy
from tms.http.answers import PROBLEMS, Answer
from tms.http.caller import Caller
from tms.http.parameters import PathId
from tms.http.sessions import ReadSession
from tms.platform import limits, signing, storage

POLICY = [
    policy.line(
        "POST",
        "/courses/{course_id}/media",
        policy.STAFF,
        sights.ADDERS,
        max_bytes=sizes.FORM_BYTES,
        limit=limits.UPLOADS,
    ),
    policy.line(
        "GET",
        "/media/{media_id}",
        policy.PUBLIC,
        "whoever was given a signed address, for five minutes; what is played, for four hours",
    ),
]

router = APIRouter(tags=["content"])


@router.post(
    "/courses/{course_id}/media",
    status_code=201,
    responses={415: {**PROBLEMS[422], "description": "Neither a picture nor a video nor a sound"}},
    openapi_extra=bodies.form_with_file(
        "A picture (PNG, JPEG, GIF, WebP, SVG) of at most 200 MiB, or a video (MP4, WebM) or sound (MP3, M4A) of at most "
        "2,000 MiB."
    ),
)
async def add_media(course_id: PathId, caller: Caller, request: Request) -> Answer[MediaOut]:
    """Add a picture, a video or a sound, for sections that are written by hand. The same file is kept once."""
    await service.check_open(course_id, caller)
    content_type = request.headers.get("content-type", "")
    async with receiving.received(content_type, bodies.stream(request)) as received:
        row = await additions.add(received, course_id=course_id, caller=caller)
    return Answer(data=_out(row), message="Added; write its address into a section")


def _out(row: RowMapping) -> MediaOut:
    return MediaOut(
        id=row["id"],
        address=signing.sign(f"{MEDIA_PATH}{row['id']}"),
        media_type=row["media_type"],
        size=row["size"],
        width=row["width"],
        height=row["height"],
    )


@router.get(
    "/media/{media_id}", response_class=Response, responses=files.described("image/*", "video/*", "audio/*")
)
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
