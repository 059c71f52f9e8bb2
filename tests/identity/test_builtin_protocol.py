"""OpenID Connect for programs: discovery, password grant, codes, refresh tokens, revocation, userinfo."""

import asyncio
import base64
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import func, select
from tests.identity.browser import (
    PROTOCOL,
    REALM,
    Browser,
    asked,
    exchange,
    give_temporary_password,
    password_grant,
    proof,
    told,
)

from tms.identity import providers, verifier
from tms.identity.builtin import clients
from tms.identity.builtin.models import RefreshToken, SignInSession

GOOD = "seven green turtles sing"
WRONG = {"error": "invalid_grant", "error_description": "Invalid user credentials"}


@pytest.fixture
async def browser(app, database):
    async with Browser(app) as made:
        yield made


async def post(browser, endpoint, form, **options):
    return await browser.http.post(f"{PROTOCOL}/{endpoint}", data=form, **options)


async def grant(browser, person, **changes):
    answer = await post(browser, "token", password_grant(person.email, GOOD, **changes))
    assert answer.status_code == 200, answer.text
    return answer.json()


def refresh(token, **changes):
    return {"grant_type": "refresh_token", "client_id": "tms-cli", "refresh_token": token, **changes}


async def code_of(browser, person, **changes):
    verifier_, challenge = proof()
    answer = await browser.sign_in(person.email, GOOD, **asked(challenge, **changes))
    return told(answer)["code"], verifier_


async def test_discovery_names_addresses_that_answer(browser):
    found = (await browser.open(f"{REALM}/.well-known/openid-configuration")).json()
    assert found["issuer"] == "http://tms.test/realms/tms"
    for name in ("authorization_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"):
        answer = await browser.open(found[name])
        assert answer.status_code != 404, name
    for name in ("token_endpoint", "revocation_endpoint"):
        assert (await browser.http.post(found[name])).json()["error"] == "invalid_request"
    assert found["code_challenge_methods_supported"] == ["S256"]


async def test_published_keys_hold_no_secret(browser):
    published = (await browser.open(f"{PROTOCOL}/certs")).json()
    assert published["keys"]
    for key in published["keys"]:
        assert {"kid", "kty", "alg", "use"} <= key.keys()
        assert "d" not in key


async def test_the_password_grant_gives_tokens_with_keycloaks_claims(browser, people):
    trainer = await people.trainer(password=GOOD, first_name="Ann", last_name="Lee")
    answer = await post(browser, "token", password_grant(trainer.email, GOOD))
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 300
    assert tokens["scope"] == "openid profile email"
    published = KeySet.import_key_set((await browser.open(f"{PROTOCOL}/certs")).json())
    decoded = jwt.decode(tokens["access_token"], published, ["ES256"])
    claims = decoded.claims
    assert decoded.header["typ"] == "JWT"
    assert claims["iss"] == "http://tms.test/realms/tms"
    assert claims["sub"] == trainer.account_id
    assert claims["aud"] == ["tms"]
    assert (claims["typ"], claims["azp"]) == ("Bearer", "tms-cli")
    assert claims["realm_access"] == {"roles": ["trainer"]}
    assert (claims["name"], claims["given_name"], claims["family_name"]) == ("Ann Lee", "Ann", "Lee")
    assert claims["preferred_username"] == claims["email"] == trainer.email
    assert claims["email_verified"] is True
    assert claims["exp"] - claims["iat"] == 300
    assert claims["sid"] == tokens["session_state"]
    identity = jwt.decode(tokens["id_token"], published, ["ES256"]).claims
    assert (identity["typ"], identity["aud"]) == ("ID", "tms-cli")
    assert await verifier.verify(tokens["access_token"]) == trainer.account_id


async def test_such_a_token_opens_the_api_and_an_id_token_does_not(browser, people):
    admin = await people.admin(password=GOOD)
    tokens = await grant(browser, admin)
    path = "/api/v1/jobs/0192f0c1-2345-7abc-8def-0123456789ab"
    for name, status in (("access_token", 404), ("id_token", 401), ("refresh_token", 401)):
        headers = {"Authorization": f"Bearer {tokens[name]}"}
        assert (await browser.open(path, headers=headers)).status_code == status


