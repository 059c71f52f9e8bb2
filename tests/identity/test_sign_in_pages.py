"""The pages of the built-in identity provider, as a browser without script goes through them."""

from uuid import UUID

import pytest
from sqlalchemy import select
from tests.identity.browser import (
    LOOPBACK,
    PROTOCOL,
    REALM,
    Browser,
    asked,
    exchange,
    give_temporary_password,
    proof,
    read,
    told,
)

from tms.identity import providers
from tms.identity.builtin.models import SignInSession
from tms.identity.models import TemporaryPassword
from tms.operations.models import AuditEntry
from tms.platform.settings import get_settings

GOOD = "seven green turtles sing"
BETTER = "eight brown turtles dance"


@pytest.fixture
async def browser(app, database):
    async with Browser(app) as made:
        yield made


def _location(answer):
    return answer.headers["location"]


async def test_a_program_signs_a_person_in_with_code_and_pkce(browser, people):
    student = await people.student(password=GOOD)
    verifier, challenge = proof()
    answer = await browser.sign_in(student.email.upper(), GOOD, **asked(challenge))
    assert answer.status_code == 303
    assert _location(answer).startswith(LOOPBACK)
    back = told(answer)
    assert back["state"] == "a-state"
    assert back["iss"] == "http://tms.test/realms/tms"
    tokens = (await browser.http.post(f"{PROTOCOL}/token", data=exchange(back["code"], verifier))).json()
    me = await browser.http.get(
        f"{PROTOCOL}/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert me.json()["sub"] == student.account_id
    assert me.json()["email"] == student.email


PAGES = {"client_id": "tms", "redirect_uri": "http://tms.test/login/callback"}


async def test_single_sign_on_asks_only_once_and_prompt_login_asks_again(browser, people):
    student = await people.student(password=GOOD)
    _, challenge = proof()
    await browser.sign_in(student.email, GOOD, **asked(challenge, **PAGES))
    again = await browser.open(f"{PROTOCOL}/auth", params=asked(challenge, **PAGES))
    assert again.status_code == 302
    assert "code" in told(again)
    for changes in ({"prompt": "login"}, {"max_age": "0"}):
        page = await browser.open(f"{PROTOCOL}/auth", params=asked(challenge, **PAGES, **changes))
        assert page.status_code == 200, changes
        assert "password" in read(page)[0][0][1]


async def test_a_program_on_the_machine_gets_no_code_behind_the_persons_back(browser, people):
    student = await people.student(password=GOOD)
    await browser.sign_in(student.email, GOOD)
    page = await browser.open(f"{PROTOCOL}/auth", params=asked(proof()[1]))
    assert page.status_code == 200
    assert "just started it" in read(page)[1]
    silent = await browser.open(f"{PROTOCOL}/auth", params=asked(proof()[1], prompt="none"))
    assert told(silent)["error"] == "login_required"


async def test_prompt_none_tells_the_program_that_nobody_is_signed_in(browser):
    answer = await browser.open(f"{PROTOCOL}/auth", params=asked(proof()[1], prompt="none"))
    assert told(answer)["error"] == "login_required"
    assert told(answer)["state"] == "a-state"


async def test_wrong_and_unknown_and_disabled_by_a_wrong_password_read_alike(browser, people):
    student = await people.student(password=GOOD)
    disabled = await people.student(password=GOOD, status="disabled")
    texts = set()
    for email in (student.email, "nobody@example.org", "no address", disabled.email):
        page = await browser.sign_in(email, "wrong wrong wrong")
        assert page.status_code == 200
        texts.add(read(page)[1])
    assert len(texts) == 1
    assert "is not right" in texts.pop()


async def test_a_disabled_person_who_knows_the_password_is_told_whom_to_ask(browser, people):
    disabled = await people.student(password=GOOD, status="disabled")
    page = await browser.sign_in(disabled.email, GOOD)
    assert "disabled" in read(page)[1]
    assert (await browser.open(f"{REALM}/account")).is_redirect


async def test_empty_fields_are_asked_for_again(browser):
    page = await browser.sign_in("", "")
    assert page.status_code == 400
    assert "Enter your e-mail address" in page.text


async def test_a_name_is_shown_again_as_text_and_never_as_markup(browser):
    page = await browser.sign_in('"><script>alert(1)</script>', "wrong")
    assert "<script" not in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/x"}, "request_uri_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
    ],
)
async def test_a_request_that_cannot_be_granted_goes_back_to_the_program(browser, changes, error):
    answer = await browser.open(f"{PROTOCOL}/auth", params=asked(proof()[1], **changes))
    assert answer.status_code == 302
    assert told(answer)["error"] == error
    assert told(answer)["state"] == "a-state"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "somebody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "https://127.0.0.1:49152/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1@evil.example/"},
        {"redirect_uri": "http://user@127.0.0.1/"},
        {"redirect_uri": "http://127.0.0.1:99999/"},
        {"redirect_uri": "http://127.0.0.1/\r\nSet-Cookie: a=b"},
        {"redirect_uri": "http://127.0.0.1/#fragment"},
        {"redirect_uri": "javascript:alert(1)"},
        {"client_id": "tms", "redirect_uri": LOOPBACK},
        {"client_id": "tms", "redirect_uri": "http://tms.test/login/callback/../x"},
        {"state": "x" * 3000},
    ],
)
async def test_a_browser_is_never_sent_to_a_strange_address(browser, changes):
    answer = await browser.open(f"{PROTOCOL}/auth", params=asked(proof()[1], **changes))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "does not work" in answer.text


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1/", "http://localhost:1/a/b?c=d", "http://[::1]:65535/callback", "http://127.0.0.1:8"],
)
async def test_a_script_may_listen_on_any_port_of_its_own_machine(browser, uri):
    answer = await browser.open(f"{PROTOCOL}/auth", params=asked(proof()[1], redirect_uri=uri))
    assert answer.status_code == 200
    assert "form-action 'self' http:" in answer.headers["content-security-policy"]


