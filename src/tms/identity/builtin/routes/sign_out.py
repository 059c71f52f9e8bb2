"""The way out for browsers and programs."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from tms.identity.builtin import clients, grants, hints, sessions
from tms.identity.builtin.routes import browser
from tms.identity.builtin.routes.browser import ForgedFormError, UnreadableFormError
from tms.platform import db

router = APIRouter()

PROTOCOL = "protocol/openid-connect"


@router.get(f"/{PROTOCOL}/logout")
async def sign_out(request: Request) -> Response:
    """Sign out at a program's wish (OpenID Connect RP-Initiated Logout): at once with its ID token, else after a question."""
    try:
        return await _sign_out(request, browser.read_query(request))
    except UnreadableFormError as error:
        return browser.refused(request, error)


@router.post(f"/{PROTOCOL}/logout")
async def sign_out_by_form(request: Request) -> Response:
    """The same by a form; with `client_id` and `refresh_token` and no browser, as Keycloak's own libraries do it."""
    try:
        form = await browser.read_form(request)
        if "refresh_token" in form:
            return await _sign_out_program(form)
        if browser.FORM_FIELD in form:
            browser.check_form(request, form)
            return await _confirmed(request, form)
        return await _sign_out(request, form)
    except (UnreadableFormError, ForgedFormError) as error:
        return browser.refused(request, error)


async def _sign_out_program(form: dict[str, str]) -> Response:
    client = clients.find(form.get("client_id"))
    if client is not None and clients.is_authentic(client, form.get("client_secret")):
        await grants.revoke(client, form["refresh_token"])
    return Response(status_code=204)


def _landing(given: dict[str, str]) -> str | None:
    """Where to go after signing out; raises `UnreadableFormError` for a place that is none of ours."""
    wanted = given.get("post_logout_redirect_uri") or given.get("landing")
    if not wanted:
        return None
    if not clients.accepts_landing(wanted):
        raise UnreadableFormError("The address to go to after signing out does not belong to this site.")
    state = given.get("state")
    return f"{wanted}{'&' if '?' in wanted else '?'}{urlencode({'state': state})}" if state else wanted


async def _sign_out(request: Request, given: dict[str, str]) -> Response:
    landing = _landing(given)
    cookie = browser.cookie(request, browser.SESSION_COOKIE)
    session_id = await hints.session_of(given.get("id_token_hint", ""))
    async with db.transaction() as session:
        row = await sessions.of_cookie(session, cookie)
        if session_id is not None and (row is None or row["id"] == session_id):
            await sessions.end(session, session_id)
            row = None
        elif row is not None:
            return browser.page(request, "sign_out.html", landing=landing or "", email=row["email"])
    return _left(request, landing)


async def _confirmed(request: Request, form: dict[str, str]) -> Response:
    landing = _landing(form)
    async with db.transaction() as session:
        row = await sessions.of_cookie(session, browser.cookie(request, browser.SESSION_COOKIE))
        if row is not None:
            await sessions.end(session, row["id"])
    return _left(request, landing)


def _left(request: Request, landing: str | None) -> Response:
    response: Response
    if landing is not None:
        response = RedirectResponse(landing, 303)
    else:
        response = browser.notice(
            request, "You are signed out", "You can close this window, or sign in again."
        )
    browser.drop_cookie(response, browser.SESSION_COOKIE)
    return response
