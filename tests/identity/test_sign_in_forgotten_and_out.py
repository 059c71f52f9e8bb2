"""Forgotten passwords and signing out, at the pages of the built-in identity provider."""

import pytest
from sqlalchemy import insert, text
from tests.identity.browser import (
    PROTOCOL,
    REALM,
    Browser,
    asked,
    exchange,
    give_temporary_password,
    proof,
    told,
)

from tms.identity import providers
from tms.identity.builtin import clients, reset, throttle
from tms.identity.builtin.models import Account
from tms.identity.provider import Person
from tms.platform import db
from tms.platform.caller import Role
from tms.platform.ids import new_id

_ORIGIN = throttle.Origin("192.0.2.7")
GOOD = "seven green turtles sing"
BETTER = "eight brown turtles dance"


@pytest.fixture
async def browser(app, database):
    async with Browser(app) as made:
        yield made


def _location(answer):
    return answer.headers["location"]


class TestForgottenPasswords:
    async def _ask(self, browser, email):
        return await browser.send(
            await browser.open(f"{REALM}/login-actions/reset-credentials"), username=email
        )

    async def _link(self, person):
        async with db.reading() as session:
            return await reset.reset_link(session, person.id)

    async def test_a_link_gives_a_new_password_once(self, app, browser, people):
        student = await people.student(password=GOOD)
        async with Browser(app) as elsewhere:
            await elsewhere.sign_in(student.email, GOOD)
            assert "Look into your mailbox" in (await self._ask(browser, student.email)).text
            link = await self._link(student)
            assert link.startswith("http://tms.test/realms/tms/login-actions/action-token?key=")
            page = await browser.open(link)
            bad = await browser.send(page, password_new="short", password_confirm="short")
            assert bad.status_code == 400
            assert (
                "is changed" in (await browser.send(bad, password_new=BETTER, password_confirm=BETTER)).text
            )
            assert (await elsewhere.open(f"{REALM}/account")).is_redirect
        assert (await browser.open(link)).status_code == 400
        again = await browser.send(page, password_new=GOOD, password_confirm=GOOD)
        assert again.status_code == 400
        assert await self._link(student) is None
        assert (await browser.sign_in(student.email, BETTER)).is_redirect

    async def test_the_answer_tells_nobody_who_has_an_account(self, browser, people):
        student = await people.student(password=GOOD)
        known = await self._ask(browser, student.email)
        unknown = await self._ask(browser, "nobody@example.org")
        assert (known.status_code, known.text) == (unknown.status_code, unknown.text)

    async def test_a_mail_is_queued_for_an_account_and_not_too_often(self, browser, people, session, clock):
        student = await people.student(password=GOOD)
        gone = await people.student(password=GOOD, status="disabled")
        for person in (student, student, gone):
            await self._ask(browser, person.email)
        assert await _mails(session) == [str(student.id)]
        await clock(minutes=3)
        await self._ask(browser, student.email)
        assert await _mails(session) == [str(student.id)] * 2

    async def test_one_address_cannot_flood_mailboxes(self, session):
        async with db.transaction() as writing:
            for number in range(25):
                await _add_account(writing, f"many{number}@example.org")
        for number in range(25):
            await reset.ask(f"many{number}@example.org", _ORIGIN)
        assert len(await _mails(session)) == 20

    async def test_a_link_ends_after_an_hour_and_cannot_be_forged(self, browser, people, clock):
        student = await people.student(password=GOOD)
        await self._ask(browser, student.email)
        link = await self._link(student)
        for forged in (link[:-6] + "AAAAAA", link[:-1], link + "A", link.partition("?")[0], link + "%00"):
            assert (await browser.open(forged)).status_code == 400, forged
        assert (await browser.open(link)).status_code == 200
        await clock(minutes=61)
        assert (await browser.open(link)).status_code == 400
        assert await self._link(student) is None

    async def test_a_corrected_address_makes_the_link_of_the_wrong_one_worthless(self, browser, people):
        student = await people.student(password=GOOD)
        await self._ask(browser, student.email)
        link = await self._link(student)
        right = Person(student.id, "right@example.org", "A", "B", Role.STUDENT)
        await providers.current().update(student.account_id, right)
        assert (await browser.open(link)).status_code == 400

    async def test_the_link_replaces_a_temporary_password_too(self, browser, people):
        student = await people.student()
        temporary = await give_temporary_password(student)
        await self._ask(browser, student.email)
        page = await browser.open(await self._link(student))
        await browser.send(page, password_new=GOOD, password_confirm=GOOD)
        assert "is not right" in (await browser.sign_in(student.email, temporary)).text
        assert (await browser.sign_in(student.email, GOOD)).is_redirect


