"""Uploads after they have arrived: what became of them, and outlines that wait to be applied."""

import asyncio

from fastapi import APIRouter, Request, Response

from tms.content import originals, outlines, queries, reviews, shapes, sights
from tms.content.schemas import PlanIn, UploadDetail, UploadListed
from tms.http import files, policy
from tms.http.answers import Answer, Listing, listing, set_etag
from tms.http.caller import Caller
from tms.http.idempotency import IdempotentRoute
from tms.http.parameters import IfMatch, PageQuery, PathId
from tms.http.sessions import ReadSession, WriteSession

POLICY = [
    policy.line("GET", "/courses/{course_id}/uploads", policy.STAFF, sights.EDITORS),
    policy.line("GET", "/uploads/{upload_id}", policy.STAFF, sights.EDITORS),
    policy.line("GET", "/uploads/{upload_id}/original", policy.STAFF, sights.EDITORS),
    policy.line("POST", "/uploads/{upload_id}/apply", policy.STAFF, sights.EDITORS),
    policy.line("DELETE", "/uploads/{upload_id}", policy.STAFF, sights.EDITORS),
]

router = APIRouter(tags=["content"], route_class=IdempotentRoute)


@router.get("/courses/{course_id}/uploads")
async def list_uploads(
    course_id: PathId, caller: Caller, session: ReadSession, page: PageQuery
) -> Listing[UploadListed]:
    """The documents of a course, for those who may change it. Sort by createdAt."""
    await queries.check_editor(session, course_id, caller)
    return listing(await queries.page(session, course_id, caller, page), shapes.listed)


@router.get("/uploads/{upload_id}")
async def get_upload(
    upload_id: PathId, caller: Caller, session: ReadSession, response: Response
) -> Answer[UploadDetail]:
    """An upload: its outline while that waits to be applied, or what was made of it, or why nothing was.

    `ETag` is the version of the course: sent as `If-Match` with `apply`, it sees to it that the course is still as it was.
    """
    row = await queries.editable(session, upload_id, caller)
    set_etag(response, row["course_version"])
    outline = await queries.outline(session, upload_id)
    sections = await queries.sections_of(session, upload_id)
    # Looking through a long document takes a while, during which others are served.
    return Answer(data=await asyncio.to_thread(shapes.detail, row, outline, sections))


@router.get(
    "/uploads/{upload_id}/original", response_class=Response, responses=files.described(files.SAVED_TYPE)
)
async def get_original(upload_id: PathId, caller: Caller, session: ReadSession, request: Request) -> Response:
    """The file itself, byte for byte as it was uploaded, to be saved under its name. Takes one `Range` at a time.

    Files of uploads of which nothing came are not kept (404, `original_not_kept`).
    """
    found = await originals.find(session, upload_id, caller)
    return await files.save(
        request,
        found.read,
        name=found.name,
        size=found.size,
        sha256=found.sha256,
        recheck=request.state.recheck,
    )


@router.post("/uploads/{upload_id}/apply")
async def apply_upload(
    upload_id: PathId,
    body: PlanIn,
    caller: Caller,
    session: WriteSession,
    expected: IfMatch,
    response: Response,
) -> Answer[UploadDetail]:
    """Make sections of an outline that waits, in one transaction: appended, or as the new edition of what it replaces.

    Then sections that are kept keep their ids and everybody's progress, and those that the edition dropped are archived.
    """
    row = await reviews.apply(session, upload_id, shapes.decision(body), caller=caller, expected=expected)
    set_etag(response, row["course_version"])
    sections = await queries.sections_of(session, upload_id)
    return Answer(data=shapes.detail(row, [], sections), message=f"Applied: {len(sections)} sections")


@router.delete("/uploads/{upload_id}")
async def discard_upload(upload_id: PathId, caller: Caller, session: WriteSession) -> Answer[None]:
    """Give up an outline that waits; the course stays as it is."""
    await outlines.discard(session, upload_id, caller)
    return Answer(data=None, message="Discarded; the course is as it was")
