"""The built-in identity provider as TMS asks it, and its signing keys."""

import asyncio
import json
from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.identity.browser import PROTOCOL, Browser, password_grant
from tests.people import token_for

from tms.identity import providers, verifier
from tms.identity.builtin import hashing, keys, sessions
from tms.identity.builtin.jobs import clean_sign_ins, rotate_signing_keys
from tms.identity.builtin.models import AuthorizationCode, SigningKey, SignInSession
from tms.identity.errors import ProviderUnavailableError
from tms.identity.provider import Person
from tms.platform import db
from tms.platform.caller import Role
from tms.platform.ids import new_id
from tms.platform.settings import get_settings

GOOD = "seven green turtles sing"
TEMPORARY = "abcde-fghij-klmno-pqrst"


def person():
    return Person(new_id(), "ann@example.org", "Ann", "Lee", Role.STUDENT)


@pytest.fixture
def provider(database):
    return providers.current()


async def test_disabling_ends_sessions_and_enabling_lets_in_again(app, provider):
    made = await provider.create_or_adopt(person(), password=GOOD, temporary=False)
    async with Browser(app) as browser:
        form = password_grant("ann@example.org", GOOD)
        assert (await browser.http.post(f"{PROTOCOL}/token", data=form)).status_code == 200
        await provider.set_enabled(made.id, enabled=False)
        assert (await browser.http.post(f"{PROTOCOL}/token", data=form)).status_code == 401
        async with db.reading() as session:
            assert (await session.execute(select(SignInSession.id))).all() == []
        await provider.set_enabled(made.id, enabled=True)
        assert (await browser.http.post(f"{PROTOCOL}/token", data=form)).status_code == 200


async def test_deleting_takes_everything_of_the_account_along(provider):
    made = await provider.create_or_adopt(person(), password=GOOD, temporary=False)
    async with db.transaction() as session:
        assert await sessions.start(session, UUID(made.id), password_epoch=1, browser=True)
    await provider.delete(made.id)
    assert [account async for account in provider.list()] == []


async def test_no_session_starts_with_a_password_that_was_changed_meanwhile(provider):
    made = await provider.create_or_adopt(person(), password=GOOD, temporary=False)
    await provider.set_password(made.id, GOOD + " again", temporary=False)
    async with db.transaction() as session:
        assert await sessions.start(session, UUID(made.id), password_epoch=1, browser=True) is None
        assert await sessions.start(session, UUID(made.id), password_epoch=2, browser=True)


async def test_a_database_that_is_away_is_a_provider_that_is_away(database, provider):
    await db.disconnect()
    db.connect("postgresql://nobody@127.0.0.1:1/nothing")
    try:
        for call in (provider.find(new_id()), provider.signing_keys(), provider.delete(str(new_id()))):
            with pytest.raises(ProviderUnavailableError):
                await call
    finally:
        await db.disconnect()
        db.connect(database)


class TestHashing:
    async def test_only_random_passwords_are_hashed_quickly(self):
        assert "m=1024," in await hashing.hash_password(TEMPORARY, is_random=True)
        assert "m=47104," in await hashing.hash_password(TEMPORARY)
        assert "m=47104," in await hashing.hash_password("short", is_random=True)

    async def test_a_damaged_hash_opens_nothing(self):
        async with hashing.slot():
            assert not await hashing.matches("$argon2id$rubbish", GOOD)
            assert not await hashing.matches(None, GOOD)


@pytest.fixture
async def no_keys(database):
    """Starts without any signing key, as a new installation does."""
    async with db.transaction() as session:
        await session.execute(SigningKey.__table__.delete())
    keys.forget()
    verifier.forget()
    yield
    async with db.transaction() as session:
        await session.execute(SigningKey.__table__.delete())
    keys.forget()
    verifier.forget()


async def _kids():
    return [key["kid"] for key in (await keys.public_set())["keys"]]


@pytest.mark.usefixtures("no_keys")
class TestSigningKeys:
    async def test_processes_that_start_together_make_one_key(self):
        made = await asyncio.gather(*[keys._make_first() for _ in range(6)])
        assert len({signer.kid for signer in made}) == 1
        assert await _kids() == [made[0].kid]

    async def test_the_private_half_is_encrypted_at_rest(self, session):
        signer = await keys.signer()
        row = (await session.execute(select(SigningKey.__table__))).mappings().one()
        secret = signer.key.as_dict(private=True)["d"]
        assert secret not in json.dumps(dict(row), default=str)
        assert "d" not in row["public"]

    async def test_a_new_key_is_published_first_and_signs_later(self, clock):
        first = (await keys.signer()).kid
        await clock(days=91)
        await rotate_signing_keys(0)
        keys.forget()
        assert len(await _kids()) == 2
        assert (await keys.signer()).kid == first
        await clock(days=91, minutes=16)
        keys.forget()
        second = (await keys.signer()).kid
        assert second != first
        assert set(await _kids()) == {first, second}

    async def test_tokens_of_both_keys_hold_until_the_old_one_is_retired(self, people, clock):
        student = await people.student()
        old = student.token
        assert await verifier.verify(old) == student.account_id
        await clock(days=91)
        await rotate_signing_keys(0)
        await clock(days=91, minutes=16)
        keys.forget()
        verifier.forget()
        new = await token_for(student.account_id)
        assert await verifier.verify(new) == await verifier.verify(old) == student.account_id
        await clock(days=92, hours=1)
        await rotate_signing_keys(0)
        verifier.forget()
        assert len(await _kids()) == 1
        assert await verifier.verify(new) == student.account_id
        with pytest.raises(verifier.InvalidTokenError):
            await verifier.verify(old)

    async def test_a_young_key_is_not_replaced_and_a_retired_one_is_forgotten(self, clock, session):
        await keys.signer()
        await clock(days=89)
        await rotate_signing_keys(0)
        assert len(await _kids()) == 1
        await clock(days=91)
        await rotate_signing_keys(0)
        await clock(days=93)
        await rotate_signing_keys(0)
        assert len((await session.execute(select(SigningKey.kid))).all()) == 2
        await clock(days=125)
        await rotate_signing_keys(0)
        assert len((await session.execute(select(SigningKey.kid))).all()) == 1

    async def test_another_secret_key_makes_another_signing_key_and_keeps_old_tokens(
        self, people, monkeypatch
    ):
        student = await people.student()
        other = get_settings().model_copy(update={"secret_key": type(get_settings().secret_key)("x" * 48)})
        monkeypatch.setattr(keys, "get_settings", lambda: other)
        keys.forget()
        verifier.forget()
        new = await token_for(student.account_id)
        assert await verifier.verify(new) == await verifier.verify(student.token)
        assert len(await _kids()) == 2

    async def test_a_damaged_key_is_replaced(self):
        first = await keys.signer()
        async with db.transaction() as session:
            await session.execute(update(SigningKey).values(private="damaged"))
        keys.forget()
        second = await keys.signer()
        assert second.kid != first.kid
        keys.forget()
        assert (await keys.signer()).kid == second.kid


async def test_what_is_over_is_removed(app, people, session, clock):
    student = await people.student(password=GOOD)
    async with Browser(app) as browser:
        await browser.sign_in(student.email, GOOD)
        await browser.http.post(f"{PROTOCOL}/token", data=password_grant(student.email, GOOD))
    await clock(hours=13)
    await clean_sign_ins(0)
    left = (await session.execute(select(SignInSession.cookie_hash))).scalars().all()
    assert left == [None]
    assert (await session.execute(select(AuthorizationCode.code_hash))).all() == []
