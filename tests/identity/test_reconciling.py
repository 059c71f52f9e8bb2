"""Users and accounts compared: every kind of difference is planted, found, and repaired or told; foreign ones are let be."""

import tracemalloc

import pytest
from sqlalchemy import text
from tests.identity.other_side import BuiltIn

from tms import app
from tms.identity import providers, reconciling
from tms.identity.differences import Kind
from tms.identity.errors import ProviderUnavailableError
from tms.operations import doctor
from tms.platform import db
from tms.platform.ids import new_id


@pytest.fixture
def other_side():
    return BuiltIn()


@pytest.fixture
async def student(people):
    await people.admin()
    return await people.student(first_name="Ada", last_name="Example", email="ada@example.org")


async def looked():
    return [(found.kind, found.user_id, found.account_id) async for found in reconciling.compare()]


async def repaired(**options):
    return [(found.kind, found.repaired) async for found in reconciling.reconcile(**options)]


async def test_a_healthy_house_has_no_differences(student):
    assert await looked() == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"mark": None}, Kind.MARK),
        ({"mark": new_id()}, Kind.MARK),
        ({"enabled": False}, Kind.ENABLED),
        ({"role": "admin"}, Kind.ROLE),
        ({"email": "eve@example.org"}, Kind.ADDRESS),
        ({"first_name": "Eve"}, Kind.NAME),
    ],
)
async def test_what_was_changed_there_is_put_right(student, other_side, session, change, kind):
    before = await providers.current().get(student.account_id)
    await other_side.change(student.account_id, **change)
    assert await looked() == [(kind, student.id, student.account_id)]
    assert await repaired() == [(kind, True)]
    assert await providers.current().get(student.account_id) == before
    noted = await session.execute(
        text("SELECT object_id, changes FROM audit_log WHERE action = 'user.reconciled'")
    )
    assert noted.all() == [(student.id, {"difference": [kind.value, None]})]


async def test_all_that_differs_of_one_account_is_told_once(student, other_side, session):
    await other_side.change(student.account_id, enabled=False, role="trainer", first_name="Eve")
    assert await repaired() == [(Kind.ENABLED, True), (Kind.ROLE, True), (Kind.NAME, True)]
    assert (
        await session.execute(text("SELECT count(*) FROM audit_log WHERE action = 'user.reconciled'"))
    ).scalar() == 1
    assert await looked() == []


async def test_who_was_disabled_here_is_shut_out_there(student, other_side, session):
    async with db.transaction() as writing:
        await writing.execute(text("UPDATE users SET status = 'disabled' WHERE id = :id"), {"id": student.id})
    assert await repaired() == [(Kind.ENABLED, True)]
    assert not (await providers.current().get(student.account_id)).enabled


async def test_foreign_accounts_are_left_alone(student, other_side):
    foreign = [await other_side.add(role=role, enabled=role == "admin") for role in ("student", "admin")]
    before = [await providers.current().get(account) for account in foreign]
    assert await repaired(remake=True) == []
    assert [await providers.current().get(account) for account in foreign] == before


async def test_an_account_of_nobody_is_told_and_kept(student, other_side):
    nobody = new_id()
    orphan = await other_side.add(mark=nobody)
    assert await looked() == [(Kind.ACCOUNT_WITHOUT_USER, nobody, orphan)]
    assert await repaired(remake=True) == [(Kind.ACCOUNT_WITHOUT_USER, False)]
    assert await providers.current().get(orphan) is not None


async def test_the_account_of_somebody_erased_is_removed(student, other_side, people):
    admin = await people.admin()
    await admin.delete(f"/students/{student.id}")
    async with db.transaction() as session:
        await session.execute(text("DELETE FROM procrastinate_jobs"))
    back = await other_side.add(mark=student.id)
    assert await repaired() == [(Kind.ACCOUNT_OF_ERASED, True)]
    assert await providers.current().get(back) is None


