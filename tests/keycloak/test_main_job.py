"""The main job with a genuine Keycloak: enrolled, signed in at its own pages, taught, changed, kept out, erased."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.keycloak.site import BOSS, PASSWORD
from tms import app as assembly
from tms.identity import access, providers
from tms.operations import doctor
from tms.platform import db
from tms.platform.settings import get_settings

pytestmark = pytest.mark.keycloak

NORA = "nora@example.org"


async def healthy():
    assert await doctor.examine(assembly.CHECKS) == []


async def eventually_out(browser, path="/my", seconds=10):
    for _ in range(seconds * 20):
        if not await browser.is_in(path):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("still in")


async def due_now():
    """The next request of every page session asks the provider."""
    async with db.transaction() as session:
        await session.execute(text("UPDATE page_sessions SET check_due = tms_now()"))


async def test_a_student_is_enrolled_signs_in_and_out(site, run_jobs, session):
    boss = await site.boss()
    batch = {"name": "Autumn", "startDate": "2026-10-01", "endDate": "2037-03-31"}
    made = (await boss.post("/batches", batch, status=201))["data"]
    enrolled = await site.enrol(boss, NORA, batchId=made["id"])
    await run_jobs()
    [welcome] = (await boss.get("/emails", params={"to": NORA}))["data"]
    assert enrolled["temporaryPassword"] in (await boss.get(f"/emails/{welcome['id']}"))["data"]["text"]

    # Keycloak's own pages: the temporary password must be changed there, and nowhere else.
    browser = site.browser()
    page = await browser.open("/my")
    assert page.url.startswith(f"{site.keycloak.settings.issuer}/")
    page = await browser.submit(
        page, having="username", username=NORA, password=enrolled["temporaryPassword"]
    )
    assert page.url.startswith(f"{site.keycloak.settings.issuer}/login-actions/required-action")
    page = await browser.submit(page, having="password-new", password_new=PASSWORD, password_confirm=PASSWORD)
    assert page.url == f"{site.url}/my"
    assert "Nora Newcomer" in page.words

    # The temporary password is worth nothing any more, and the chosen one opens the API too.
    assert (await site.keycloak.password_grant(NORA, enrolled["temporaryPassword"])).status_code != 200
    nora = await site.client(NORA, PASSWORD)
    assert (await nora.get("/me"))["data"]["email"] == NORA
    assert (await nora.get(f"/students/{enrolled['userId']}/courses"))["data"]["courses"] == []

    # Refresh: the refresh token is traded for a new one, twice over.
    for _ in range(2):
        before = (await session.execute(text("SELECT tokens, checked_at FROM page_sessions"))).one()
        await due_now()
        assert await browser.is_in()
        after = (await session.execute(text("SELECT tokens, checked_at FROM page_sessions"))).one()
        assert after.tokens != before.tokens
        assert after.checked_at > before.checked_at

    # Out, at both sides: Keycloak asks for the password again.
    page = await browser.submit(await browser.open("/my"), having="csrf")
    assert not await browser.is_in()
    page = await browser.open("/my")
    assert page.form(having="password")
    await healthy()


async def test_everybody_begins_where_they_work_and_sees_no_pages_of_the_built_in_sign_in(site, run_jobs):
    boss = await site.boss()
    browser = site.browser()
    assert (await browser.sign_in(BOSS, PASSWORD)).path == "/staff"
    new = {"firstName": "Toni", "lastName": "Trainer", "email": "toni@example.org", "role": "trainer"}
    await boss.post("/users", new, status=201)
    await run_jobs()
    [mail] = (await boss.get("/emails", params={"to": "toni@example.org"}))["data"]
    words = (await boss.get(f"/emails/{mail['id']}"))["data"]["text"]
    temporary = words.partition("Temporary Password: ")[2].split()[0]
    page = await site.enter(site.browser(), {"email": "toni@example.org", "temporaryPassword": temporary})
    assert page.path == "/staff"
    for path in (
        "protocol/openid-connect/auth",
        "protocol/openid-connect/certs",
        "login-actions/reset-credentials",
        "login-actions/action-token",
        "account",
        ".well-known/openid-configuration",
    ):
        for realm in ("tms", site.keycloak.settings.keycloak_realm):
            answer = await site.browser().http.get(f"{site.url}/realms/{realm}/{path}")
            assert answer.status_code == 404, path


async def test_keycloak_ends_a_session_and_the_page_session_ends_with_it(site):
    boss = await site.boss()
    enrolled = await site.enrol(boss, NORA)
    browsers = [site.browser(), site.browser()]
    await site.enter(browsers[0], enrolled)
    await browsers[1].sign_in(NORA, PASSWORD)
    assert [await browser.is_in() for browser in browsers] == [True, True]
    account = await providers.current().find(UUID(enrolled["userId"]))
    # One of the two sign-ins is ended by Keycloak's administrator: the other goes on.
    sid = (await _sids())[0]
    await site.keycloak.admin.connection.a_raw_delete(
        f"admin/realms/{site.keycloak.settings.keycloak_realm}/sessions/{sid}"
    )
    await eventually_out(browsers[0])
    assert await browsers[1].is_in()
    # All of them.
    await site.keycloak.admin.a_user_logout(account.id)
    await eventually_out(browsers[1])


async def _sids():
    async with db.reading() as session:
        found = await session.execute(
            text("SELECT sid FROM page_sessions WHERE ended_at IS NULL ORDER BY created_at")
        )
        return found.scalars().all()


async def test_who_is_changed_reset_disabled_enabled_and_erased_here_is_so_there(site, run_jobs):
    boss = await site.boss()
    enrolled = await site.enrol(boss, NORA)
    student = enrolled["userId"]
    browser = site.browser()
    await site.enter(browser, enrolled)
    nora = await site.client(NORA, PASSWORD)
    provider = providers.current()

    await boss.patch(
        f"/users/{student}", {"firstName": "Noreen", "email": "noreen@example.org", "role": "trainer"}
    )
    account = await provider.find(UUID(student))
    assert (account.first_name, account.email, account.role) == ("Noreen", "noreen@example.org", "trainer")
    await boss.patch(f"/users/{student}", {"role": "student"})

    given = (await boss.post(f"/users/{student}/reset-password"))["data"]
    answer = await site.keycloak.password_grant("noreen@example.org", PASSWORD)
    assert answer.json()["error_description"] == "Invalid user credentials"
    await due_now()
    assert not await browser.is_in()
    again = {"email": "noreen@example.org", "temporaryPassword": given["temporaryPassword"]}
    assert (await site.enter(browser, again, PASSWORD + "!")).path == "/my"

    await boss.post(f"/users/{student}/disable")
    access.forget()
    await nora.get("/me", status=403)
    assert not await browser.is_in()
    assert (await site.keycloak.password_grant("noreen@example.org", PASSWORD + "!")).status_code == 400
    await boss.post(f"/users/{student}/enable")
    assert (await site.keycloak.password_grant("noreen@example.org", PASSWORD + "!")).status_code == 200

    await run_jobs()
    await healthy()
    await boss.delete(f"/students/{student}")
    await run_jobs()
    assert await provider.find(UUID(student)) is None
    assert await provider.find_by_email("noreen@example.org") is None
    await healthy()


async def test_an_administrator_who_was_made_in_keycloak_comes_in(site, run_jobs, session):
    await site.boss()
    email = "chief@example.org"
    chief = await site.keycloak.admin.a_create_user(
        {
            "username": email,
            "email": email,
            "emailVerified": False,
            "firstName": "The",
            "lastName": "Chief",
            "enabled": True,
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
    )
    browser = site.browser()
    page = await browser.sign_in(email, PASSWORD)
    assert page.response.status_code == 403
    role = await site.keycloak.admin.a_get_realm_role("admin")
    await site.keycloak.admin.a_assign_realm_roles(chief, [role])
    # The role alone is not enough: the address has to be verified.
    assert (await site.browser().sign_in(email, PASSWORD)).response.status_code == 403
    await site.keycloak.admin.a_update_user(chief, {"emailVerified": True})
    page = await site.browser().sign_in(email, PASSWORD)
    assert page.path == "/staff"
    await run_jobs()
    user = (
        await session.execute(
            text("SELECT id, role, status FROM users WHERE email = :email"), {"email": email}
        )
    ).one()
    assert (user.role, user.status) == ("admin", "active")
    assert (await providers.current().get(chief)).user_id == user.id
    await healthy()


async def test_while_keycloak_is_silent_whoever_is_in_stays_in(site, clock, monkeypatch):
    boss = await site.boss()
    enrolled = await site.enrol(boss, NORA)
    browser = site.browser()
    await site.enter(browser, enrolled)
    nora = await site.client(NORA, PASSWORD)
    # Where nobody listens, TMS finds nobody; what browsers and tokens say stays as it was.
    settings = site.keycloak.settings
    monkeypatch.setenv("KEYCLOAK_PUBLIC_URL", settings.keycloak_server_url)
    monkeypatch.setenv("KEYCLOAK_SERVER_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    await providers.close()
    for hours in (1, 5, 10):
        await clock(hours=hours)
        await due_now()
        assert await browser.is_in()
        assert (await nora.get("/me"))["data"]["email"] == NORA
    async with db.reading() as session:
        still = await session.execute(text("SELECT count(*) FROM page_sessions WHERE ended_at IS NULL"))
        assert still.scalar_one() == 1
