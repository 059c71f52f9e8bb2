"""In and out: signing in with the identity provider, coming back from it, signing out."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp

from tms.http import policy
from tms.platform import db
from tms.platform.caller import Role
from tms.platform.settings import get_settings
from tms.web import rendering, sessions, sign_in, visitor
from tms.web.errors import FormExpiredError, SignInFailedError

POLICY = [
    policy.Line("GET", "/login", policy.PUBLIC, "anybody: the way to the sign-in page"),
    policy.Line("GET", sign_in.CALLBACK, policy.PUBLIC, "whoever comes back from the sign-in page"),
    policy.Line("POST", "/logout", policy.PUBLIC, "signed-in people: out", max_bytes=visitor.FORM_BYTES),
]

LONGEST = 4000

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Query(max_length=LONGEST)]


def home(role: Role) -> str:
    """Where somebody without another wish begins."""
    return "/my" if role is Role.STUDENT else "/staff"


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)


def _is_elsewhere(request: Request) -> bool:
    """Whether the page was called by another name than the one that the provider sends browsers back to."""
    host = get_settings().public_url.partition("://")[2].partition("/")[0]
    return request.headers.get("host", host) != host


@router.get("/login")
async def login(
    request: Request,
    next_page: Annotated[str, Query(alias="next", max_length=LONGEST)] = "",
    moved: Annotated[str, Query(max_length=1)] = "",
) -> RedirectResponse:
    """Begin a sign-in, or go on at once where somebody is signed in."""
    back_to = sign_in.safe_path(next_page)
    if _is_elsewhere(request) and not moved:
        # Cookies belong to a name: `localhost` and `127.0.0.1` are two. Asked once, since a proxy may rename us.
        return _to(get_settings().public_url + rendering.link("/login", next=back_to, moved="1"))
    found = await visitor.find(request)
    if found is not None:
        return _to(back_to or home(found.caller.role))
    under_way = sign_in.read_under_way(request.cookies.get(visitor.under_way_cookie()))
    app: ASGIApp = request.app
    answer = _to(await sign_in.start(app, under_way, back_to))
    visitor.set_cookie(
        answer,
        visitor.under_way_cookie(),
        sign_in.write_under_way(under_way),
        seconds=sign_in.UNDER_WAY_SECONDS,
    )
    return answer


@router.get(sign_in.CALLBACK)
async def callback(
    request: Request, state: Text = "", code: Text = "", error: Text = "", iss: Text | None = None
) -> RedirectResponse:
    """Back from the identity provider: the code becomes a page session."""
    under_way = sign_in.read_under_way(request.cookies.get(visitor.under_way_cookie()))
    begun = under_way.pop(state, None)
    if begun is None:
        found = await visitor.find(request)
        if found is not None:
            # The page was loaded again, or gone back to, after it had done its work.
            return _to(home(found.caller.role))
        raise SignInFailedError("It took too long, or it was begun in another browser. Start again.")
    if error or not code:
        raise SignInFailedError("The sign-in was broken off. Start again.")
    app: ASGIApp = request.app
    caller, tokens = await sign_in.finish(app, begun, code=code, issuer=iss)
    async with db.transaction() as session:
        earlier = request.cookies.get(visitor.session_cookie())
        if earlier:
            await sessions.end(session, earlier)
        cookie = await sessions.begin(session, caller.id, tokens)
    answer = _to(sign_in.safe_path(begun["next"]) or home(caller.role))
    visitor.set_cookie(answer, visitor.session_cookie(), cookie)
    if under_way:
        visitor.set_cookie(
            answer,
            visitor.under_way_cookie(),
            sign_in.write_under_way(under_way),
            seconds=sign_in.UNDER_WAY_SECONDS,
        )
    else:
        visitor.drop_cookie(answer, visitor.under_way_cookie())
    return answer


@router.post("/logout")
async def logout(request: Request, csrf: Annotated[str, Form(max_length=200)] = "") -> RedirectResponse:
    """Sign out here and at the identity provider.

    It works for sessions that have ended by themselves too: sending those to sign in would let them in again.
    """
    visitor.check_origin(request)
    cookie = request.cookies.get(visitor.session_cookie(), "")
    id_token = None
    if cookie:
        if not hmac.compare_digest(csrf.encode(), sessions.form_token(cookie).encode()):
            raise FormExpiredError("Go back, load the page again and sign out there.")
        async with db.transaction() as session:
            id_token = await sessions.end(session, cookie)
    app: ASGIApp = request.app
    answer = _to(await sign_in.sign_out_address(app, id_token))
    visitor.drop_cookie(answer, visitor.session_cookie())
    return answer