async def test_a_parameter_that_comes_twice_is_refused(browser):
    answer = await browser.open(f"{PROTOCOL}/auth?client_id=tms-cli&client_id=tms")
    assert answer.status_code == 400


async def test_another_realm_does_not_exist(browser):
    for path in ("account", ".well-known/openid-configuration", "protocol/openid-connect/certs"):
        assert (await browser.open(f"/realms/master/{path}")).status_code == 404


class TestForgedForms:
    async def test_a_post_without_the_browsers_cookie_is_refused(self, app, browser, people):
        student = await people.student(password=GOOD)
        page = await browser.open_account()
        async with Browser(app) as other:
            assert (await other.send(page, username=student.email, password=GOOD)).status_code == 403

    async def test_a_post_with_another_browsers_field_is_refused(self, app, browser, people):
        student = await people.student(password=GOOD)
        page = await browser.open_account()
        async with Browser(app) as other:
            await other.open_account()
            assert (await other.send(page, username=student.email, password=GOOD)).status_code == 403

    async def test_a_post_without_the_field_is_refused(self, browser, people):
        student = await people.student(password=GOOD)
        page = await browser.open_account()
        answer = await browser.send(page, username=student.email, password=GOOD, form_key="")
        assert answer.status_code == 403
        assert "tms_session" not in answer.headers.get("set-cookie", "")

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://tms.test.evil.example"])
    async def test_a_post_from_another_site_is_refused(self, browser, people, origin):
        student = await people.student(password=GOOD)
        page = await browser.open_account()
        answer = await browser.send(page, username=student.email, password=GOOD, headers={"Origin": origin})
        assert answer.status_code == 403

    async def test_our_own_origin_is_fine(self, browser, people):
        student = await people.student(password=GOOD)
        page = await browser.open_account()
        headers = {"Origin": "http://tms.test"}
        assert (await browser.send(page, username=student.email, password=GOOD, headers=headers)).is_redirect

    async def test_signed_in_posts_need_the_field_too(self, browser, people):
        student = await people.student(password=GOOD)
        await browser.sign_in(student.email, GOOD)
        for path in ("account/password", "account/sign-out-everywhere"):
            assert (await browser.http.post(f"{REALM}/{path}", data={"x": "y"})).status_code == 403
        assert (await browser.open(f"{REALM}/account")).status_code == 200

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b'{"username":"a"}', "application/json", 400),
            (b"a=%ff", "application/x-www-form-urlencoded", 400),
            (b"a=\xff", "application/x-www-form-urlencoded", 400),
            (b"a=1&a=2", "application/x-www-form-urlencoded", 400),
            (b"a=%00", "application/x-www-form-urlencoded", 400),
            (b"&".join(b"f%d=1" % n for n in range(100)), "application/x-www-form-urlencoded", 400),
            (b"a=" + b"x" * 20_000, "application/x-www-form-urlencoded", 413),
        ],
    )
    async def test_what_no_form_of_ours_sends_is_refused_kindly(self, browser, body, kind, status):
        answer = await browser.http.post(
            f"{REALM}/login-actions/authenticate", content=body, headers={"Content-Type": kind}
        )
        assert answer.status_code == status


