"""Every promise is broken once in a healthy house: the doctor finds it, names what breaks it, and finds nothing else."""

# ruff: noqa: S608 - the damage is assembled from constants of this file

import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from tests.doctor import house as houses
from tests.doctor.house import A_PASSWORD

from tms import app
from tms.operations import doctor
from tms.platform import db, storage
from tms.platform.settings import get_settings


@dataclass(frozen=True)
class Planted:
    """`damage` breaks the promise of `check`; `id` is what the doctor must name, a field of the house or a text."""

    check: str
    damage: str
    id: str = "new"
    also: frozenset[str] = field(default=frozenset())
    """Promises that cannot but break together with it."""
    upload: bool = False
    """There is a document first."""


JOB = "INSERT INTO procrastinate_jobs (queue_name, task_name, status, args) VALUES ('default', 'a.job', {})"
AGED = "UPDATE procrastinate_events SET at = at - interval '1 hour'"
SHUT = (
    "UPDATE users SET status = 'disabled' WHERE id = :student;"
    "UPDATE accounts SET enabled = false WHERE user_id = :student;"
)
NOTED = (
    SHUT + "INSERT INTO audit_log (at, action, object_type, object_id)"
    "VALUES (now() - interval '1 hour', 'user.disabled', 'user', :student);"
)
PAGE = (
    "INSERT INTO page_sessions (id_hash, user_id, tokens, check_due, last_seen_at)"
    "VALUES ('\\x00', :student, '\\x00', now(), {});"
)
EMAIL = (
    "INSERT INTO emails (id, user_id, to_address, template, subject, status, message_id, created_at, sent_at)"
    "VALUES (:new, :student, 'x@example.org', 'courses_assigned', 'S', {}, '<x@example.org>', {}, {});"
)

# The doctor of the built-in provider looks at its own tables; what it finds, the comparison of both sides finds too.
BOTH_SIDES = frozenset({"identity.both_sides_agree"})

