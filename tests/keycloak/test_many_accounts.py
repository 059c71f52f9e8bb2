"""Twenty thousand accounts in a genuine Keycloak are compared page by page, in little memory."""

import os
import time
import tracemalloc
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.keycloak.behind import Realm
from tests.keycloak.fixture import AtKeycloak
from tests.keycloak.site import set_up
from tms.identity import providers, reconciling
from tms.identity.differences import Kind
from tms.identity.keycloak.representation import MARK
from tms.platform import db
from tms.platform.settings import get_settings

pytestmark = [pytest.mark.keycloak, pytest.mark.long]

MANY = int(os.environ.get("TMS_TEST_ACCOUNTS", "20000"))
AT_ONCE = 500

USERS = """
    INSERT INTO users (id, email, email_norm, first_name, last_name, role, status, student_code)
    SELECT id, 'm' || n || '@example.org', 'm' || n || '@example.org', 'Many', 'People', 'student', 'provisioning',
           'STU' || lpad(n::text, 9, '0')
    FROM (SELECT n, uuidv7() AS id FROM generate_series(1, :many) n) many
"""


@pytest.fixture
async def large_realm(at_keycloak, monkeypatch):
    """A realm of its own, which goes as a whole: to remove so many accounts one by one takes minutes."""
    settings = at_keycloak.settings.model_copy(update={"keycloak_realm": "tms-many"})
    await set_up(at_keycloak, keycloak_realm="tms-many")
    monkeypatch.setenv("KEYCLOAK_REALM", "tms-many")
    get_settings.cache_clear()
    await providers.close()
    made = AtKeycloak(at_keycloak.server, settings)
    yield made
    await made.admin.a_delete_realm("tms-many")
    await made.close()
    await providers.close()


async def imported(at_keycloak, people):
    """Accounts of these users, with mark and role."""
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
        for user_id, email in people
    ]
    for start in range(0, len(accounts), AT_ONCE):
        body = {"ifResourceExists": "FAIL", "users": accounts[start : start + AT_ONCE]}
        answer = await at_keycloak.admin.a_partial_import_realm(at_keycloak.settings.keycloak_realm, body)
        for result in answer["results"]:
            yield result["id"], result["resourceName"]


async def test_twenty_thousand_accounts_are_compared(large_realm, database):
    async with db.transaction() as session:
        await session.execute(text(USERS), {"many": MANY})
    async with db.reading() as session:
        people = (await session.execute(text("SELECT id, email FROM users"))).all()
    made = [pair async for pair in imported(large_realm, people)]
    async with db.transaction() as session:
        await session.execute(
            text("UPDATE users SET account_id = :id, status = 'active' WHERE email_norm = :email"),
            [{"id": account, "email": email} for account, email in made],
        )
    realm = Realm(large_realm)
    by_email = {email: account for account, email in made}
    user_ids = {email: user_id for user_id, email in people}
    await realm.delete(by_email["m7@example.org"])
    await realm.change(by_email["m1234@example.org"], role="trainer")
    await realm.change(by_email["m1999@example.org"], enabled=False)

    tracemalloc.start()
    began = time.monotonic()
    try:
        found = [(one.kind, UUID(str(one.user_id))) async for one in reconciling.compare()]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    print(
        f"\n{MANY} accounts compared in {time.monotonic() - began:.0f} s, at most {most / 1e6:.1f} MB of Python's memory"
    )
    assert set(found) == {
        (Kind.ACCOUNT_MISSING, user_ids["m7@example.org"]),
        (Kind.ROLE, user_ids["m1234@example.org"]),
        (Kind.ENABLED, user_ids["m1999@example.org"]),
    }
    assert len(found) == 3
    # All of Keycloak's representations at once would take more than ten times as much.
    assert most < 12e6