async def _add_account(session, email):
    made = {"id": new_id(), "user_id": new_id(), "first_name": "A", "last_name": "B", "role": "student"}
    await session.execute(insert(Account).values(email=email, email_norm=email, **made))


async def _mails(session):
    rows = await session.execute(
        text(
            "SELECT args->>'user_id' FROM procrastinate_jobs WHERE task_name = 'notifications.send' ORDER BY id"
        )
    )
    return list(rows.scalars())


class TestSigningOut:
    async def _tokens_of_pages(self, browser, student):
        verifier, challenge = proof()
        wanted = asked(challenge, client_id="tms", redirect_uri="http://tms.test/login/callback")
        answer = await browser.sign_in(student.email, GOOD, **wanted)
        form = exchange(
            told(answer)["code"], verifier, client_id="tms", redirect_uri="http://tms.test/login/callback"
        )
        form["client_secret"] = clients.secret()
        return (await browser.http.post(f"{PROTOCOL}/token", data=form)).json()

    async def test_with_the_id_token_it_happens_at_once(self, browser, people):
        tokens = await self._tokens_of_pages(browser, await people.student(password=GOOD))
        query = {
            "id_token_hint": tokens["id_token"],
            "post_logout_redirect_uri": "http://tms.test/goodbye",
            "state": "s",
        }
        answer = await browser.open(f"{PROTOCOL}/logout", params=query)
        assert _location(answer) == "http://tms.test/goodbye?state=s"
        assert (await browser.open(f"{REALM}/account")).is_redirect
        refresh = {
            "grant_type": "refresh_token",
            "client_id": "tms",
            "client_secret": clients.secret(),
            "refresh_token": tokens["refresh_token"],
        }
        assert (await browser.http.post(f"{PROTOCOL}/token", data=refresh)).status_code == 400

    async def test_without_it_the_person_is_asked(self, browser, people):
        student = await people.student(password=GOOD)
        await browser.sign_in(student.email, GOOD)
        query = {"post_logout_redirect_uri": "http://tms.test/goodbye"}
        page = await browser.open(f"{PROTOCOL}/logout", params=query)
        assert "Sign out?" in page.text
        assert (await browser.open(f"{REALM}/account")).status_code == 200
        answer = await browser.send(page)
        assert _location(answer) == "http://tms.test/goodbye"
        assert (await browser.open(f"{REALM}/account")).is_redirect

    async def test_a_forged_or_foreign_hint_signs_nobody_out(self, app, browser, people):
        student, other = await people.student(password=GOOD), await people.student(password=GOOD)
        await browser.sign_in(student.email, GOOD)
        async with Browser(app) as elsewhere:
            foreign = (await self._tokens_of_pages(elsewhere, other))["id_token"]
        for hint in (foreign, foreign[:-8] + "AAAAAAAA", "rubbish", "a.b.c", student.token, "é"):
            page = await browser.open(f"{PROTOCOL}/logout", params={"id_token_hint": hint})
            assert "Sign out?" in page.text
        assert (await browser.open(f"{REALM}/account")).status_code == 200

    @pytest.mark.parametrize(
        "place",
        [
            "https://evil.example/",
            "http://tms.test.evil.example/",
            "//evil.example",
            "http://tms.test@evil.example/",
            "http://tms.test\\@evil.example",
            "javascript:alert(1)",
            "http://tms.test/\r\nx",
        ],
    )
    async def test_nobody_is_sent_elsewhere_afterwards(self, browser, place):
        answer = await browser.open(f"{PROTOCOL}/logout", params={"post_logout_redirect_uri": place})
        assert answer.status_code == 400
        assert "location" not in answer.headers

    async def test_nobody_signed_in_is_fine(self, browser):
        answer = await browser.open(f"{PROTOCOL}/logout")
        assert "You are signed out" in answer.text

    async def test_a_program_signs_out_with_its_refresh_token(self, browser, people):
        student = await people.student(password=GOOD)
        tokens = await self._tokens_of_pages(browser, student)
        form = {"client_id": "tms", "refresh_token": tokens["refresh_token"]}
        assert (await browser.http.post(f"{PROTOCOL}/logout", data=form)).status_code == 204
        assert (await browser.open(f"{REALM}/account")).status_code == 200
        form["client_secret"] = clients.secret()
        assert (await browser.http.post(f"{PROTOCOL}/logout", data=form)).status_code == 204
        assert (await browser.open(f"{REALM}/account")).is_redirect