async def test_an_account_that_is_gone_is_told_and_made_anew_when_asked(
    student, other_side, session, run_jobs
):
    await other_side.delete(student.account_id)
    assert await repaired() == [(Kind.ACCOUNT_MISSING, False)]
    assert await repaired(remake=True) == [(Kind.ACCOUNT_MISSING, True)]
    await run_jobs()
    account = await providers.current().find(student.id)
    assert account.password_is_temporary
    user = (
        await session.execute(text("SELECT account_id, status FROM users WHERE id = :id"), {"id": student.id})
    ).one()
    assert user == (account.id, "active")
    mails = await session.execute(text("SELECT template FROM emails WHERE user_id = :id"), {"id": student.id})
    assert mails.scalars().all() == ["password_reset_by_admin"]
    assert await looked() == []
    assert await doctor.examine(app.CHECKS) == []


async def test_an_account_that_was_restored_under_another_id_is_linked(student, other_side):
    await other_side.delete(student.account_id)
    moved = await other_side.add(student.email, mark=student.id)
    assert [kind for kind, _, _ in await looked()] == [Kind.ACCOUNT_REPLACED]
    assert await repaired() == [(Kind.ACCOUNT_REPLACED, True)]
    account = await providers.current().get(moved)
    assert (account.user_id, account.first_name, account.enabled) == (student.id, "Ada", True)
    assert await looked() == []


async def test_whom_a_job_will_tell_of_is_no_difference(student, people, other_side):
    admin = await people.admin()
    await admin.patch(f"/users/{student.id}", {"firstName": "Grace"})
    await other_side.change(student.account_id, first_name="Ada")
    assert await looked() == []


async def test_an_address_that_a_foreign_account_has_is_left_and_told(student, other_side):
    await other_side.change(student.account_id, email="eve@example.org")
    await other_side.add(student.email)
    assert await repaired() == [(Kind.ADDRESS, False)]


async def test_the_doctor_tells_what_differs_and_that_nobody_answered(student, other_side, monkeypatch):
    await other_side.change(student.account_id, first_name="Eve")
    [finding] = await doctor.examine(app.CHECKS)
    assert finding.check.name == "identity.both_sides_agree"
    assert finding.ids == (f"name_differs: user {student.id}, account {student.account_id}",)

    async def silent(*_):
        raise ProviderUnavailableError
        yield

    monkeypatch.setattr(providers.current(), "list", silent, raising=False)
    [finding] = await doctor.examine(app.CHECKS)
    assert finding.trouble.startswith(ProviderUnavailableError.title)
    assert "0 accounts were compared" in finding.trouble


MANY = """
    INSERT INTO users (id, account_id, email, email_norm, first_name, last_name, role, status, student_code)
    SELECT id, id::text, 'm' || n || '@example.org', 'm' || n || '@example.org', 'Many', 'People', 'student', 'active',
           'STU' || lpad(n::text, 9, '0')
    FROM (SELECT n, uuidv7() AS id FROM generate_series(1, 20000) n) many;
    INSERT INTO accounts (id, user_id, email, email_norm, first_name, last_name, role)
    SELECT id, id, email, email_norm, first_name, last_name, role FROM users WHERE last_name = 'People';
    DELETE FROM accounts WHERE email IN ('m7@example.org', 'm19999@example.org');
    UPDATE accounts SET role = 'admin' WHERE email = 'm12345@example.org'
"""


async def test_twenty_thousand_accounts_fit_into_little_memory(student):
    async with db.transaction() as session:
        for statement in MANY.split(";"):
            await session.execute(text(statement))
    tracemalloc.start()
    try:
        found = [kind for kind, _, _ in await looked()]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sorted(found) == [Kind.ACCOUNT_MISSING, Kind.ACCOUNT_MISSING, Kind.ROLE]
    # 2.6 MB were measured; all accounts held at once would take several times as much.
    assert most < 5 * 1024 * 1024, most
