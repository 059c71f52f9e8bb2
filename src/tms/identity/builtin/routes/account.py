"""The person's own page: who am I, a new password, signing out everywhere; and the way back in after forgetting it."""

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import RowMapping

from tms.identity.builtin import password_changes, password_rules, reset, sessions
from tms.identity.builtin.routes import browser
from tms.identity.builtin.routes.browser import ForgedFormError, UnreadableFormError
from tms.operations import audit
from tms.platform import db

router = APIRouter()

RESET_SECONDS = 0.2
"""Asking for a link takes at least this long, whether there is an account to write to or not."""
SENT = (
    "If there is an account with this address, a mail with a link is on its way. The link is good for one hour. "
    "If nothing arrives, look into the folder for unwanted mail, or ask an administrator."
)
DEAD_LINK = "The link has been used, is older than an hour, or is not complete. Ask for a new one on the sign-in page."


async def _signed_in(request: Request) -> RowMapping | None:
    async with db.transaction() as session:
        row = await sessions.of_cookie(session, browser.cookie(request, browser.SESSION_COOKIE))
        if row is not None:
            await sessions.touch(session, row["id"], browser=True)
        return row


def _to_sign_in() -> Response:
    return RedirectResponse(browser.realm_path("login-actions/authenticate"), 303)


def _account_page(
    request: Request,
    row: RowMapping,
    *,
    error: str | None = None,
    done: str | None = None,
    status: int = 200,
) -> Response:
    return browser.page(
        request,
        "account.html",
        status=status,
        name=f"{row['first_name']} {row['last_name']}",
        email=row["email"],
        role=row["role"],
        rules=password_rules.EXPLANATION,
        shortest=password_rules.SHORTEST,
        error=error,
        done=done,
    )


@router.get("/account")
async def account(request: Request) -> Response:
    """Who I am here; without a session the sign-in page, and back."""
    row = await _signed_in(request)
    return _to_sign_in() if row is None else _account_page(request, row)


@router.post("/account/password")
async def change_password(request: Request) -> Response:
    """`password` (the present one), `password-new` and `password-confirm`; other sessions end."""
    try:
        form = await browser.read_form(request)
        browser.check_form(request, form)
    except (UnreadableFormError, ForgedFormError) as error:
        return browser.refused(request, error)
    row = await _signed_in(request)
    if row is None:
        return _to_sign_in()
    choice = password_changes.Choice(form.get("password-new", ""), form.get("password-confirm", ""))
    try:
        await password_changes.replace_own(row, form.get("password", ""), choice, browser.origin_of(request))
    except password_changes.RefusedPasswordError as error:
        return _account_page(request, row, error=str(error), status=400)
    except password_changes.WrongPasswordError:
        text = "The present password is not right. After several wrong ones, wait a few minutes."
        return _account_page(request, row, error=text, status=400)
    except password_changes.OutdatedChangeError:
        return _to_sign_in()
    done = "Your password is changed. Everywhere else you have been signed out."
    return _account_page(request, row, done=done)


@router.post("/account/sign-out-everywhere")
async def sign_out_everywhere(request: Request) -> Response:
    """End all sessions, of browsers and of programs."""
    try:
        form = await browser.read_form(request)
        browser.check_form(request, form)
    except (UnreadableFormError, ForgedFormError) as error:
        return browser.refused(request, error)
    async with db.transaction() as session:
        row = await sessions.of_cookie(session, browser.cookie(request, browser.SESSION_COOKIE))
        if row is not None:
            await sessions.end_all(session, row["account_id"])
            await audit.record(
                session,
                actor=row["user_id"],
                action="account.signed_out_everywhere",
                object_type="user",
                object_id=row["user_id"],
            )
    if row is None:
        return _to_sign_in()
    text = "You are signed out on every device. Programs that are at work may go on for up to five minutes."
    response = browser.notice(request, "You are signed out", text)
    browser.drop_cookie(response, browser.SESSION_COOKIE)
    return response


@router.get("/login-actions/reset-credentials")
async def forgotten_page(request: Request) -> Response:
    """The form that asks for a link."""
    return browser.page(request, "forgotten.html", username="", error=None)


@router.post("/login-actions/reset-credentials")
async def forgotten(request: Request) -> Response:
    """`username`: one and the same answer, in text and in time, whether there is such an account or not."""
    try:
        form = await browser.read_form(request)
        browser.check_form(request, form)
    except (UnreadableFormError, ForgedFormError) as error:
        return browser.refused(request, error)
    username = form.get("username", "").strip()
    if not username:
        text = "Enter the e-mail address of your account."
        return browser.page(request, "forgotten.html", status=400, username="", error=text)
    await asyncio.gather(reset.ask(username, browser.origin_of(request)), asyncio.sleep(RESET_SECONDS))
    return browser.notice(request, "Look into your mailbox", SENT)


def _reset_page(request: Request, key: str, email: str, *, error: str | None = None) -> Response:
    return browser.page(
        request,
        "reset.html",
        status=200 if error is None else 400,
        key=key,
        email=email,
        rules=password_rules.EXPLANATION,
        shortest=password_rules.SHORTEST,
        error=error,
    )


async def _resettable(key: str) -> reset.Resettable | None:
    async with db.reading() as session:
        return await reset.account_of(session, key)


@router.get("/login-actions/action-token")
async def reset_page(request: Request) -> Response:
    """Behind the link of a mail. Opening it uses nothing up, since mail programs look at links before people do."""
    try:
        key = browser.read_query(request).get("key", "")
    except UnreadableFormError as error:
        return browser.refused(request, error)
    found = await _resettable(key)
    if found is None:
        return browser.notice(request, "This link does not work any more", DEAD_LINK, status=400)
    return _reset_page(request, key, found.email)


@router.post("/login-actions/action-token")
async def reset_password(request: Request) -> Response:
    """`key`, `password-new` and `password-confirm`; then the person signs in with the new password."""
    try:
        form = await browser.read_form(request)
        browser.check_form(request, form)
    except (UnreadableFormError, ForgedFormError) as error:
        return browser.refused(request, error)
    key = form.get("key", "")
    found = await _resettable(key)
    choice = password_changes.Choice(form.get("password-new", ""), form.get("password-confirm", ""))
    if found is None:
        return browser.notice(request, "This link does not work any more", DEAD_LINK, status=400)
    try:
        await password_changes.replace_forgotten(found.account_id, found.password_epoch, choice)
    except password_changes.RefusedPasswordError as error:
        return _reset_page(request, key, found.email, error=str(error))
    except password_changes.OutdatedChangeError:
        return browser.notice(request, "This link does not work any more", DEAD_LINK, status=400)
    return browser.notice(request, "Your password is changed", "You can sign in with your new password now.")
