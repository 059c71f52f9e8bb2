"""What `tms backup` has written while people were at work, `tms restore` brings back: all of it, exactly, and silently."""

import asyncio
import json
import stat
import zipfile
from datetime import timedelta

import psycopg
import pytest
from alembic import command
from sqlalchemy import text
from tests.content.documents import build
from tests.erasure import story
from tests.platform import object_server

from tms.cli.failures import CannotStartError
from tms.content import files
from tms.notifications import jobs as notifications_jobs
from tms.platform import db, migrations, storage
from tms.platform.settings import get_settings

# What the copy changes so that it sends nothing, and what is the copy's own.
SILENCED = {
    "emails",
    "provisionings",
    "procrastinate_jobs",
    "procrastinate_workers",
    "course_assignments",
    "temporary_passwords",
}


async def _copied(url, table, columns):
    """A table's rows as a backup has them, in no order."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SET timezone = 'UTC'")
        cursor = connection.cursor()
        async with cursor.copy(f"COPY {table} ({', '.join(columns)}) TO STDOUT") as rows:
            return sorted([bytes(row) async for row in rows])


def _manifest(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


async def test_a_backup_under_load_is_restored_exactly(
    people, planner, run_jobs, tmp_path, original, empty, letterbox
):
    learner = await story.live(people, planner, run_jobs, tmp_path)
    path = tmp_path / "one.tms"
    written = 0
    backup = asyncio.create_task(original.run("backup", path))
    while not backup.done():
        answer = await planner.admin.post(
            "/students/enroll",
            {"firstName": "Load", "lastName": str(written), "email": f"load{written}@example.org"},
        )
        assert answer["data"]["status"] == "active"
        await planner.join(learner.running, await people.student())
        written += 1
    (await backup).well()
    # Some of them came while the backup was being made, or "under load" would be empty words.
    assert written >= 5

    copy = await empty()
    restored = (await copy.run("restore", path, SMTP_URL=letterbox.url)).well()
    assert restored.out.splitlines()[-1].endswith(" 0 broken.")
    manifest = _manifest(path)
    counted = manifest["tables"]["users"]["rows"]
    assert 0 < counted < (await original.query("SELECT count(*) FROM users"))[0][0]
    with zipfile.ZipFile(path) as archive:
        for table, part in manifest["tables"].items():
            then = sorted(archive.read(f"database/{table}.copy").splitlines(keepends=True))
            assert len(then) == part["rows"]
            if table not in SILENCED:
                assert await _copied(copy.url, table, part["columns"]) == then, table
    kept = {
        str(p.relative_to(copy.home / "files")): p.read_bytes()
        for p in (copy.home / "files").rglob("*")
        if p.is_file()
    }
    assert learner.document in kept.values()
    assert kept == {key: content for key, content in story.files().items() if key in kept}
    assert set(kept) == set(manifest["files"])
    # No code is given twice: the sequence goes on where the newest code is.
    newest = (await copy.query("SELECT max(substr(student_code, 4)::int) FROM users"))[0][0]
    assert (await copy.query("SELECT nextval('student_codes')"))[0][0] > newest


SEND_EVERYTHING = """
import asyncio
from tms import startup, worker
from tms.courses import jobs as courses
from tms.notifications import jobs as notifications
from tms.platform import db
from tms.platform.settings import get_settings
from sqlalchemy import text

async def main():
    settings = get_settings()
    for _ in range(3):
        async with startup.database(settings):
            await courses.announce_missed(0)
            await notifications.requeue_lost(0)
            async with db.transaction() as session:
                await session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))
        await worker.run(settings, once=True)

