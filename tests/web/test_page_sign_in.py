"""In and out of the pages: the provider's own forms, sessions that end when they must, forms that nobody can forge."""

import asyncio

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text, update
from tests.web.conftest import PASSWORD, SITE

from tms.identity.models import User
from tms.platform import db
from tms.platform.settings import get_settings
from tms.web import jobs, sessions, visitor
from tms.web.sessions import ProviderSilentError

ENROLLED = {"firstName": "Nora", "lastName": "Newcomer", "email": "nora@example.org"}
BATCH = {"name": "Autumn", "startDate": "2026-10-01", "endDate": "2027-03-31"}


def location(response):
    assert response.status_code in {302, 303}, response.text
    return response.headers["location"]


async def test_a_newcomer_changes_the_temporary_password_and_is_in(admin, browser):
    batch = (await admin.post("/batches", BATCH, status=201))["data"]
    enrolled = (await admin.post("/students/enroll", ENROLLED | {"batchId": batch["id"]}))["data"]
    page = await browser.sign_in(ENROLLED["email"], enrolled["temporaryPassword"], "/my")
    form = page.form("password-new")
    page = await browser.submit(page, form, **{"password-new": PASSWORD, "password-confirm": PASSWORD})
    assert page.path == "/my"
    assert page.heading == "My courses"
    assert "Nora Newcomer" in page.words
    assert "No course has been assigned to you yet." in page.words


async def test_everybody_begins_where_they_work(admin, student, trainer, browsers):
    for person, path in ((admin, "/staff"), (trainer, "/staff"), (student, "/my")):
        assert (await browsers().sign_in(person.email)).path == path


async def test_the_root_leads_browsers_to_the_pages(student, browser, client):
    await browser.sign_in(student.email)
    assert (await browser.open("/")).path == "/my"
    assert (await client.get("/")).json()["message"] == "Training Management System API"


async def test_the_cookie_is_for_this_browser_only(student, browser, session):
    await browser.sign_in(student.email)
    cookies = {cookie.name: cookie for cookie in browser.http.cookies.jar}
    cookie = cookies["tms"]
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    assert cookie.discard
    assert "tms-sign-in" not in cookies
    row = (await session.execute(text("SELECT * FROM page_sessions"))).one()
    assert cookie.value.encode() not in row.id_hash
    assert b"eyJ" not in row.tokens


@pytest.fixture
def secure(monkeypatch):
    """People reach TMS by https."""
    monkeypatch.setenv("TMS_PUBLIC_URL", "https://tms.test")
    get_settings.cache_clear()
    yield "https://tms.test"
    monkeypatch.undo()
    get_settings.cache_clear()


async def test_with_https_cookies_are_bound_to_the_host(student, browsers, secure):
    browser = browsers(secure)
    answer = await browser.http.get("/login", follow_redirects=False)
    assert location(answer).startswith(f"{secure}/realms/tms/")
    begun = answer.headers["set-cookie"]
    page = await browser.sign_in(student.email)
    assert page.path == "/my"
    cookie = {cookie.name: cookie for cookie in browser.http.cookies.jar}["__Host-tms"]
    assert cookie.secure
    assert cookie.path == "/"
    assert not cookie.domain_specified
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert begun.startswith("__Host-tms-sign-in=")
    assert "Secure" in begun
    policy = page.response.headers["content-security-policy"]
    assert "img-src 'self' https:;" in policy
    # Videos and sounds of lessons play from here, and from nowhere else.
    assert "media-src 'self';" in policy
    page = await browser.submit(page, page.form(action="/logout"))
    assert "__Host-tms" not in browser.http.cookies


async def test_whoever_is_signed_in_already_goes_on(student, browser):
    await browser.sign_in(student.email)
    assert (await browser.open("/login")).path == "/my"
    assert (await browser.open("/login?next=/my%3Fsort%3Dtitle")).path == "/my?sort=title"


async def test_sign_in_leads_back_to_the_page_that_was_wanted(student, browser):
    page = await browser.sign_in(student.email, address="/my?limit=7")
    assert page.path == "/my?limit=7"


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example\t",
        "javascript:alert(1)",
        "/\n/evil.example",
        "http:evil.example",
        "///evil.example",
        "/login?next=/login",
        "/my" + "x" * 2000,
        "",
    ],
)
async def test_no_link_leads_elsewhere_after_sign_in(student, browser, evil):
    page = await browser.open("/login", params={"next": evil})
    page = await browser.submit(page, page.form("username"), username=student.email, password=PASSWORD)
    assert str(page.response.url) == f"{SITE}/my"
    answer = await browser.http.get("/login", params={"next": evil}, follow_redirects=False)
    assert location(answer) == "/my"


