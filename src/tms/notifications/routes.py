from typing import Annotated

from fastapi import APIRouter, Query

from tms.http import policy
from tms.http.answers import Answer, Listing, listing
from tms.http.caller import Caller
from tms.http.idempotency import IdempotentRoute
from tms.http.parameters import PageQuery, PathId, Search
from tms.http.sessions import ReadSession, WriteSession
from tms.notifications import queries, service
from tms.notifications.schemas import EmailDetail, EmailOut, Status, Template
from tms.platform import limits

POLICY = [
    policy.line("GET", "/emails", policy.ADMIN, "administrators all"),
    policy.line("GET", "/emails/{email_id}", policy.ADMIN, "administrators all"),
    policy.line(
        "POST", "/emails/{email_id}/retry", policy.ADMIN, "administrators all", limit=limits.MAILINGS
    ),
]

router = APIRouter(prefix="/emails", tags=["e-mail"], route_class=IdempotentRoute)


@router.get("")
async def list_emails(
    session: ReadSession,
    page: PageQuery,
    to: Search = None,
    status: Annotated[Status | None, Query()] = None,
    template: Annotated[Template | None, Query()] = None,
) -> Listing[EmailOut]:
    """E-mails, the newest first; `to` is any part of an address. Sort: `createdAt`."""
    found = await queries.emails(session, page, to=to, status=status, template=template)
    return listing(found, lambda row: EmailOut.model_validate(dict(row)))


@router.get("/{email_id}")
async def get_email(email_id: PathId, caller: Caller, session: WriteSession) -> Answer[EmailDetail]:
    """An e-mail with its text and HTML as they would read now; that a password or link was shown is audited."""
    return Answer(data=EmailDetail.model_validate(await service.read(session, email_id, caller)))


@router.post("/{email_id}/retry")
async def retry_email(email_id: PathId, caller: Caller, session: WriteSession) -> Answer[EmailOut]:
    """Send an e-mail that failed, was kept in the outbox or was sent before, once more."""
    row = await service.retry(session, email_id, caller)
    return Answer(data=EmailOut.model_validate(dict(row)), message="The e-mail is queued.")