asyncio.run(main())
"""


async def test_a_restored_copy_sends_no_mail(people, planner, original, empty, letterbox, tmp_path, run_jobs):
    """Mail of every kind waits in the original: its own worker sends it, the copy's does not."""
    batch = await planner.batch(startDate="2026-01-01", endDate="2999-12-31")
    await planner.give(batch, await planner.course())
    await planner.admin.post(
        "/students/enroll",
        {"firstName": "Waits", "lastName": "Welcome", "email": "waits@example.org", "batchId": batch["id"]},
    )
    student = await people.student()
    await planner.admin.post(f"/users/{student.id}/reset-password", {})
    await planner.join(batch, student)
    async with db.transaction() as session:
        # One job was at work when the backup was made, and one mail had lost its job.
        await session.execute(
            text("UPDATE procrastinate_jobs SET status = 'doing' WHERE task_name = 'notifications.send'")
        )
        await session.execute(
            text("""
                INSERT INTO emails (id, to_address, template, context, subject, status, message_id, created_at)
                VALUES (gen_random_uuid(), 'lost@example.org', 'password_changed', '{}', 'Your password was changed',
                        'queued', '<lost@example.org>', now() - interval '20 minutes')
            """)
        )
    path = tmp_path / "one.tms"
    await original.back_up(path)
    copy = await empty()
    (await copy.run("restore", path)).well()
    assert (await copy.query("SELECT status FROM emails")) == [("outbox",)]
    (await copy.python("-c", SEND_EVERYTHING, SMTP_URL=letterbox.url)).well()
    assert letterbox.envelopes == []
    assert (await copy.query("SELECT count(*) FROM procrastinate_jobs"))[0][0] == 0
    async with db.transaction() as session:
        await session.execute(text("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'"))
    await notifications_jobs.requeue_lost(0)
    await run_jobs()
    assert len(letterbox.envelopes) >= 4


async def test_a_backup_is_for_its_owner_and_replaces_nothing(original, people, tmp_path):
    await people.admin()
    path = tmp_path / "one.tms"
    (await original.run("backup", path)).well()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir() if "one" in entry.name] == ["one.tms"]
    before = path.read_bytes()
    (await original.run("backup", path)).badly("is there already")
    assert path.read_bytes() == before
    with pytest.raises(CannotStartError, match="cannot be written"):
        await original.back_up(tmp_path / "no folder" / "one.tms")
    draft = tmp_path / "two.tms.part"
    draft.touch()
    with pytest.raises(CannotStartError, match="remove it"):
        await original.back_up(tmp_path / "two.tms")
    assert draft.exists()
    assert not (tmp_path / "two.tms").exists()


async def test_there_is_no_secret_key_in_a_backup(original, people, tmp_path):
    await people.admin()
    path = tmp_path / "one.tms"
    await original.back_up(path)
    with zipfile.ZipFile(path) as archive:
        everything = b" ".join(archive.read(name) for name in archive.namelist())
    assert b"guards nothing at all" not in everything
    assert b"signing_keys" in everything


async def test_an_empty_database_is_not_backed_up(empty, tmp_path):
    place = await empty()
    with pytest.raises(CannotStartError, match="nothing to back up"):
        await place.back_up(tmp_path / "one.tms")
    assert not list(tmp_path.glob("one.tms*"))


async def test_nothing_is_restored_over_something(original, people, empty, tmp_path):
    await people.admin()
    path = tmp_path / "one.tms"
    await original.back_up(path)
    before = await original.query("SELECT count(*) FROM users")
    await original.refuses(path, "not empty")
    assert await original.query("SELECT count(*) FROM users") == before
    copy = await empty()
    stranger = copy.home / "files" / "sha256" / "stranger"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("mine")
    (await copy.run("restore", path)).badly("storage is not empty")
    assert stranger.read_text() == "mine"
    assert await copy.tables() == []


async def test_a_lost_file_stops_no_backup_and_a_restore_that_was_broken_off_is_done_again(
    people, planner, run_jobs, original, empty, tmp_path
):
    await story.live(people, planner, run_jobs, tmp_path)
    async with db.reading() as session:
        key = (
            await session.execute(text("SELECT storage_key FROM uploads WHERE status = 'completed'"))
        ).scalar_one()
    whole = tmp_path / "whole.tms"
    await original.back_up(whole)
    await storage.delete(key)
    path = tmp_path / "one.tms"
    await original.back_up(path)
    assert _manifest(path)["missing"] == [key]
    assert list(_manifest(whole)["files"]) == [key]
    # The tables were made and half a file was written when the power went.
    copy = await empty()
    await asyncio.to_thread(command.upgrade, migrations.config(copy.url), _manifest(whole)["migration"])
    half = copy.home / "files" / key
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half of")
    (await copy.run("restore", whole)).well()
    assert half.stat().st_size == _manifest(whole)["files"][key]["size"]
    await copy.refuses(whole, "not empty")


