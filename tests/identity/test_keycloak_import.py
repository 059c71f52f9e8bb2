"""`tms keycloak import-users`: from the built-in sign-in to a genuine Keycloak, and nobody loses access."""

import contextlib
import os
import subprocess
import sys

import psycopg
import pytest
from sqlalchemy import select, text, update
from tests.identity.browser import give_temporary_password
from tests.keycloak.fixture import CLIENT_SECRET
from tests.keycloak.proxy import ASSIGN_ROLE, Way

from tms.identity import providers, verifier
from tms.identity.builtin import hashing
from tms.identity.builtin.models import Account
from tms.identity.errors import ProviderUnavailableError
from tms.identity.keycloak import credentials, moving
from tms.identity.models import User
from tms.operations.models import AuditEntry
from tms.platform import db

pytestmark = pytest.mark.keycloak

GOOD = "seven green turtles sing"
UMLAUT = "fünf grüne Kröten"


@pytest.fixture
async def organisation(people):
    """People at the built-in sign-in; `at_keycloak` is asked for after it, so they are made before the change."""
    made = {
        "admin": await people.admin(password=GOOD, first_name="Ada (boss)"),
        "trainer": await people.trainer(password=UMLAUT),
        "student": await people.student(password=GOOD),
        "disabled": await people.student(password=GOOD, status="disabled"),
        "temporary": await people.student(password=GOOD),
        "passwordless": await people.student(),
    }
    made["temporary"].password = await give_temporary_password(made["temporary"])
    return made


async def move(**options):
    steps = []
    options = {"link_existing": False, "tell": lambda *step: steps.append(step)} | options
    report = await moving.move(providers.keycloak(), **options)
    return report, steps


async def account_ids():
    async with db.reading() as session:
        return dict((await session.execute(select(User.id, User.account_id))).all())


async def reason(realm, email, password):
    answer = await realm.password_grant(email, password)
    return answer.json().get("error_description", "signed in")


async def test_everybody_keeps_password_role_state_and_history(organisation, at_keycloak, client, session):
    before = await account_ids()
    report, steps = await move()
    assert (report.moved, report.stuck) == (6, [])
    assert steps[-1] == (6, 6)
    after = await account_ids()
    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values())
    assert (await session.execute(select(Account.id))).all() == []

    for name, password in (("admin", GOOD), ("trainer", UMLAUT), ("student", GOOD)):
        who = organisation[name]
        answer = await at_keycloak.password_grant(who.email, password)
        assert answer.status_code == 200, (name, answer.text)
        token = answer.json()["access_token"]
        assert await verifier.verify(token) == after[who.id]
        me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (me.status_code, me.json()["data"]["id"], me.json()["data"]["role"]) == (
            200,
            str(who.id),
            name,
        )
    said = {
        "disabled": await reason(at_keycloak, organisation["disabled"].email, GOOD),
        "temporary": await reason(
            at_keycloak, organisation["temporary"].email, organisation["temporary"].password
        ),
        "temporary, old": await reason(at_keycloak, organisation["temporary"].email, GOOD),
        "passwordless": await reason(at_keycloak, organisation["passwordless"].email, "anything at all"),
    }
    assert said == {
        "disabled": "Account disabled",
        "temporary": "Account is not fully set up",
        "temporary, old": "Invalid user credentials",
        "passwordless": "Invalid user credentials",
    }
    found = {account.user_id: account async for account in providers.keycloak().list()}
    assert {str(account.role) for account in found.values()} == {"admin", "trainer", "student"}
    assert not found[organisation["disabled"].id].enabled
    assert found[organisation["temporary"].id].password_is_temporary
    lines = select(AuditEntry.changes).where(AuditEntry.action == "users.moved_to_keycloak")
    assert (await session.execute(lines)).scalars().all() == [{"accounts": [0, 6]}]

    again, _ = await move()
    assert (again.moved, again.stuck) == (0, [])
    assert await account_ids() == after


async def test_an_import_that_was_cut_short_changes_nothing_here_and_goes_on(organisation, at_keycloak):
    before = await account_ids()
    with contextlib.closing(Way(at_keycloak.settings.keycloak_server_url)) as way:
        way.go_wrong("503", on=ASSIGN_ROLE, times=None)
        providers.keycloak().connection.base_url = f"{way.url}/"
        with pytest.raises(ProviderUnavailableError):
            await move()
    assert await account_ids() == before
    await providers.close()
    # Meanwhile somebody has chosen another password here.
    async with db.transaction() as session:
        changed = await hashing.hash_password("another one, chosen since")
        student = organisation["student"]
        await session.execute(
            update(Account).where(Account.user_id == student.id).values(password_hash=changed)
        )
    report, _ = await move()
    assert (report.moved, report.stuck) == (6, [])
    assert await reason(at_keycloak, student.email, "another one, chosen since") == "signed in"
    assert await reason(at_keycloak, student.email, GOOD) == "Invalid user credentials"
    assert len([account async for account in providers.keycloak().list()]) == 6