async def test_another_name_of_this_machine_is_led_to_the_right_one_once(client):
    answer = await client.get("/login?next=/my", headers={"Host": "localhost:8000"})
    assert location(answer) == f"{SITE}/login?next=%2Fmy&moved=1"
    answer = await client.get("/login?next=/my&moved=1", headers={"Host": "localhost:8000"})
    assert location(answer).startswith(f"{SITE}/realms/tms/protocol/openid-connect/auth?")


async def test_the_sign_in_is_bound_to_the_browser_that_began_it(student, browsers):
    victim, attacker = browsers(), browsers()
    page = await attacker.open("/login")
    form = page.form("username")
    answer = await attacker.http.post(
        str(page.response.url.join(form.action)),
        data=dict(form.form_values()) | {"username": student.email, "password": PASSWORD},
        follow_redirects=False,
    )
    callback = location(answer)
    assert callback.startswith(f"{SITE}/login/callback?")
    page = await victim.open(callback, status=400)
    assert page.heading == "Signing in did not work"
    assert "tms" not in {cookie.name for cookie in victim.http.cookies.jar}
    # The one who began it may go on, once.
    assert (await attacker.open(callback)).path == "/my"
    attacker.http.cookies.delete("tms", domain="tms.test")
    await attacker.open(callback, status=400)


async def test_an_answer_of_another_provider_is_refused(student, browser):
    answer = await browser.http.get("/login", follow_redirects=False)
    state = location(answer).partition("state=")[2].partition("&")[0]
    await browser.open(f"/login/callback?state={state}&code=x&iss=https%3A%2F%2Fevil.example", status=400)


@pytest.mark.parametrize("query", ["", "state=x", "code=x", "state=x&code=x", "state=%00&code=%00"])
async def test_rubbish_at_the_callback_is_a_page(browser, query):
    page = await browser.open(f"/login/callback?{query}", status=400)
    assert "/login" in page.links()


async def test_a_code_that_does_not_hold_is_a_page(browser):
    answer = await browser.http.get("/login", follow_redirects=False)
    state = location(answer).partition("state=")[2].partition("&")[0]
    page = await browser.open(f"/login/callback?state={state}&code=nonsense", status=400)
    assert page.heading == "Signing in did not work"


async def test_several_tabs_may_sign_in_at_once(student, browser):
    first = await browser.open("/login?next=/my%3Flimit%3D1")
    second = await browser.open("/login?next=/my%3Flimit%3D2")
    page = await browser.submit(second, second.form("username"), username=student.email, password=PASSWORD)
    assert page.path == "/my?limit=2"
    # In the first tab the sign-in page is asked for again; the provider knows the browser by now.
    page = await browser.open(str(first.response.url))
    assert page.path in {"/my?limit=1", "/my"}


async def test_signing_out_ends_it_here_and_at_the_provider(student, browser, session):
    page = await browser.sign_in(student.email)
    cookie = browser.http.cookies["tms"]
    page = await browser.submit(page, page.form(action="/logout"))
    assert page.form("username") is not None
    assert "tms" not in browser.http.cookies
    row = (await session.execute(text("SELECT ended_at, tokens FROM page_sessions"))).one()
    assert row.ended_at is not None
    assert row.tokens is None
    assert (await session.execute(text("SELECT count(*) FROM sign_in_sessions"))).scalar_one() == 0
    browser.http.cookies.set("tms", cookie, domain="tms.test")
    answer = await browser.http.get("/my", follow_redirects=False)
    assert location(answer).startswith("/login")


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({"Origin": SITE}, ""),
        ({"Origin": SITE}, "0" * 64),
        ({"Origin": "https://evil.example"}, None),
        ({"Origin": "null"}, None),
        ({"Origin": "http://tms.test.evil.example"}, None),
        ({"Sec-Fetch-Site": "cross-site"}, None),
    ],
)
async def test_a_forged_form_signs_nobody_out(student, browser, session, headers, csrf):
    page = await browser.sign_in(student.email)
    values = {} if csrf is None else {"csrf": csrf}
    page = await browser.submit(page, page.form(action="/logout"), status=403, headers=headers, **values)
    assert page.heading == "This form has expired"
    ended = (await session.execute(text("SELECT ended_at FROM page_sessions"))).scalar_one()
    assert ended is None


async def test_signing_out_needs_no_live_session(student, browser, clock):
    page = await browser.sign_in(student.email)
    await clock(hours=30)
    page = await browser.submit(page, page.form(action="/logout"))
    assert page.form("username") is not None


