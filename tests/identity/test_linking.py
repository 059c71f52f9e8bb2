"""Administrators who were made at the identity provider are linked once; nobody else comes in that way, or higher up."""

import asyncio
import time

import pytest
from sqlalchemy import text
from tests.identity.other_side import BuiltIn
from tests.people import Client

from tms import app as assembly
from tms.identity import access, providers
from tms.identity.builtin import tokens
from tms.identity.errors import AccountNotLinkedError
from tms.operations import doctor
from tms.platform import db
from tms.platform.ids import new_id
from tms.platform.settings import get_settings

EMAIL = "boss@example.org"


@pytest.fixture
def other_side():
    return BuiltIn()


async def token(account_id, *, roles=("admin",), verified=True):
    now = int(time.time())
    return await tokens.sign(
        {
            "iss": get_settings().issuer,
            "sub": account_id,
            "aud": "tms",
            "azp": "tms-cli",
            "typ": "Bearer",
            "iat": now,
            "exp": now + 300,
            "jti": str(new_id()),
            "email": EMAIL,
            "email_verified": verified,
            "realm_access": {"roles": ["default-roles-tms", *roles]},
        }
    )


async def come(app, account_id, **options):
    return Client(app, None, account_id, EMAIL, await token(account_id, **options))


async def users(session):
    return (
        await session.execute(text("SELECT account_id, email, role, status FROM users ORDER BY email"))
    ).all()


async def test_who_was_made_an_administrator_there_is_one_here(app, database, session, other_side, run_jobs):
    account_id = await other_side.add(EMAIL, role="admin")
    boss = await come(app, account_id)
    me = (await boss.get("/me"))["data"]
    assert (me["email"], me["role"], me["status"], me["firstName"]) == (EMAIL, "admin", "active", "Some")
    await boss.get("/users")
    assert await users(session) == [(account_id, EMAIL, "admin", "active")]
    await run_jobs()
    assert str((await providers.current().get(account_id)).user_id) == me["id"]
    lines = await session.execute(
        text("SELECT actor_id::text, object_id::text FROM audit_log WHERE action = 'user.linked'")
    )
    assert lines.all() == [(me["id"], me["id"])]
    assert await doctor.examine(assembly.CHECKS) == []


async def test_once_linked_the_local_role_rules(app, people, other_side):
    account_id = await other_side.add(EMAIL, role="admin")
    boss = await come(app, account_id)
    me = (await boss.get("/me"))["data"]
    first = await people.admin()
    await first.patch(f"/users/{me['id']}", {"role": "trainer"})
    access.forget()
    await boss.get("/users", status=403)
    assert (await boss.get("/me"))["data"]["role"] == "trainer"
    await first.post(f"/users/{me['id']}/disable")
    access.forget()
    await boss.get("/me", status=403)


@pytest.mark.parametrize(
    "planted",
    [
        {"roles": ("trainer",)},
        {"roles": ("student", "Admin", "administrator")},
        {"verified": False},
        {"verified": "true"},
        {"account": {"enabled": False}},
        {"account": {"mark": new_id()}},
        {"deleted": True},
    ],
)
async def test_who_is_not_proven_an_administrator_stays_outside(app, database, session, other_side, planted):
    account_id = await other_side.add(EMAIL, role="admin", **planted.get("account", {}))
    if planted.get("deleted"):
        await other_side.delete(account_id)
    claims = {name: value for name, value in planted.items() if name in {"roles", "verified"}}
    boss = await come(app, account_id, **claims)
    assert (await boss.get("/me", status=403))["code"] == "account_not_linked"
    assert await users(session) == []


@pytest.mark.parametrize("role", ["student", "trainer"])
async def test_nobodys_role_is_raised(app, people, session, other_side, role):
    person = await getattr(people, role)(email=EMAIL)
    await other_side.change(person.account_id, email="elsewhere@example.org")
    account_id = await other_side.add(EMAIL, role="admin")
    boss = await come(app, account_id)
    assert (await boss.get("/me", status=403))["code"] == "account_not_linked"
    assert await users(session) == [(person.account_id, EMAIL, role, "active")]


async def test_an_administrators_account_is_not_replaced(app, people, session, other_side):
    person = await people.admin(email=EMAIL)
    await other_side.change(person.account_id, email="elsewhere@example.org")
    boss = await come(app, await other_side.add(EMAIL, role="admin"))
    await boss.get("/me", status=403)
    assert await users(session) == [(person.account_id, EMAIL, "admin", "active")]


async def test_an_administrator_in_conflict_gets_the_account_at_the_first_sign_in(
    app, people, session, other_side
):
    account_id = await other_side.add(EMAIL, role="admin")
    first = await people.admin()
    new = {"firstName": "The", "lastName": "Boss", "email": EMAIL, "role": "admin"}
    made = (await first.post("/users", new, status=201))["data"]
    assert made["status"] == "identity_conflict"
    boss = await come(app, account_id)
    me = (await boss.get("/me"))["data"]
    assert (me["id"], me["status"], me["firstName"]) == (made["id"], "active", "The")


async def test_many_first_requests_link_one_administrator(app, database, session, other_side):
    account_id = await other_side.add(EMAIL, role="admin")
    several = [await token(account_id) for _ in range(12)]
    callers = await asyncio.gather(*[access.authenticate(one) for one in several])
    assert len({caller.id for caller in callers}) == 1
    assert await users(session) == [(account_id, EMAIL, "admin", "active")]
    assert (
        await session.execute(text("SELECT count(*) FROM audit_log WHERE action = 'user.linked'"))
    ).scalar() == 1


async def test_two_accounts_of_one_address_do_not_share_an_administrator(database, session, other_side):
    first = await other_side.add(EMAIL, role="admin")
    await access.authenticate(await token(first))
    await other_side.change(first, email="renamed@example.org")
    second = await other_side.add(EMAIL, role="admin")
    with pytest.raises(AccountNotLinkedError):
        await access.authenticate(await token(second))
    async with db.reading() as reading:
        assert len(await users(reading)) == 1
