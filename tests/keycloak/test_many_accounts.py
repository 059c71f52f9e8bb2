"""Many accounts in a genuine Keycloak, with every kind of difference among them: found, repaired, and then none are left."""

import asyncio
import os
import time
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.keycloak import command
from tests.keycloak.behind import Realm
from tests.keycloak.fixture import AtKeycloak
from tests.keycloak.site import set_up
from tms.identity import providers
from tms.identity.differences import Kind
from tms.identity.keycloak.representation import MARK
from tms.platform import db
from tms.platform.ids import new_id
from tms.platform.settings import get_settings

pytestmark = pytest.mark.keycloak

FEW = 700
MANY = int(os.environ.get("TMS_TEST_ACCOUNTS", "20000"))
AT_ONCE = 500
REALM = "tms-many"
MOST_MORE_MEMORY = 16e6
"""Bytes that 20,000 accounts may take more than 700; all of Keycloak's representations would take three times as much."""

USERS = """
    INSERT INTO users (id, email, email_norm, first_name, last_name, role, status, student_code)
    SELECT id, 'm' || n || '@example.org', 'm' || n || '@example.org', 'Many', 'People', 'student', 'provisioning',
           'STU' || lpad(n::text, 9, '0')
    FROM (SELECT n, uuidv7() AS id FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n) many
"""
LINKED = "UPDATE users SET account_id = :account, status = 'active' WHERE email_norm = :email"
PEOPLE = "SELECT email_norm, id, account_id FROM users"


@pytest.fixture
async def large_realm(at_keycloak, monkeypatch):
    """A realm of its own, which goes as a whole: to remove so many accounts one by one takes minutes."""
    settings = at_keycloak.settings.model_copy(update={"keycloak_realm": REALM})
    await set_up(at_keycloak, keycloak_realm=REALM)
    monkeypatch.setenv("KEYCLOAK_REALM", REALM)
    get_settings.cache_clear()
    await providers.close()
    made = AtKeycloak(at_keycloak.server, settings)
    yield made
    await made.admin.a_delete_realm(REALM)
    await made.close()
    await providers.close()


async def grow(realm, last, *, first=1):
    """Users m<first> to m<last>, active, each with an account that has mark and role."""
    async with db.transaction() as session:
        await session.execute(text(USERS), {"first": first, "last": last})
    async with db.reading() as session:
        found = (await session.execute(text(PEOPLE + " WHERE account_id IS NULL"))).all()
    for start in range(0, len(found), AT_ONCE):
        accounts = [
            {
                "username": email,
                "email": email,
                "emailVerified": True,
                "firstName": "Many",
                "lastName": "People",
                "enabled": True,
                "attributes": {MARK: [str(user_id)]},
                "realmRoles": ["student"],
            }
            for email, user_id, _ in found[start : start + AT_ONCE]
        ]
        answer = await realm.admin.a_partial_import_realm(
            REALM, {"ifResourceExists": "FAIL", "users": accounts}
        )
        made = [{"account": one["id"], "email": one["resourceName"]} for one in answer["results"]]
        async with db.transaction() as session:
            await session.execute(text(LINKED), made)


class Planter:
    """Makes both sides differ, and knows how: `expected` are (kind, user, account) as the command prints them."""

    def __init__(self, large_realm, people):
        self.realm = Realm(large_realm)
        self.people = people
        self.expected = set()
        self.left = []

    async def plant_changes(self, numbers):
        """One person each, by their numbers: all that telling the provider again repairs."""
        changes = {
            Kind.MARK: {"mark": None},
            Kind.ENABLED: {"enabled": False},
            Kind.ROLE: {"role": "trainer"},
            Kind.ADDRESS: {"email": f"moved{numbers[0]}@example.org"},
            Kind.NAME: {"first_name": "Eve"},
        }
        for number, (kind, change) in zip(numbers, changes.items(), strict=True):
            user, account = self.people[f"m{number}@example.org"]
            await self.realm.change(account, **change)
            self.expected.add((kind, user, account))

    async def plant_losses(self, gone, moved, erased):
        """An account that is gone, one that came back under another id, and one whose person was erased."""
        user, account = self.people[f"m{gone}@example.org"]
        await self.realm.delete(account)
        self.expected.add((Kind.ACCOUNT_MISSING, user, None))
        user, account = self.people[f"m{moved}@example.org"]
        await self.realm.delete(account)
        again = await self.realm.add(f"m{moved}@example.org", mark=user)
        self.expected.add((Kind.ACCOUNT_REPLACED, user, again))
        user, account = self.people[f"m{erased}@example.org"]
        async with db.transaction() as session:
            erase = text("UPDATE users SET status = 'erased', account_id = NULL WHERE id = :id")
            await session.execute(erase, {"id": user})
        self.expected.add((Kind.ACCOUNT_OF_ERASED, user, account))

    async def plant_strangers(self, twice):
        """What is for people to decide: a mark on two accounts, a mark of nobody's; and a foreign account, which is let be."""
        user, _ = self.people[f"m{twice}@example.org"]
        for kind, marked in ((Kind.MARK_TWICE, user), (Kind.ACCOUNT_WITHOUT_USER, new_id())):
            account = await self.realm.add(mark=marked)
            self.expected.add((kind, marked, account))
            self.left.append(account)
        await self.realm.add("foreign@example.org", role="admin")