async def test_who_is_disabled_is_out_at_once(admin, student, browser):
    await browser.sign_in(student.email)
    await browser.open("/my")
    await admin.post(f"/users/{student.id}/disable")
    answer = await browser.http.get("/my", follow_redirects=False)
    assert location(answer).startswith("/login")
    page = await browser.open("/my")
    assert page.form("username") is not None


async def test_sessions_end_when_idle_and_after_a_day(student, browser, clock):
    await browser.sign_in(student.email)
    await clock(hours=8, minutes=1)
    answer = await browser.http.get("/my", follow_redirects=False)
    assert location(answer) == "/login?next=%2Fmy"


async def test_a_session_is_renewed_by_whoever_comes_first(student, browser, clock, session):
    await browser.sign_in(student.email)
    await clock(minutes=6)
    answers = await asyncio.gather(*(browser.http.get("/my") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.url.path for answer in answers} == {"/my"}
    used = "SELECT count(*) FILTER (WHERE used_at IS NOT NULL), count(*) FROM refresh_tokens"
    assert (await session.execute(text(used))).one() == (1, 2)
    await clock(minutes=12)
    assert (await browser.open("/my")).path == "/my"
    assert (await session.execute(text(used))).one() == (2, 3)


async def test_while_the_provider_is_silent_people_go_on_for_a_while(student, browser, clock, monkeypatch):
    asked = []

    async def silent(*_):
        asked.append(1)
        raise ProviderSilentError

    await browser.sign_in(student.email)
    real = visitor.sign_in.refresh
    monkeypatch.setattr(visitor.sign_in, "refresh", silent)
    await clock(minutes=6)
    for _ in range(3):
        assert (await browser.open("/my")).path == "/my"
    assert len(asked) == 1
    await clock(minutes=10)
    monkeypatch.setattr(visitor.sign_in, "refresh", real)
    assert (await browser.open("/my")).path == "/my"
    monkeypatch.setattr(visitor.sign_in, "refresh", silent)
    # Hours of silence sign nobody out; but no sign-in outlives the longest one of the provider.
    await clock(hours=7)
    assert (await browser.open("/my")).path == "/my"
    await clock(hours=12, minutes=20)
    answer = await browser.http.get("/my", follow_redirects=False)
    assert location(answer).startswith("/login")


async def test_a_changed_server_secret_ends_sessions(student, browser, clock, monkeypatch):
    await browser.sign_in(student.email)
    monkeypatch.setattr(sessions, "_vault", lambda: Fernet(Fernet.generate_key()))
    assert (await browser.open("/my")).path == "/my"
    await clock(minutes=6)
    answer = await browser.http.get("/my", follow_redirects=False)
    assert location(answer).startswith("/login")


async def test_signing_out_elsewhere_reaches_the_pages(student, browser, clock, session):
    await browser.sign_in(student.email)
    page = await browser.open(f"{SITE}/realms/tms/account")
    everywhere = next(form for form in page.document.forms if form.action.endswith("sign-out-everywhere"))
    await browser.submit(page, everywhere)
    await clock(minutes=6)
    answer = await browser.http.get("/my", follow_redirects=False)
    assert location(answer).startswith("/login")
    ended = (await session.execute(text("SELECT ended_at FROM page_sessions"))).scalar_one()
    assert ended is not None


async def test_old_sessions_are_forgotten(student, browser, clock, session):
    await browser.sign_in(student.email)
    await jobs.forget_sessions(0)
    assert (await session.execute(text("SELECT count(*) FROM page_sessions"))).scalar_one() == 1
    await clock(days=9)
    await jobs.forget_sessions(0)
    assert (await session.execute(text("SELECT count(*) FROM page_sessions"))).scalar_one() == 0


async def test_a_token_of_the_api_opens_no_page(student):
    answer = await student.http.get("/my")
    assert location(answer) == "/login?next=%2Fmy"


async def test_a_page_session_opens_nothing_in_the_api(student, browser):
    await browser.sign_in(student.email)
    answer = await browser.http.get("/api/v1/progress")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_whom_the_provider_admits_and_we_do_not_may_change_the_account(student, browser):
    async with db.transaction() as session:
        await session.execute(update(User).where(User.id == student.id).values(status="disabled"))
    page = await browser.open("/login")
    page = await browser.submit(
        page, page.form("username"), status=403, username=student.email, password=PASSWORD
    )
    assert page.heading == "Your account is disabled; ask an administrator"
    (leave,) = [link for link in page.links() if link.endswith("/logout")]
    page = await browser.open(leave)
    page = await browser.submit(page, page.document.forms[0])
    assert "tms" not in browser.http.cookies
    assert (await browser.open("/my")).form("username") is not None