PLANTED = [
    Planted("operations.audit_log_guarded", "ALTER TABLE audit_log DISABLE TRIGGER USER", "audit_log"),
    Planted("operations.jobs_have_workers", JOB.format("'doing', '{}'") + ";" + AGED, "a job"),
    Planted(
        "operations.work_moves",
        "INSERT INTO jobs (id, kind, created_by, updated_at)"
        "VALUES (:new, 'content.process', :admin, now() - interval '2 hours')",
    ),
    Planted(
        "operations.no_secrets_in_jobs",
        JOB.format("'todo', jsonb_build_object('to', 'x@example.org')"),
        "a job",
    ),
    Planted("operations.no_secrets_in_jobs", JOB.format("'todo', '{\"password\": 1}'"), "a job"),
    Planted(
        "operations.no_passwords_kept",
        "INSERT INTO idempotency_keys (caller_id, key, fingerprint, body)"
        f"VALUES (:admin, 'k', '\\x00', convert_to('{{\"p\": \"{A_PASSWORD}\"}}', 'UTF8'))",
        "idempotency_keys {admin}",
    ),
    Planted(
        "operations.no_passwords_kept",
        "INSERT INTO jobs (id, kind, state, created_by, message)"
        f"VALUES (:new, 'k', 'failed', :admin, 'wrong: {A_PASSWORD}')",
        "jobs {new}",
    ),
    Planted(
        "operations.idempotency_keys_forgotten",
        "INSERT INTO idempotency_keys (caller_id, key, fingerprint, created_at)"
        "VALUES (:admin, 'k', '\\x00', '2020-01-01 00:00Z')",
        "{admin} 2020-01-01 00:00:00+00",
    ),
    *(
        Planted("identity.codes", f"UPDATE users SET student_code = '{code}' WHERE id = :student", "student")
        for code in ("STU1", "STU0001", "STU000", "STU999999", "STU12345678901234567", "C001")
    ),
    Planted(
        "identity.an_administrator",
        "UPDATE users SET status = 'disabled' WHERE role = 'admin';"
        "UPDATE accounts SET enabled = false WHERE role = 'admin'",
        "no administrator is active",
    ),
    Planted("identity.provisioning_is_open", "UPDATE provisionings SET done_at = NULL", "enrolled"),
    Planted(
        "identity.provisioning_is_open",
        "UPDATE users SET status = 'provisioning' WHERE id = :enrolled",
        "enrolled",
    ),
    Planted(
        "identity.provisioning_goes_on",
        "UPDATE users SET status = 'provisioning', updated_at = '2020-01-01' WHERE id = :enrolled;"
        "UPDATE provisionings SET done_at = NULL, created_at = '2020-01-01'",
        "enrolled",
    ),
    Planted("identity.leases", "UPDATE provisionings SET leased_until = now()", "enrolled"),
    Planted("identity.temporary_passwords", "UPDATE temporary_passwords SET applied_epoch = 9", "enrolled"),
    Planted("identity.temporary_passwords_given", "UPDATE temporary_passwords SET epoch = 9", "enrolled"),
    Planted(
        "identity.temporary_passwords_end",
        "UPDATE temporary_passwords SET expires_at = now() - interval '2 hours'",
        "enrolled",
    ),
    *(
        Planted("identity.active_have_accounts", damage, "student", also=BOTH_SIDES)
        for damage in (
            "UPDATE accounts SET role = 'admin' WHERE user_id = :student",
            "UPDATE accounts SET enabled = false WHERE user_id = :student",
            "UPDATE accounts SET email_norm = 'other@example.org' WHERE user_id = :student",
            "DELETE FROM accounts WHERE user_id = :student",
        )
    ),
    Planted(
        "identity.disabled_are_shut",
        "UPDATE users SET status = 'disabled' WHERE id = :student",
        "student",
        also=BOTH_SIDES,
    ),
    Planted(
        "identity.accounts_have_users",
        "INSERT INTO accounts (id, user_id, email, email_norm, first_name, last_name, role)"
        "VALUES (:new, :new, 'x@example.org', 'x@example.org', 'X', 'Y', 'student')",
        also=BOTH_SIDES,
    ),
    Planted(
        "identity.both_sides_agree",
        "UPDATE accounts SET first_name = 'Other' WHERE user_id = :student",
        "a difference",
    ),
    Planted(
        "identity.disabled_are_signed_out",
        SHUT + "INSERT INTO sign_in_sessions (id, account_id, idle_until, expires_at)"
        "SELECT :new, id, now() + interval '1 hour', now() + interval '1 hour' FROM accounts"
        " WHERE user_id = :student",
    ),
    Planted(
        "identity.passwords_are_hashed",
        "UPDATE accounts SET password_hash = 'a password' WHERE user_id = :student",
        "accounts ",
    ),
    Planted(
        "identity.passwords_are_hashed",
        "INSERT INTO signing_keys (kid, public, private, secret_id, retired_at)"
        "VALUES ('planted', '{}', '{\"kty\" : \"EC\"}', 'x', now())",
        "signing_keys planted",
    ),
    Planted(
        "notifications.queued_have_jobs",
        EMAIL.format("'queued'", "now() - interval '2 hours'", "NULL"),
    ),
    Planted(
        "notifications.leases",
        EMAIL.format("'sent'", "now()", "now()") + "UPDATE emails SET leased_until = now() WHERE id = :new",
    ),
    Planted(
        "notifications.welcomes",
        "UPDATE provisionings SET done_at = '2020-01-01';"
        "UPDATE emails SET template = 'courses_assigned' WHERE template = 'welcome'",
        "enrolled",
    ),
    Planted("notifications.none_to_disabled", NOTED + EMAIL.format("'sent'", "now()", "now()")),
    Planted(
        "notifications.no_passwords_kept",
        EMAIL.format("'sent'", "now()", "now()")
        + f"UPDATE emails SET context = jsonb_build_object('password', '{A_PASSWORD}') WHERE id = :new",
    ),
    Planted("courses.codes", "UPDATE courses SET course_code = 'C999999' WHERE id = :course", "course"),
    Planted(
        "courses.published_have_sections",
        "UPDATE course_sections SET archived_at = now(), order_index = NULL WHERE course_id <> :course",
        "second",
        also=frozenset({"courses.section_count"}),
    ),
    Planted(
        "courses.section_count",
        "UPDATE courses SET section_count = section_count + 1 WHERE id = :course",
        "course",
    ),
    Planted(
        "courses.section_places",
        "UPDATE course_sections SET order_index = order_index + 1 WHERE course_id = :course",
        "course",
    ),
    Planted("courses.archived_since", "UPDATE courses SET archived_at = now() WHERE id = :course", "course"),
    Planted("courses.trainers_are_staff", "INSERT INTO course_trainers VALUES (:course, :student)", "course"),
    Planted(
        "courses.assignment_sources",
        "DELETE FROM assignment_sources WHERE assignment_id = :by_hand",
        "by_hand",
    ),
    Planted(
        "courses.assignment_sources",
        "UPDATE course_assignments SET closed_at = now() WHERE id = :assignment",
        "assignment",
    ),
    Planted(
        "courses.assignment_due_dates",
        "UPDATE course_assignments SET due_at = now() WHERE id = :by_hand",
        "by_hand",
    ),
    Planted(
        "courses.assignment_extensions",
        "UPDATE course_assignments SET extended_by = :admin WHERE id = :by_hand",
        "by_hand",
    ),
    Planted(
        "content.pictures_exist",
        "UPDATE course_sections SET content = '<img src=\"media' || chr(58) || :new || '\">', id = :new"
        " WHERE course_id <> :course",
    ),
    Planted(
        "content.uploads_end",
        "UPDATE uploads SET status = 'queued', finished_at = NULL, created_at = now() - interval '2 hours';"
        "UPDATE jobs SET state = 'queued'",
        upload=True,
    ),
    Planted("content.uploads_made_sections", "DELETE FROM upload_sections", upload=True),
    Planted(
        "content.outlines_wait",
        "UPDATE uploads SET status = 'needs_review', finished_at = NULL, expires_at = now();DELETE FROM upload_sections",
        upload=True,
    ),
    Planted(
        "content.editions_follow",
        "UPDATE uploads SET replaces_id = id",
        upload=True,
    ),
    Planted("content.files_agree", "UPDATE stored_files SET condemned_at = now()", upload=True),
    Planted("content.work_agrees", "UPDATE jobs SET state = 'failed'", upload=True),
    Planted(
        "progress.counters",
        "UPDATE course_progress SET completed_sections = 0 WHERE assignment_id = :assignment",
        "assignment",
    ),
    Planted(
        "progress.completed",
        "UPDATE course_progress SET completed_sections = 2 WHERE assignment_id = :assignment;"
        "INSERT INTO section_progress (assignment_id, section_id, first_seen_at, last_seen_at, completed_at)"
        "SELECT :assignment, id, now(), now(), now() FROM course_sections"
        " WHERE course_id = :course AND order_index = 2",
        "assignment",
    ),
    Planted(
        "progress.completed_by_something",
        "UPDATE course_progress SET completed_sections = 0, completed_at = now()"
        " WHERE assignment_id = :assignment;"
        "UPDATE section_progress SET completed_at = NULL WHERE assignment_id = :assignment",
        "assignment",
    ),
    Planted("progress.time", "UPDATE course_progress SET time_spent_seconds = 61", "assignment"),
    Planted("progress.sections", "DELETE FROM course_progress", "assignment"),
    Planted("batches.codes", "UPDATE batches SET batch_code = 'B01'", "batch"),
    Planted("batches.seats", "UPDATE batches SET seats_taken = 1", "batch"),
    Planted(
        "batches.courses_of_members",
        "UPDATE assignment_sources SET due_at = NULL WHERE assignment_id = :assignment;"
        "UPDATE course_assignments SET due_at = NULL WHERE id = :assignment",
        "{batch} {student} {course}",
    ),
    Planted(
        "batches.sources_without_reason",
        "DELETE FROM batch_courses; DELETE FROM course_assignments WHERE student_id = :enrolled",
        "a source",
    ),
    Planted(
        "students.erased_are_nobody",
        "INSERT INTO erasures (user_id, done_at) VALUES (:student, now())",
        "student",
    ),
    Planted(
        "students.erasures_end",
        "INSERT INTO erasures (user_id, requested_at) VALUES (:student, now() - interval '2 days')",
        "student",
    ),
    Planted("web.disabled_are_turned_away", NOTED + PAGE.format("now()"), "student"),
    Planted("web.sessions_are_forgotten", PAGE.format("now() - interval '20 days'"), "student"),
]
BY_HAND = {
    "content.files_exist",
    "content.files_have_rows",
    "content.files_unchanged",
    "content.reading_confined",
    "content.scanner_answers",
}
"""What SQL cannot plant; each has a test of its own, below or beside what it is about."""