class TestTemporaryPasswords:
    async def test_it_opens_only_the_form_that_replaces_it(self, browser, people, session):
        student = await people.student()
        temporary = await give_temporary_password(student)
        verifier, challenge = proof()
        page = await browser.sign_in(student.email, f" {temporary} ", **asked(challenge))
        assert page.status_code == 200
        assert "password-new" in read(page)[0][0][1]
        assert "code" not in page.headers.get("location", "")
        assert (await browser.open(f"{REALM}/account")).is_redirect
        answer = await browser.send(page, password_new=GOOD, password_confirm=GOOD)
        tokens = await browser.http.post(f"{PROTOCOL}/token", data=exchange(told(answer)["code"], verifier))
        assert tokens.status_code == 200
        ended = select(TemporaryPassword.ended_at).where(TemporaryPassword.user_id == student.id)
        assert (await session.execute(ended)).scalar_one() is not None
        action = select(AuditEntry.action).where(AuditEntry.object_id == student.id)
        assert (await session.execute(action)).scalars().all() == ["account.temporary_password_replaced"]

    async def test_it_is_dead_at_once_and_the_new_one_works(self, app, browser, people):
        student = await people.student()
        temporary = await give_temporary_password(student)
        page = await browser.sign_in(student.email, temporary)
        await browser.send(page, password_new=GOOD, password_confirm=GOOD)
        async with Browser(app) as other:
            assert "is not right" in (await other.sign_in(student.email, temporary)).text
            assert (await other.sign_in(student.email, GOOD)).is_redirect

    @pytest.mark.parametrize(
        ("new", "repeated", "says"),
        [
            (GOOD, GOOD + "x", "not the same"),
            ("short", "short", "at least 12"),
            ("x" * 300, "x" * 300, "at most 256"),
            ("passwordpassword", "passwordpassword", "first that anybody"),
            ("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "first that anybody"),
        ],
    )
    async def test_a_bad_new_password_is_explained(self, browser, people, new, repeated, says):
        student = await people.student()
        page = await browser.sign_in(student.email, await give_temporary_password(student))
        answer = await browser.send(page, password_new=new, password_confirm=repeated)
        assert answer.status_code == 400
        assert says in read(answer)[1]
        assert (await browser.send(answer, password_new=GOOD, password_confirm=GOOD)).is_redirect

    async def test_neither_itself_nor_the_address_is_a_new_password(self, browser, people):
        student = await people.student(email="katherine.j@example.org")
        temporary = await give_temporary_password(student)
        page = await browser.sign_in(student.email, temporary)
        for new, says in ((temporary, "another one"), ("for Katherine.J only", "first part")):
            page = await browser.send(page, password_new=new, password_confirm=new)
            assert page.status_code == 400
            assert says in read(page)[1]

    async def test_it_ends_at_its_expiry_without_any_worker(self, browser, people, clock):
        student = await people.student()
        temporary = await give_temporary_password(student)
        page = await browser.sign_in(student.email, temporary)
        await clock(days=7, minutes=1)
        late = await browser.send(page, password_new=GOOD, password_confirm=GOOD)
        assert late.status_code == 400
        assert "does not work any more" in late.text
        assert "is not right" in (await browser.sign_in(student.email, temporary)).text

    async def test_it_does_not_work_after_it_was_ended(self, browser, people):
        student = await people.student()
        temporary = await give_temporary_password(student)
        page = await browser.sign_in(student.email, temporary)
        await providers.current().end_temporary_password(student.account_id)
        assert (await browser.send(page, password_new=GOOD, password_confirm=GOOD)).status_code == 400
        assert "is not right" in (await browser.sign_in(student.email, temporary)).text

    async def test_a_newer_one_makes_an_open_form_worthless(self, browser, people):
        student = await people.student()
        page = await browser.sign_in(student.email, await give_temporary_password(student))
        newer = await give_temporary_password(student)
        assert (await browser.send(page, password_new=GOOD, password_confirm=GOOD)).status_code == 400
        assert "password-new" in (await browser.sign_in(student.email, newer)).text

    async def test_the_form_cannot_be_carried_to_another_browser(self, app, browser, people):
        student = await people.student()
        page = await browser.sign_in(student.email, await give_temporary_password(student))
        ticket = read(page)[0][0][1]["ticket"]
        async with Browser(app) as other:
            form = await other.open_account()
            key = read(form)[0][0][1]["form_key"]
            fields = {"form_key": key, "ticket": ticket, "password-new": GOOD, "password-confirm": GOOD}
            answer = await other.http.post(f"{REALM}/login-actions/required-action", data=fields)
            assert answer.status_code == 403

    async def test_a_reload_of_the_form_starts_over(self, browser):
        answer = await browser.open(f"{REALM}/login-actions/required-action")
        assert _location(answer) == f"{REALM}/login-actions/authenticate"


class TestOwnAccount:
    async def test_the_page_says_who_i_am(self, browser, people):
        student = await people.student(password=GOOD, first_name="Zoë", last_name="O'Neil & <Co>")
        answer = await browser.sign_in(student.email, GOOD)
        assert _location(answer) == f"{REALM}/account"
        page = await browser.open(_location(answer))
        assert "Zoë O'Neil & <Co>" in read(page)[1]
        assert "<Co>" not in page.text
        assert page.headers["cache-control"] == "no-store"

    async def test_a_changed_password_ends_the_other_sessions_only(self, app, browser, people):
        student = await people.student(password=GOOD)
        async with Browser(app) as other:
            await other.sign_in(student.email, GOOD)
            await browser.sign_in(student.email, GOOD)
            page = await browser.open_account()
            done = await browser.send(page, password=GOOD, password_new=BETTER, password_confirm=BETTER)
            assert "is changed" in done.text
            assert (await browser.open(f"{REALM}/account")).status_code == 200
            assert (await other.open(f"{REALM}/account")).is_redirect
            assert "is not right" in (await other.sign_in(student.email, GOOD)).text
            assert (await other.sign_in(student.email, BETTER)).is_redirect

    async def test_the_present_password_is_asked_for(self, browser, people):
        student = await people.student(password=GOOD)
        await browser.sign_in(student.email, GOOD)
        page = await browser.open_account()
        answer = await browser.send(page, password="wrong", password_new=BETTER, password_confirm=BETTER)
        assert answer.status_code == 400
        assert "present password is not right" in answer.text
        answer = await browser.send(page, password=GOOD, password_new=GOOD, password_confirm=GOOD)
        assert "another one" in answer.text

    async def test_signing_out_everywhere_ends_browsers_and_programs(self, browser, people):
        student = await people.student(password=GOOD)
        verifier, challenge = proof()
        answer = await browser.sign_in(student.email, GOOD, **asked(challenge))
        tokens = (
            await browser.http.post(f"{PROTOCOL}/token", data=exchange(told(answer)["code"], verifier))
        ).json()
        page = await browser.open_account()
        out = await browser.send(page, form=2)
        assert "signed out on every device" in out.text
        assert (await browser.open(f"{REALM}/account")).is_redirect
        refresh = {
            "grant_type": "refresh_token",
            "client_id": "tms-cli",
            "refresh_token": tokens["refresh_token"],
        }
        assert (await browser.http.post(f"{PROTOCOL}/token", data=refresh)).status_code == 400

    async def test_a_session_ends_after_idle_time_and_after_its_longest_life(self, browser, people, clock):
        student = await people.student(password=GOOD)
        await browser.sign_in(student.email, GOOD)
        for minutes in (25, 50, 75):
            await clock(minutes=minutes)
            assert (await browser.open(f"{REALM}/account")).status_code == 200
        await clock(minutes=106)
        assert (await browser.open(f"{REALM}/account")).is_redirect

    async def test_signing_in_anew_gives_another_session_and_ends_the_earlier(self, browser, people, session):
        student = await people.student(password=GOOD)
        await browser.sign_in(student.email, GOOD)
        first = browser.http.cookies["tms_session"]
        await browser.send(
            await browser.open(f"{REALM}/login-actions/authenticate"), username=student.email, password=GOOD
        )
        assert browser.http.cookies["tms_session"] != first
        sessions = select(SignInSession.id).where(SignInSession.account_id == UUID(student.account_id))
        assert len((await session.execute(sessions)).all()) == 1

    async def test_disabling_ends_the_session(self, browser, people):
        student = await people.student(password=GOOD)
        await browser.sign_in(student.email, GOOD)
        await providers.current().set_enabled(student.account_id, enabled=False)
        assert (await browser.open(f"{REALM}/account")).is_redirect
        await providers.current().set_enabled(student.account_id, enabled=True)
        assert (await browser.open(f"{REALM}/account")).is_redirect


async def test_pages_are_guarded_by_their_headers(browser):
    page = await browser.open_account()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert "<script" not in page.text
    assert " style=" not in page.text
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/realms/tms" in cookie
    sheet = page.text.partition('stylesheet" href="')[2].partition('"')[0]
    style = await browser.open(sheet)
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]


async def test_cookies_over_https_are_bound_to_the_host(browser, people, monkeypatch):
    student = await people.student(password=GOOD)
    secure = get_settings().model_copy(update={"tms_public_url": "https://tms.test"})
    for module in ("routes.browser", "clients", "tokens", "authorization", "reset", "hints"):
        monkeypatch.setattr(f"tms.identity.builtin.{module}.get_settings", lambda: secure)
    browser.http.base_url = "https://tms.test"
    answer = await browser.sign_in(student.email, GOOD)
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-tms_")
        assert "Secure" in cookie
        assert "Path=/;" in cookie
    assert (await browser.open(f"{REALM}/account")).status_code == 200
