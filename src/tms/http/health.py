"""What machines ask about the process: is it alive, can it work, how much does it do."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Response
from fastapi.responses import RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST

from tms import __version__
from tms.http import policy
from tms.http.errors import Problem
from tms.http.metrics import exposition
from tms.platform import db, migrations
from tms.platform.errors import UnavailableError
from tms.platform.schemas import Schema

POLICY = [
    policy.Line("GET", "/", policy.PUBLIC, "anybody: name and version; browsers are led to the pages"),
    policy.Line("GET", "/health", policy.PUBLIC, "anybody: whether the process answers"),
    policy.Line("GET", "/ready", policy.PUBLIC, "anybody: whether the database answers and is up to date"),
    policy.Line(
        "GET", "/metrics", policy.PUBLIC, "anybody who reaches the port: counts without personal data"
    ),
]

router = APIRouter(tags=["operations"])
_head = migrations.head()


class NotReadyError(UnavailableError):
    """Requests should go to another process for now."""

    code = "not_ready"
    title = "This process cannot serve requests at the moment"


class Name(Schema):
    """What answers here."""

    message: str = "Training Management System API"
    version: str = __version__


class Health(Schema):
    """The process answers."""

    status: Literal["ok"] = "ok"


PAGES = "/my"
"""Where the pages for people begin."""


@router.get("/", response_model=Name)
async def name(
    accept: Annotated[str, Header(max_length=1000, include_in_schema=False)] = "",
) -> Response | Name:
    """Name and version; a browser, which asks for HTML, is led to the pages for people."""
    if "text/html" in accept:
        return RedirectResponse(PAGES, 303, {"Vary": "Accept"})
    return Name()


@router.get("/health")
async def health() -> Health:
    """The process is alive; says nothing of the parts it needs, so that their trouble does not restart it."""
    return Health()


@router.get("/ready", responses={503: {"model": Problem}})
async def ready() -> Health:
    """The database answers and has this version's migrations."""
    async with db.reading() as session:
        found: Any = await migrations.current(session)
    if found != _head:
        raise NotReadyError("The database is not at this version's migrations; run `tms migrate`.")
    return Health()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics() -> Response:
    """Requests, durations, connections and jobs in Prometheus' text format."""
    return Response(await exposition(), media_type=CONTENT_TYPE_LATEST)