async def test_without_openid_there_is_no_id_token_and_no_userinfo(browser, people):
    tokens = await grant(browser, await people.student(password=GOOD), scope="profile")
    assert "id_token" not in tokens
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = await browser.open(f"{PROTOCOL}/userinfo", headers=headers)
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]


async def test_wrong_unknown_temporary_expired_and_disabled_are_answered_alike(browser, people, clock):
    student = await people.student(password=GOOD)
    disabled = await people.student(password=GOOD, status="disabled")
    without = await people.student()
    newcomer = await people.student()
    temporary = await give_temporary_password(newcomer)
    tries = [
        (student.email, "wrong"),
        ("nobody@example.org", GOOD),
        ("no address at all", GOOD),
        (disabled.email, GOOD),
        (without.email, GOOD),
        (newcomer.email, temporary),
        (student.email, GOOD + "x" * 300),
    ]
    for email, password in tries:
        answer = await post(browser, "token", password_grant(email, password))
        assert (answer.status_code, answer.json()) == (401, WRONG), email
    await clock(days=8)
    answer = await post(browser, "token", password_grant(newcomer.email, temporary))
    assert (answer.status_code, answer.json()) == (401, WRONG)


async def test_a_password_typed_on_another_keyboard_is_the_same(browser, people):
    student = await people.student(password="caf\u00e9 caf\u00e9 caf\u00e9")
    answer = await post(browser, "token", password_grant(student.email, "cafe\u0301 cafe\u0301 cafe\u0301"))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"client_id": "somebody"}, 401, "invalid_client"),
        ({"client_id": "tms"}, 401, "invalid_client"),
        ({"client_id": "tms", "client_secret": "guessed"}, 401, "invalid_client"),
        ({"username": None}, 400, "invalid_request"),
        ({"password": None}, 400, "invalid_request"),
        ({"username": ""}, 400, "invalid_request"),
    ],
)
async def test_token_requests_that_are_not_right(browser, changes, status, error):
    form = {**password_grant("a@example.org", GOOD), **changes}
    answer = await post(browser, "token", {name: value for name, value in form.items() if value is not None})
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert set(answer.json()) == {"error", "error_description"}


async def test_our_own_pages_may_not_ask_for_passwords(browser, people):
    student = await people.student(password=GOOD)
    form = password_grant(student.email, GOOD, client_id="tms", client_secret=clients.secret())
    assert (await post(browser, "token", form)).json()["error"] == "unauthorized_client"