ID_OF_WHAT_IS_PLANTED = {
    "a difference": "SELECT 'name_differs: user ' || id || ', account ' || account_id FROM users WHERE id = :student",
    "a job": "SELECT id::text FROM procrastinate_jobs WHERE task_name = 'a.job'",
    "a source": "SELECT id::text FROM assignment_sources WHERE batch_id IS NOT NULL",
    "second": "SELECT id::text FROM courses WHERE id <> :course",
    "accounts ": "SELECT 'accounts ' || id FROM accounts WHERE user_id = :student",
}


def test_every_check_has_a_planted_violation_and_a_name_of_its_own():
    names = [check.name for check in app.CHECKS]
    assert len(set(names)) == len(names)
    assert {planted.check for planted in PLANTED} | BY_HAND == set(names)


def test_every_check_is_told_in_one_style():
    rooms = {
        "operations",
        "identity",
        "notifications",
        "courses",
        "content",
        "progress",
        "batches",
        "students",
        "web",
    }
    for check in app.CHECKS:
        room, _, what = check.name.partition(".")
        assert room in rooms
        assert what.replace("_", "").isalpha()
        assert check.promise[0].isupper()
        assert check.promise.endswith(".")
        assert ". " not in check.promise
        assert check.remedy.endswith(".")


@pytest.fixture(scope="module")
def kept():
    """The house as it was first built, to be brought back for each test."""
    return {}


