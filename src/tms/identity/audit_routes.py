import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BeforeValidator
from sqlalchemy import RowMapping

from tms.http import policy
from tms.http.answers import Listing, listing
from tms.http.caller import Caller
from tms.http.parameters import PageQuery
from tms.http.sessions import ReadSession
from tms.identity import audit_trail
from tms.operations import audit
from tms.operations.queries import AuditFilter
from tms.operations.schemas import AuditEntryOut
from tms.platform import db, spreadsheet
from tms.platform.schemas import Id

POLICY = [
    policy.line("GET", "/audit", policy.ADMIN, "administrators all"),
    policy.line("GET", "/audit.csv", policy.ADMIN, "administrators all"),
]
RECHECK_SECONDS = 2.5
COLUMNS = (
    "at",
    "actorId",
    "actorName",
    "action",
    "objectType",
    "objectId",
    "changes",
    "requestId",
    "address",
    "id",
)

router = APIRouter(tags=["operations"])

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


def _spelled_out(value: Any) -> Any:
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise ValueError("must be an instant with its zone, such as 2026-12-24T18:00:00Z")
    return value


def _possible(value: datetime) -> datetime:
    # Years 1 and 9999 cannot be carried into every zone.
    if not 1900 <= value.year <= 9000:
        raise ValueError("must be in the years 1900 to 9000")
    return value


Moment = Annotated[datetime, BeforeValidator(_spelled_out), AfterValidator(_possible)]


def _wanted(
    actor: Annotated[Id | None, Query(description="The id of the user who acted.")] = None,
    action: Annotated[
        str | None, Query(max_length=100, pattern=r"^[a-z_]+\.[a-z_]+$", examples=["course.published"])
    ] = None,
    object_type: Annotated[
        str | None, Query(alias="objectType", max_length=100, pattern=r"^[a-z_]+$", examples=["course"])
    ] = None,
    object_id: Annotated[Id | None, Query(alias="objectId")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="The first instant that counts.")] = None,
    before: Annotated[
        Moment | None, Query(alias="to", description="The first instant that counts no more.")
    ] = None,
) -> AuditFilter:
    return AuditFilter(actor, action, object_type, object_id, since, before)


Wanted = Annotated[AuditFilter, Depends(_wanted)]


def _out(row: RowMapping) -> AuditEntryOut:
    return AuditEntryOut.model_validate(dict(row))


@router.get("/audit")
async def read_audit_log(page: PageQuery, wanted: Wanted, session: ReadSession) -> Listing[AuditEntryOut]:
    """Who did what, when, to which thing, and from where; the newest line first. Sort: `at`."""
    return listing(await audit_trail.page(session, page, wanted), _out)


@router.get(
    "/audit.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "All of it, for a spreadsheet"}},
)
async def download_audit_log(wanted: Wanted, caller: Caller, request: Request) -> StreamingResponse:
    """The same lines as CSV, all of them. That they were downloaded is a line of the log too."""
    async with db.transaction() as session:
        await audit.record(
            session, actor=caller.id, action="audit.downloaded", object_type="audit_log", object_id=None
        )
    return StreamingResponse(
        _csv(wanted, request),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


async def _csv(wanted: AuditFilter, request: Request) -> AsyncIterator[str]:
    """A stream outlives the check at the door. Who is refused meanwhile gets a broken file, which does not look whole."""
    yield spreadsheet.BOM + spreadsheet.lines([COLUMNS])
    checked = monotonic()
    async for rows in audit_trail.blocks(wanted):
        if monotonic() - checked > RECHECK_SECONDS:
            await request.state.recheck()
            checked = monotonic()
        yield spreadsheet.lines(_cells(_out(row)) for row in rows)


def _cells(entry: AuditEntryOut) -> list[Any]:
    told = entry.model_dump(mode="json", by_alias=True)
    told["changes"] = json.dumps(told["changes"], ensure_ascii=False) if told["changes"] else None
    return [told[name] for name in COLUMNS]
