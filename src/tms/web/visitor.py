"""Who is at a page: the web room's own door, since the gate knows only bearer tokens.

Every page but those of signing in takes one of `Visitor`, `StaffVisitor` or `AdminVisitor`; every form that changes
something `PostingVisitor`, which asks for the token of the session and for our own `Origin` besides.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request, Response
from starlette.types import ASGIApp

from tms.platform.settings import get_settings
from tms.web import sessions, sign_in
from tms.web.errors import AdministratorsOnlyError, FormExpiredError, SignInNeededError, StaffOnlyError
from tms.web.sessions import Tokens

FORM_BYTES = 16 * 1024


def _is_secure() -> bool:
    return get_settings().public_url.startswith("https://")


def _name(name: str) -> str:
    # Browsers take a `__Host-` cookie only with Secure and from this very host, so no neighbour can plant one.
    return f"__Host-{name}" if _is_secure() else name


def session_cookie() -> str:
    """The name of the cookie that holds a page session."""
    return _name("tms")


def under_way_cookie() -> str:
    """The name of the cookie that holds the sign-ins that were begun."""
    return _name("tms-sign-in")


def set_cookie(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """A cookie that scripts cannot read and that other sites' forms do not carry; without `seconds` for this browsing."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=_is_secure(), httponly=True, samesite="lax"
    )


def drop_cookie(response: Response, name: str) -> None:
    """Forget a cookie."""
    response.delete_cookie(name, path="/", secure=_is_secure(), httponly=True, samesite="lax")


async def find(request: Request) -> sessions.Visitor | None:
    """Who is signed in with this browser, if anybody is."""
    cookie = request.cookies.get(session_cookie())
    if not cookie or len(cookie) > 100:
        return None
    app: ASGIApp = request.app

    async def refresh(refresh_token: str, id_token: str) -> Tokens | None:
        return await sign_in.refresh(app, refresh_token, id_token)

    found = await sessions.find(cookie, refresh)
    # Error pages show the visitor's own frame around them.
    request.state.visitor = found
    return found


async def signed_in(request: Request) -> sessions.Visitor:
    """The visitor, or `SignInNeededError`, which sends the browser to sign in and back to this page."""
    found = await find(request)
    if found is None:
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInNeededError(address)
    return found


Visitor = Annotated[sessions.Visitor, Depends(signed_in)]
"""Anybody who is signed in."""


async def _staff(visitor: Visitor) -> sessions.Visitor:
    if not visitor.is_staff:
        raise StaffOnlyError("Your own courses are under “My courses”.")
    return visitor


StaffVisitor = Annotated[sessions.Visitor, Depends(_staff)]
"""A trainer or an administrator; what they see behind the door is decided by the rooms' queries."""


def staff_again(request: Request) -> Callable[[], Awaitable[None]]:
    """Asks, while an answer goes on, whether who gets it is still signed in and staff; raises where not."""

    async def recheck() -> None:
        found = await find(request)
        if found is None:
            raise SignInNeededError(request.url.path)
        await _staff(found)

    return recheck


async def _admin(visitor: Visitor) -> sessions.Visitor:
    if not visitor.caller.is_admin:
        raise AdministratorsOnlyError("Ask an administrator for what you need from here.")
    return visitor


AdminVisitor = Annotated[sessions.Visitor, Depends(_admin)]
"""An administrator."""


def check_origin(request: Request) -> None:
    """Raise `FormExpiredError` where the browser says that a form comes from elsewhere."""
    origin = request.headers.get("origin")
    if origin is not None:
        parts = urlsplit(get_settings().public_url)
        ours = origin == f"{parts.scheme}://{parts.netloc}"
    else:
        ours = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if not ours:
        raise FormExpiredError(f"Forms are taken from the pages at {get_settings().public_url} only.")


def check_form(request: Request, visitor: sessions.Visitor, csrf: str) -> None:
    """Raise `FormExpiredError` unless a form comes from our pages and carries the token of this browser's session."""
    check_origin(request)
    if not hmac.compare_digest(csrf.encode(), visitor.form_token.encode()):
        raise FormExpiredError("Go back, load the page again and repeat what you did.")


async def _posting(
    request: Request, visitor: Visitor, csrf: Annotated[str, Form(max_length=200)] = ""
) -> sessions.Visitor:
    check_form(request, visitor, csrf)
    return visitor


PostingVisitor = Annotated[sessions.Visitor, Depends(_posting)]
"""Whoever sends a form of ours."""


async def _staff_posting(visitor: PostingVisitor) -> sessions.Visitor:
    return await _staff(visitor)


PostingStaff = Annotated[sessions.Visitor, Depends(_staff_posting)]
"""A trainer or an administrator who sends a form of ours."""