def told(output):
    """(outcome, kind, user, account) of each line."""
    lines = []
    for line in output.splitlines()[:-1]:
        outcome, kind, *about = line.replace(":", "").replace(",", "").split()
        ids = dict(zip(about[::2], about[1::2], strict=True))
        lines.append((outcome, Kind(kind), UUID(ids["user"]), ids.get("account")))
    return lines


async def timed(line, database, large_realm):
    began = time.monotonic()
    ended = await asyncio.to_thread(command.run, line, database, large_realm.settings)
    print(
        f"tms {line}: status {ended.status}, {time.monotonic() - began:.0f} s, at most {ended.most_memory / 1e6:.0f} MB; "
        f"{ended.output.splitlines()[-1]}"
    )
    return ended


async def compared_and_repaired(large_realm, database, planter):
    looked = await timed("reconcile --only-look", database, large_realm)
    found = told(looked.output)
    assert {tuple(line[1:]) for line in found} == planter.expected
    assert len(found) == len(planter.expected)
    assert (looked.status, {outcome for outcome, *_ in found}) == (1, {"LEFT"})

    mended = await timed("reconcile --remake", database, large_realm)
    for_people = {Kind.MARK_TWICE, Kind.ACCOUNT_WITHOUT_USER}
    assert {(outcome == "repaired", *rest) for outcome, *rest in told(mended.output)} == {
        (kind not in for_people, kind, user, account) for kind, user, account in planter.expected
    }
    for account in planter.left:
        await planter.realm.delete(account)
    clean = await timed("reconcile", database, large_realm)
    # All but of those who were erased, and the foreign one.
    erased = sum(kind is Kind.ACCOUNT_OF_ERASED for kind, *_ in planter.expected)
    left = len(planter.people) - erased + 1
    assert clean.output == f"{left} accounts compared: 0 differences, 0 repaired, 0 left.\n", clean.errors
    assert clean.status == 0
    return max(looked.most_memory, mended.most_memory, clean.most_memory)


async def people_of():
    async with db.reading() as session:
        rows = (await session.execute(text(PEOPLE))).all()
    return {email: (user, account) for email, user, account in rows}


async def test_some_hundred_accounts_in_several_pages(large_realm, database):
    await grow(large_realm, FEW)
    planter = Planter(large_realm, await people_of())
    # Among them the first and the last in the order of names, and both sides of the border of two pages.
    await planter.plant_changes([1, 99, FEW, 549, 550])
    await planter.plant_losses(100, 210, 320)
    await planter.plant_strangers(430)
    await compared_and_repaired(large_realm, database, planter)


@pytest.mark.long
async def test_twenty_thousand_accounts_in_little_memory(large_realm, database):
    await grow(large_realm, FEW)
    small = await timed("reconcile --only-look", database, large_realm)
    assert small.status == 0, small.output
    began = time.monotonic()
    await grow(large_realm, MANY, first=FEW + 1)
    print(f"{MANY} accounts made in {time.monotonic() - began:.0f} s")
    planter = Planter(large_realm, await people_of())
    for start in range(0, MANY, MANY // 20):
        await planter.plant_changes([start + number for number in (1, 99, 100, 444, 500)])
        await planter.plant_losses(start + 9, start + 600, start + 777)
    await planter.plant_strangers(7)
    most = await compared_and_repaired(large_realm, database, planter)
    print(f"{(most - small.most_memory) / 1e6:.1f} MB more than for {FEW} accounts")
    assert most - small.most_memory < MOST_MORE_MEMORY