async def test_a_backup_of_an_older_version_is_brought_up_to_date(empty, tmp_path):
    old = await empty()
    await asyncio.to_thread(command.upgrade, migrations.config(old.url), "0012")
    await old.query(
        "INSERT INTO users (id, email, email_norm, first_name, last_name, role, status) "
        "VALUES (gen_random_uuid(), 'old@example.org', 'old@example.org', 'Old', 'Person', 'admin', 'disabled')"
    )
    path = tmp_path / "old.tms"
    await old.back_up(path)
    assert _manifest(path)["migration"] == "0012"
    copy = await empty()
    restored = await copy.run("restore", path)
    assert "checks" in restored.out, restored.err
    assert await copy.query("SELECT version_num FROM alembic_version") == [(migrations.head(),)]
    assert await copy.query("SELECT first_name FROM users") == [("Old",)]
    assert await copy.query("SELECT count(*) FROM erasures") == [(0,)]


@pytest.fixture
def bucket(tmp_path):
    """A real S3 server; its settings."""
    with object_server.running(tmp_path) as server:
        yield server.environment()


@pytest.fixture
def kept_in(monkeypatch):
    """The keys of the files in a bucket."""

    async def keys(settings):
        with monkeypatch.context() as patched:
            for name, value in settings.items():
                patched.setenv(name, value)
            get_settings.cache_clear()
            storage._store.cache_clear()
            found = [key async for key in storage.keys_older_than(files.PREFIX, timedelta(days=-1))]
        get_settings.cache_clear()
        storage._store.cache_clear()
        return found

    return keys


async def test_who_was_erased_since_is_erased_again(
    people, planner, run_jobs, original, empty, tmp_path, bucket, kept_in
):
    """From a folder into S3 this time."""
    learner = await story.live(people, planner, run_jobs, tmp_path)
    path = tmp_path / "before.tms"
    await original.back_up(path)
    with zipfile.ZipFile(path) as archive:
        # A restore of this alone brings the person back; the list is what matters.
        assert story.found_in(archive.read("database/users.copy").decode()) >= {"first name", "phone"}
    await planner.admin.delete(f"/students/{learner.id}")
    await run_jobs()
    erased = tmp_path / "erased.txt"
    erased.write_text((await original.run("erasures")).well().out)
    assert erased.read_text() == f"{learner.id}\n"
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("Ada Example\n")
    copy = await empty()
    await copy.refuses(path, "wrong.txt", erasures=wrong)
    assert await copy.tables() == []
    others = await planner.course("Another", sections=0, status="draft")
    another = build(tmp_path / "another.docx", ("Heading 1", "Another"), (None, "Words"))
    await story.upload(planner.admin, others, another.name, another.read_bytes())
    await run_jobs()
    whole = tmp_path / "after.tms"
    await original.back_up(whole)
    restored = (await copy.run("restore", path, "--erasures", erased, **bucket)).well()
    assert "Erased again: 1." in restored.out
    assert story.found_in(story.dump(copy.url)) == set()
    assert await kept_in(bucket) == []
    # Nothing of the person is left in what is backed up from now on, and its files arrive in S3.
    (await (await empty()).run("restore", whole, **bucket)).well()
    assert await kept_in(bucket) == [
        key for key in _manifest(whole)["files"] if key.startswith(f"{files.PREFIX}/")
    ]


@pytest.mark.parametrize("harm", ["cut short", "one byte"])
async def test_a_broken_backup_leaves_everything_as_it_was(harm, original, people, empty, tmp_path):
    await people.admin()
    path = tmp_path / "one.tms"
    await original.back_up(path)
    content = bytearray(path.read_bytes())
    if harm == "cut short":
        content = content[:-100]
    else:
        content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    copy = await empty()
    await copy.refuses(path, "use another")
    assert await copy.tables() == []
    assert list(copy.home.iterdir()) == []
