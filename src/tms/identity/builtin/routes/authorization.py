"""The way in for browsers: the sign-in page, and the forced change of a temporary password."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.builtin import (
    authorization,
    clients,
    credentials,
    grants,
    password_changes,
    password_rules,
    sessions,
    throttle,
)
from tms.identity.builtin.authorization import AuthorizationRequest
from tms.identity.builtin.credentials import Attempt, Outcome
from tms.identity.builtin.routes import browser
from tms.identity.builtin.routes.browser import ForgedFormError, UnreadableFormError
from tms.platform import clock, db
from tms.platform.settings import get_settings

router = APIRouter()

PROTOCOL = "protocol/openid-connect"
CHANGE_SECONDS = 900
"""How long the form that replaces a temporary password stays good."""
WRONG = (
    "The e-mail address or the password is not right, or there were too many attempts. "
    "After several wrong passwords, wait a few minutes before you try again."
)


def _seal() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(get_settings().key("required actions"), salt="change password")


def _asked(request: Request) -> AuthorizationRequest | None:
    """What the program wants that sent the browser; none where the person came for their own account page."""
    query = browser.read_query(request)
    return authorization.parse(query) if query else None


def _action(request: Request, name: str) -> str:
    """Forms carry the program's request on in their address; it is read and checked again at every step."""
    query = request.url.query
    return browser.realm_path(f"login-actions/{name}") + (f"?{query}" if query else "")


def _sign_in_page(
    request: Request,
    asked: AuthorizationRequest | None,
    *,
    username: str = "",
    error: str | None = None,
    status: int = 200,
) -> Response:
    return browser.page(
        request,
        "sign_in.html",
        status=status,
        leads_to=asked.redirect_uri if asked else None,
        program=asked.client_id if asked and asked.client_id == clients.SCRIPTS else None,
        action=_action(request, "authenticate"),
        username=username,
        error=error,
    )


@router.get(f"/{PROTOCOL}/auth")
async def authorize(request: Request) -> Response:
    """Where programs send browsers (RFC 6749, 3.1): straight back with a code if signed in, else the sign-in page."""
    try:
        query = browser.read_query(request)
        asked = authorization.parse(query)
    except (UnreadableFormError, authorization.UnsafeRequestError) as error:
        return browser.refused(request, error)
    except authorization.RefusedRequestError as error:
        return RedirectResponse(error.location, 302)
    code = await _code_without_password(request, asked)
    if code is not None:
        return RedirectResponse(_with_code(asked, code), 302)
    if "none" in asked.prompt:
        refusal = {"error": "login_required", "error_description": "Nobody is signed in"}
        return RedirectResponse(authorization.answer(asked.redirect_uri, asked.state, refusal), 302)
    return _sign_in_page(request, asked, username=asked.login_hint or "")


async def _code_without_password(request: Request, asked: AuthorizationRequest) -> str | None:
    """Single sign-on: a code for the browser's session, if it is good enough for what is asked.

    A program on somebody's machine cannot prove which one it is, so it never gets a code behind the person's back
    (RFC 8252, 8.6): they are asked, by their password.
    """
    if "login" in asked.prompt or asked.client_id == clients.SCRIPTS:
        return None
    async with db.transaction() as session:
        row = await sessions.of_cookie(session, browser.cookie(request, browser.SESSION_COOKIE), lock=True)
        if row is None:
            return None
        age = await clock.now(session) - row["started_at"]
        if asked.max_age is not None and age.total_seconds() > asked.max_age:
            return None
        await sessions.touch(session, row["id"], browser=True)
        return await grants.issue_code(session, row, asked)


def _with_code(asked: AuthorizationRequest, code: str) -> str:
    return authorization.answer(asked.redirect_uri, asked.state, {"code": code})


@router.get("/login-actions/authenticate")
async def sign_in_page(request: Request) -> Response:
    """The sign-in page again, as after a reload."""
    try:
        return _sign_in_page(request, _asked(request))
    except (UnreadableFormError, authorization.UnsafeRequestError) as error:
        return browser.refused(request, error)
    except authorization.RefusedRequestError as error:
        return RedirectResponse(error.location, 302)


@router.post("/login-actions/authenticate")
async def sign_in(request: Request) -> Response:
    """`username` and `password`: signed in and back to the program, or the form again, or the forced change."""
    try:
        asked = _asked(request)
        form = await browser.read_form(request)
        browser.check_form(request, form)
    except (UnreadableFormError, ForgedFormError, authorization.UnsafeRequestError) as error:
        return browser.refused(request, error)
    except authorization.RefusedRequestError as error:
        return RedirectResponse(error.location, 303)
    username, password = form.get("username", ""), form.get("password", "")
    if not username.strip() or not password:
        text = "Enter your e-mail address and your password."
        return _sign_in_page(request, asked, username=username, error=text, status=400)
    attempt = await credentials.check(username, password, browser.origin_of(request))
    if attempt.outcome is Outcome.RIGHT and attempt.account is not None:
        response = await _signed_in(request, asked, attempt, attempt.account)
        if response is not None:
            return response
    if attempt.outcome is Outcome.MUST_CHANGE and attempt.account is not None:
        return _change_page(request, asked, _ticket(request, attempt.account))
    return _not_signed_in(request, asked, attempt, username)