async def test_the_secret_may_come_as_http_basic_but_not_twice(browser, people):
    student = await people.student(password=GOOD)
    callback = {"client_id": "tms", "redirect_uri": "http://tms.test/login/callback"}
    code, verifier_ = await code_of(browser, student, **callback)
    form = exchange(code, verifier_, **callback)
    basic = base64.b64encode(f"tms:{clients.secret()}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    both = await post(browser, "token", {**form, "client_secret": clients.secret()}, headers=headers)
    assert both.json()["error"] == "invalid_request"
    other = await post(browser, "token", {**form, "client_id": "tms-cli"}, headers=headers)
    assert other.json()["error"] == "invalid_request"
    garbled = await post(browser, "token", form, headers={"Authorization": "Basic \xe9%%".encode("latin-1")})
    assert garbled.status_code == 401
    assert garbled.headers["www-authenticate"].startswith("Basic")
    del form["client_id"]
    assert (await post(browser, "token", form, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"grant_type":"password"}', "application/json"),
        (b"grant_type=password&grant_type=password", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"grant_type=password&username=%00&client_id=tms-cli", "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
async def test_bodies_that_are_no_forms(browser, content, kind):
    for endpoint in ("token", "revoke"):
        answer = await browser.http.post(
            f"{PROTOCOL}/{endpoint}", content=content, headers={"Content-Type": kind}
        )
        assert answer.status_code in {400, 401}
        assert answer.json()["error"] in {"invalid_request", "invalid_client"}


class TestCodes:
    async def test_the_nonce_comes_back(self, browser, people):
        code, verifier_ = await code_of(browser, await people.student(password=GOOD))
        tokens = (await post(browser, "token", exchange(code, verifier_))).json()
        published = KeySet.import_key_set((await browser.open(f"{PROTOCOL}/certs")).json())
        assert jwt.decode(tokens["id_token"], published, ["ES256"]).claims["nonce"] == "a-nonce"

    async def test_a_second_use_is_refused_and_ends_what_the_first_opened(self, browser, people):
        code, verifier_ = await code_of(browser, await people.student(password=GOOD))
        tokens = (await post(browser, "token", exchange(code, verifier_))).json()
        again = await post(browser, "token", exchange(code, verifier_))
        assert again.status_code == 400
        assert again.json()["error"] == "invalid_grant"
        assert (await post(browser, "token", refresh(tokens["refresh_token"]))).status_code == 400

    async def test_of_parallel_uses_at_most_one_is_answered(self, browser, people):
        code, verifier_ = await code_of(browser, await people.student(password=GOOD))
        answers = await asyncio.gather(*[post(browser, "token", exchange(code, verifier_)) for _ in range(6)])
        assert [answer.status_code for answer in answers].count(200) == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"code_verifier": "x" * 43},
            {"code_verifier": "short"},
            {"code_verifier": None},
            {"redirect_uri": "http://127.0.0.1:1/"},
            {"redirect_uri": None},
            {"client_id": "tms"},
        ],
    )
    async def test_a_code_is_used_up_by_a_wrong_use(self, browser, people, changes):
        code, verifier_ = await code_of(browser, await people.student(password=GOOD))
        form = {**exchange(code, verifier_), **changes}
        if form["client_id"] == "tms":
            form["client_secret"] = clients.secret()
        wrong = await post(browser, "token", {name: value for name, value in form.items() if value})
        assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
        assert (await post(browser, "token", exchange(code, verifier_))).status_code == 400

    async def test_a_code_lives_for_a_minute(self, browser, people, clock):
        code, verifier_ = await code_of(browser, await people.student(password=GOOD))
        await clock(seconds=61)
        assert (await post(browser, "token", exchange(code, verifier_))).status_code == 400

    async def test_a_code_dies_with_its_session(self, browser, people):
        student = await people.student(password=GOOD)
        code, verifier_ = await code_of(browser, student)
        await providers.current().set_enabled(student.account_id, enabled=False)
        assert (await post(browser, "token", exchange(code, verifier_))).status_code == 400

    @pytest.mark.parametrize("code", ["", "nonsense", "é", "x" * 5000])
    async def test_an_invented_code(self, browser, code):
        answer = await post(browser, "token", exchange(code, "x" * 43))
        assert answer.json()["error"] == "invalid_grant"