async def test_what_changes_here_during_the_import_is_brought_too(
    organisation, at_keycloak, database, monkeypatch
):
    student = organisation["student"]
    switch = moving._switch
    changed = await hashing.hash_password("another one, chosen since")

    async def disturbed(brought):
        monkeypatch.setattr(moving, "_switch", switch)
        async with await psycopg.AsyncConnection.connect(database) as connection:
            await connection.execute(
                "UPDATE accounts SET password_hash = %s WHERE user_id = %s", [changed, student.id]
            )
            await connection.execute("UPDATE users SET role = 'trainer' WHERE id = %s", [student.id])
        return await switch(brought)

    monkeypatch.setattr(moving, "_switch", disturbed)
    report, steps = await move()
    assert report.moved == 6
    assert (0, 1) in steps
    assert await reason(at_keycloak, student.email, "another one, chosen since") == "signed in"
    assert (await providers.keycloak().find(student.id)).role == "trainer"


async def test_who_is_erased_during_the_import_does_not_hold_up_the_others(
    organisation, at_keycloak, database, monkeypatch
):
    switch = moving._switch

    async def disturbed(brought):
        monkeypatch.setattr(moving, "_switch", switch)
        async with await psycopg.AsyncConnection.connect(database) as connection:
            erased = [organisation["student"].id]
            await connection.execute("DELETE FROM accounts WHERE user_id = %s", erased)
            await connection.execute(
                "UPDATE users SET status = 'erased', account_id = NULL WHERE id = %s", erased
            )
        return await switch(brought)

    monkeypatch.setattr(moving, "_switch", disturbed)
    report, _ = await move()
    assert (report.moved, report.stuck) == (5, [])
    assert (await account_ids())[organisation["student"].id] is None


async def test_somebody_elses_address_stops_the_switch_until_it_is_settled(organisation, at_keycloak):
    student = organisation["student"]
    theirs = {
        "username": student.email,
        "email": student.email,
        "firstName": "Known",
        "lastName": "There",
        "enabled": True,
        "credentials": [{"type": "password", "value": "their own of Keycloak", "temporary": False}],
    }
    account_id = await at_keycloak.admin.a_create_user(theirs)
    before = await account_ids()
    for link_existing in (False, True):
        # Nobody has verified that the address is theirs.
        report, _ = await move(link_existing=link_existing)
        assert [stuck.user_id for stuck in report.stuck] == [student.id]
        assert report.moved == 5
        assert await account_ids() == before
    await at_keycloak.admin.a_update_user(account_id, {"emailVerified": True})
    report, _ = await move(link_existing=True)
    assert (report.moved, report.stuck) == (6, [])
    assert (await account_ids())[student.id] == account_id
    assert await reason(at_keycloak, student.email, "their own of Keycloak") == "signed in"


async def test_a_password_that_was_used_at_keycloak_is_kept(organisation, at_keycloak, monkeypatch):
    student = organisation["student"]

    async def not_yet(brought):
        raise ProviderUnavailableError

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_switch", not_yet)
        with pytest.raises(ProviderUnavailableError):
            await move()
    account = await providers.keycloak().find(student.id)
    await at_keycloak.admin.a_set_user_password(account.id, "chosen at Keycloak since", temporary=False)
    assert (await move())[0].moved == 6
    assert await reason(at_keycloak, student.email, "chosen at Keycloak since") == "signed in"


async def test_the_command_moves_everybody(organisation, at_keycloak, database, tmp_path, session):
    def run():
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "TMS_HOME", "SECRET_KEY", "TMS_PUBLIC_URL")
        }
        return subprocess.run(
            [sys.executable, "-P", "-m", "tms.cli", "keycloak", "import-users"],
            cwd=tmp_path,
            env=environment
            | {
                "DATABASE_URL": database,
                "KEYCLOAK_SERVER_URL": at_keycloak.settings.keycloak_server_url,
                "KEYCLOAK_REALM": at_keycloak.settings.keycloak_realm,
                "KEYCLOAK_CLIENT_SECRET": CLIENT_SECRET,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    blocked = await at_keycloak.admin.a_create_user(
        {"username": organisation["trainer"].email, "email": organisation["trainer"].email, "enabled": True}
    )
    refused = run()
    assert refused.returncode == 1
    assert f"NOT MOVED {organisation['trainer'].email}" in refused.stdout
    await at_keycloak.admin.a_delete_user(blocked)
    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("6 accounts moved.")
    assert run().stdout.startswith("0 accounts moved.")
    assert (await session.execute(text("SELECT count(*) FROM accounts"))).scalar_one() == 0


@pytest.mark.parametrize("phc", ["", "$argon2id$rubbish", "$2b$12$abc", "$argon2id$v=18$m=1,t=1,p=1$YQ$YQ"])
def test_what_is_no_argon2_hash_is_refused(phc):
    with pytest.raises(ValueError, match="argon2"):
        credentials.moved(phc)


def test_only_random_passwords_are_hashed_quickly():
    with pytest.raises(ValueError, match="at random"):
        credentials.hashed("short")