def _not_signed_in(
    request: Request, asked: AuthorizationRequest | None, attempt: Attempt, username: str
) -> Response:
    if attempt.outcome is Outcome.LATER:
        text = "There were too many failed attempts from your network. Wait a minute, then try again."
        response = _sign_in_page(request, asked, username=username, error=text, status=429)
        response.headers.update(browser.too_many(attempt.retry_after))
        return response
    if attempt.outcome is Outcome.DISABLED:
        text = "Your account is disabled. Ask an administrator of your organisation to enable it."
        return _sign_in_page(request, asked, username=username, error=text)
    return _sign_in_page(request, asked, username=username, error=WRONG)


async def _signed_in(
    request: Request, asked: AuthorizationRequest | None, attempt: Attempt, account: RowMapping
) -> Response | None:
    device = browser.cookie(request, browser.DEVICE_COOKIE) or browser.new_device()
    async with db.transaction() as session:
        started = await sessions.start(
            session, account["id"], password_epoch=account["password_epoch"], browser=True
        )
        if started is None:
            return None
        await throttle.succeeded(session, attempt.verdict, device=device)
        location = await _location(session, started.secret, asked)
        await _end_earlier(session, request, started.id)
    return _entered(location, started.secret, device)


async def _end_earlier(session: AsyncSession, request: Request, but: UUID) -> None:
    """A browser has one session: who signs in anew, as somebody else perhaps, leaves the earlier one."""
    earlier = await sessions.of_cookie(session, browser.cookie(request, browser.SESSION_COOKIE))
    if earlier is not None and earlier["id"] != but:
        await sessions.end(session, earlier["id"])


async def _location(session: AsyncSession, secret: str, asked: AuthorizationRequest | None) -> str:
    row = await sessions.of_cookie(session, secret, lock=True) if asked else None
    if asked is None or row is None:
        return browser.realm_path("account")
    return _with_code(asked, await grants.issue_code(session, row, asked))


def _entered(location: str, secret: str, device: str) -> Response:
    response = RedirectResponse(location, 303)
    browser.set_cookie(response, browser.SESSION_COOKIE, secret)
    browser.set_cookie(response, browser.DEVICE_COOKIE, device, seconds=browser.DEVICE_SECONDS)
    return response


def _ticket(request: Request, account: RowMapping) -> str:
    """Proof, for this browser alone, that the temporary password of this epoch was typed."""
    mark = browser.cookie(request, browser.FORM_COOKIE) or ""
    return _seal().dumps([str(account["id"]), account["password_epoch"], browser.form_key(mark)])


def _read_ticket(request: Request, ticket: str) -> tuple[UUID, int]:
    try:
        account_id, epoch, mark = _seal().loads(ticket, max_age=CHANGE_SECONDS)
    except BadData as error:
        raise ForgedFormError from error
    if mark != browser.form_key(browser.cookie(request, browser.FORM_COOKIE) or ""):
        raise ForgedFormError
    return UUID(account_id), epoch


def _change_page(
    request: Request,
    asked: AuthorizationRequest | None,
    ticket: str,
    *,
    error: str | None = None,
    status: int = 200,
) -> Response:
    return browser.page(
        request,
        "replace_temporary.html",
        status=status,
        leads_to=asked.redirect_uri if asked else None,
        action=_action(request, "required-action"),
        ticket=ticket,
        rules=password_rules.EXPLANATION,
        shortest=password_rules.SHORTEST,
        error=error,
    )


@router.get("/login-actions/required-action")
async def change_page_again(request: Request) -> Response:
    """The form needs the temporary password first; a reload leads back there."""
    return RedirectResponse(_action(request, "authenticate"), 302)


@router.post("/login-actions/required-action")
async def replace_temporary(request: Request) -> Response:
    """`password-new` and `password-confirm` replace the temporary password, and sign the person in."""
    try:
        asked = _asked(request)
        form = await browser.read_form(request)
        browser.check_form(request, form)
        account_id, epoch = _read_ticket(request, form.get("ticket", ""))
    except (UnreadableFormError, ForgedFormError, authorization.UnsafeRequestError) as error:
        return browser.refused(request, error)
    except authorization.RefusedRequestError as error:
        return RedirectResponse(error.location, 303)
    choice = password_changes.Choice(form.get("password-new", ""), form.get("password-confirm", ""))
    device = browser.cookie(request, browser.DEVICE_COOKIE) or browser.new_device()
    try:
        started = await password_changes.replace_temporary(
            account_id, epoch, choice, browser.origin_of(request), device=device
        )
    except password_changes.RefusedPasswordError as error:
        return _change_page(request, asked, form["ticket"], error=str(error), status=400)
    except password_changes.OutdatedChangeError:
        text = "This temporary password does not work any more. Sign in again, or ask for a new one."
        return _sign_in_page(request, asked, error=text, status=400)
    async with db.transaction() as session:
        location = await _location(session, started.secret, asked)
        await _end_earlier(session, request, started.id)
    return _entered(location, started.secret, device)