class TestRefreshTokens:
    async def test_each_use_gives_a_new_one(self, browser, people, session):
        student = await people.student(password=GOOD)
        tokens = await grant(browser, student)
        seen = {tokens["refresh_token"]}
        for _ in range(3):
            tokens = (await post(browser, "token", refresh(tokens["refresh_token"]))).json()
            assert tokens["refresh_token"] not in seen
            seen.add(tokens["refresh_token"])
        assert await verifier.verify(tokens["access_token"]) == student.account_id
        stored = (await session.execute(select(RefreshToken.token_hash))).scalars().all()
        assert len(stored) == 4
        assert not {token.encode() for token in seen} & set(stored)

    async def test_a_used_one_that_comes_again_ends_the_family(self, browser, people):
        first = await grant(browser, await people.student(password=GOOD))
        second = (await post(browser, "token", refresh(first["refresh_token"]))).json()
        replayed = await post(browser, "token", refresh(first["refresh_token"]))
        assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
        assert (await post(browser, "token", refresh(second["refresh_token"]))).status_code == 400

    async def test_parallel_uses_are_a_replay(self, browser, people, session):
        tokens = await grant(browser, await people.student(password=GOOD))
        answers = await asyncio.gather(
            *[post(browser, "token", refresh(tokens["refresh_token"])) for _ in range(5)]
        )
        assert [answer.status_code for answer in answers].count(200) == 1
        assert (await session.execute(select(func.count()).select_from(SignInSession))).scalar_one() == 0

    async def test_another_programs_token_is_unknown_and_stays(self, browser, people):
        tokens = await grant(browser, await people.student(password=GOOD))
        foreign = refresh(tokens["refresh_token"], client_id="tms", client_secret=clients.secret())
        assert (await post(browser, "token", foreign)).status_code == 400
        assert (await post(browser, "token", refresh(tokens["refresh_token"]))).status_code == 200

    async def test_the_scope_may_shrink_and_not_grow(self, browser, people):
        tokens = await grant(browser, await people.student(password=GOOD), scope="profile")
        wider = await post(browser, "token", refresh(tokens["refresh_token"], scope="openid profile"))
        assert wider.json()["error"] == "invalid_scope"
        narrower = await post(browser, "token", refresh(tokens["refresh_token"], scope="email"))
        assert narrower.json()["scope"] == "email"

    async def test_it_ends_after_idle_days_and_after_its_longest_life(self, browser, people, clock):
        student = await people.student(password=GOOD)
        tokens = await grant(browser, student)
        assert 0 < tokens["refresh_expires_in"] <= 14 * 86_400
        for days in (13, 26):
            await clock(days=days)
            tokens = (await post(browser, "token", refresh(tokens["refresh_token"]))).json()
        assert tokens["refresh_expires_in"] <= 4 * 86_400
        await clock(days=31)
        assert (await post(browser, "token", refresh(tokens["refresh_token"]))).status_code == 400
        await clock(days=0)
        tokens = await grant(browser, student)
        await clock(days=15)
        assert (await post(browser, "token", refresh(tokens["refresh_token"]))).status_code == 400

    @pytest.mark.parametrize("change", ["disabled", "password", "deleted"])
    async def test_it_ends_with_the_account(self, browser, people, change):
        student = await people.student(password=GOOD)
        tokens = await grant(browser, student)
        provider = providers.current()
        if change == "disabled":
            await provider.set_enabled(student.account_id, enabled=False)
        elif change == "password":
            await provider.set_password(student.account_id, "another one altogether", temporary=False)
        else:
            await provider.delete(student.account_id)
        assert (await post(browser, "token", refresh(tokens["refresh_token"]))).status_code == 400
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await browser.open(f"{PROTOCOL}/userinfo", headers=headers)).status_code == 401


class TestRevocation:
    async def test_it_ends_the_session(self, browser, people):
        tokens = await grant(browser, await people.student(password=GOOD))
        form = {"client_id": "tms-cli", "token": tokens["refresh_token"]}
        assert (await post(browser, "revoke", form)).status_code == 200
        assert (await post(browser, "token", refresh(tokens["refresh_token"]))).status_code == 400

    async def test_unknown_and_foreign_tokens_are_fine_and_end_nothing(self, browser, people):
        tokens = await grant(browser, await people.student(password=GOOD))
        foreign = {"client_id": "tms", "client_secret": clients.secret(), "token": tokens["refresh_token"]}
        for form in (foreign, {"client_id": "tms-cli", "token": "unknown"}):
            assert (await post(browser, "revoke", form)).status_code == 200
        assert (await post(browser, "token", refresh(tokens["refresh_token"]))).status_code == 200

    async def test_it_does_not_pretend_to_end_access_tokens(self, browser, people):
        tokens = await grant(browser, await people.student(password=GOOD))
        form = {"client_id": "tms-cli", "token": tokens["access_token"]}
        assert (await post(browser, "revoke", form)).json()["error"] == "unsupported_token_type"

    async def test_the_program_must_prove_itself(self, browser):
        assert (await post(browser, "revoke", {"client_id": "tms", "token": "x"})).status_code == 401
        assert (await post(browser, "revoke", {"client_id": "tms-cli"})).status_code == 400


async def test_userinfo_needs_a_good_token(browser, people):
    student = await people.student(password=GOOD)
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic YTpi"}):
        answer = await browser.open(f"{PROTOCOL}/userinfo", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_token"
    # A token whose session was never opened here.
    headers = {"Authorization": f"Bearer {student.token}"}
    assert (await browser.open(f"{PROTOCOL}/userinfo", headers=headers)).status_code == 401
    tokens = await grant(browser, student)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = await browser.http.post(f"{PROTOCOL}/userinfo", headers=headers)
    assert UUID(answer.json()["sub"]) == UUID(student.account_id)