@pytest.fixture
async def house(kept, people, run_jobs, session, database):
    """Healthy at first; what a plant changed besides rows is put right again."""
    if kept:
        await houses.bring_back(database, kept["rows"])
    else:
        kept["house"] = await houses.build(people, run_jobs, session)
        kept["rows"] = await houses.remember(database)
    yield kept["house"]
    async with db.transaction() as writing:
        await writing.execute(text("ALTER TABLE audit_log ENABLE TRIGGER USER"))
        await writing.execute(text("DELETE FROM signing_keys WHERE kid = 'planted'"))


async def found(**options):
    return {finding.check.name: finding for finding in await doctor.examine(app.CHECKS, **options)}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.check)
async def test_a_broken_promise_is_found_and_nothing_else(house, session, tmp_path, planted):
    if planted.upload:
        await houses.add_upload(house, tmp_path)
    assert await found(files=True) == {}
    values = asdict(house)
    async with db.transaction() as writing:
        for statement in filter(None, planted.damage.split(";")):
            await writing.execute(text(statement), values)
    broken = await found(files=True)
    assert broken.keys() - planted.also == {planted.check}
    asked = ID_OF_WHAT_IS_PLANTED.get(planted.id)
    if asked:
        expected = (await session.execute(text(asked), values)).scalar_one()
    else:
        expected = str(values.get(planted.id, planted.id.format(**values)))
    assert broken[planted.check].ids == (expected,)
    assert broken[planted.check].total == 1


async def test_a_file_that_is_gone_is_found(house, tmp_path):
    key = await houses.add_upload(house, tmp_path)
    assert await found(files=True) == {}
    await storage.delete(key)
    broken = await found(files=True)
    assert {name: finding.ids for name, finding in broken.items()} == {
        "content.files_exist": (str(house.new),)
    }


async def test_a_file_that_was_changed_is_found_by_who_reads_the_files(house, tmp_path):
    key = await houses.add_upload(house, tmp_path)
    await houses.store(key, tmp_path, houses.CONTENT[::-1])
    assert await found() == {}
    broken = await found(files=True)
    assert {name: finding.ids for name, finding in broken.items()} == {
        "content.files_unchanged": (str(house.new),)
    }


async def test_a_file_that_nothing_names_is_found_after_days(house, tmp_path):
    key = f"media/{house.new}/1.png"
    await houses.store(key, tmp_path)
    assert await found(files=True) == {}
    old = (datetime.now(UTC) - timedelta(days=4)).timestamp()
    os.utime(get_settings().tms_home / "files" / key, (old, old))
    broken = await found(files=True)
    await storage.delete(key)
    assert {name: finding.ids for name, finding in broken.items()} == {"content.files_have_rows": (key,)}


async def test_a_file_whose_row_nothing_names_is_found_after_days(house, clock):
    new = "INSERT INTO stored_files (key, sha256, size, unnamed_since) VALUES ('sha256/x', 'x', 1, tms_now())"
    async with db.transaction() as writing:
        await writing.execute(text(new))
    assert await found() == {}
    await clock(days=4)
    assert (await found())["content.files_have_rows"].ids == ("sha256/x",)


async def test_somebody_who_was_a_trainer_may_stay_named_on_a_course(house, people):
    admin = await people.admin()
    await admin.patch(f"/users/{house.trainer}", {"role": "student"})
    assert await found() == {}
