"""The same bytes are kept once: shared by whoever names them, gone when nobody does, whoever comes at the same moment."""

import asyncio
import hashlib
import random

import psycopg
import pytest
from alembic import command
from psycopg import sql
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from tests.content.documents import PNG, pack, parts, picture, relations
from tests.progress.learning import make_course
from tms.content import files, leftovers, personal
from tms.content.doctor import CHECKS
from tms.content.errors import FileRemovedError
from tms.content.models import Media, StoredFile, Upload
from tms.operations import doctor
from tms.platform import db, migrations, storage
from tms.platform.ids import new_id
from tms.platform.settings import get_settings

CONTENT = b"the same bytes"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
async def sound(database):
    """`await sound()`: every promise about files holds, read file by file."""

    async def examine():
        assert await doctor.examine(CHECKS, files=True) == []

    for path in (get_settings().tms_home / "files").rglob("*"):
        if path.is_file():
            path.unlink()
    return examine


def on_disk(key):
    return (get_settings().tms_home / "files" / key).exists()


async def keep(path):
    return await files.keep(path, sha256=SHA256, size=len(CONTENT))


def media_row(key):
    return {
        "id": new_id(),
        "media_type": "image/png",
        "size": len(CONTENT),
        "sha256": SHA256,
        "width": 1,
        "height": 1,
        "storage_key": key,
    }


async def add_media(session, key):
    await files.name(session, [key])
    row = media_row(key)
    await session.execute(insert(Media).values(row))
    return row["id"]


async def use(path):
    """Keep a file and write a row that names it, as an upload does; gives key and id."""
    key = await keep(path)
    async with db.transaction() as session:
        return key, await add_media(session, key)


async def drop(media_id, key):
    """Remove a row and, at once, its file unless another row names it: what erasing somebody does."""
    async with db.transaction() as session:
        await files.lock(session, [key])
        await session.execute(text("DELETE FROM media WHERE id = :id"), {"id": media_id})
        await files.condemn(session, [key])
    await files.remove_condemned()


async def keys_of(table):
    async with db.reading() as session:
        return list((await session.execute(select(table.storage_key))).scalars())


async def test_one_document_in_two_courses_is_one_file_and_outlives_who_is_erased(
    people, admin, course, upload, sound
):
    one, another = await people.trainer(), await people.trainer()
    second = (await make_course(by=admin, status="draft")).id
    for person, where in ((one, course), (another, second)):
        await admin.put(f"/courses/{where}/trainers/{person.id}")
        await upload(person, where, "databases.docx")
    (key,) = set(await keys_of(Upload))
    assert len(set(await keys_of(Media))) == 4
    assert len(await keys_of(Media)) == 8
    assert await personal.remove_files(one.id)
    assert await keys_of(Upload) == [key]
    assert on_disk(key)
    await sound()
    assert await personal.remove_files(another.id)
    assert await personal.remove_files(another.id)
    assert not on_disk(key)
    # The lessons are the courses', and so are their pictures.
    assert all(on_disk(picture_key) for picture_key in await keys_of(Media))
    await sound()


async def test_a_picture_of_two_documents_is_kept_once(
    client, admin, course, upload, sections, sound, tmp_path
):
    for words in ("one", "two"):
        members = {
            "word/_rels/document.xml.rels": relations(rId5=("image", "media/a.png")),
            "word/media/a.png": PNG,
        }
        path = pack(
            tmp_path / f"{words}.docx",
            parts(picture("rId5") + f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>", **members),
        )
        await upload(admin, course, path.read_bytes(), name=f"{words}.docx")
    one, two = await keys_of(Media)
    assert one == two
    assert len(set(await keys_of(Upload))) == 2
    await sound()


async def test_a_file_that_was_lost_comes_back_with_the_next_upload_of_it(admin, course, upload, sound):
    await upload(admin, course, "databases.docx")
    (key,) = await keys_of(Upload)
    path = get_settings().tms_home / "files" / key
    whole = path.read_bytes()
    for damage in (path.unlink, lambda: path.write_bytes(whole[:1000])):
        damage()
        await upload(admin, course, "databases.docx")
        assert path.read_bytes() == whole
    await sound()


async def test_what_a_failed_upload_left_goes_and_its_row_stays(admin, course, upload, sound, clock):
    await upload(admin, course, b"PK\x03\x04 broken", name="a.docx", status=422)
    (key,) = await keys_of(Upload)
    # First it is seen that nobody needs it, a day later it goes.
    await clock(days=2)
    assert await leftovers.sweep_storage() == 0
    await clock(days=4)
    assert await leftovers.sweep_storage() == 1
    assert not on_disk(key)
    assert await keys_of(Upload) == [None]
    await sound()


async def test_a_file_whose_row_never_came_goes_after_a_day_unless_it_is_sent_again(file, sound, clock):
    key = await keep(file)
    await clock(hours=20)
    assert await leftovers.sweep_storage() == 0
    assert await keep(file) == key
    await clock(hours=40)
    assert await leftovers.sweep_storage() == 0
    await clock(hours=48)
    assert await leftovers.sweep_storage() == 1
    assert not on_disk(key)
    # A row that was committed before anything was stored.
    await files.claim({SHA256: len(CONTENT)})
    await clock(hours=96)
    assert await leftovers.sweep_storage() == 1
    await sound()


async def test_who_comes_between_condemning_and_removing_is_given_another_key(file, sound):
    first = await keep(file)
    async with db.transaction() as session:
        await files.condemn(session, [first])
    with pytest.raises(FileRemovedError):
        async with db.transaction() as session:
            await add_media(session, first)
    second, media_id = await use(file)
    assert second != first
    assert await files.remove_condemned() == 1
    assert (on_disk(first), on_disk(second)) == (False, True)
    await sound()
    await drop(media_id, second)
    assert not on_disk(second)
    await sound()


async def waiting(count):
    """Wait until this many connections stand in line behind a lock."""
    async with db.reading() as session:
        for _ in range(200):
            statement = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if (await session.execute(statement)).scalar_one() >= count:
                return
            await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


async def test_condemning_waits_for_who_names_and_sees_the_row(file, sound):
    key, first = await use(file)
    async with db.transaction() as naming:
        await add_media(naming, key)
        erasing = asyncio.create_task(drop(first, key))
        await waiting(1)
    await erasing
    assert on_disk(key)
    await sound()


async def test_naming_waits_for_who_condemns_and_is_refused(file, sound):
    key = await keep(file)

    async def name():
        async with db.transaction() as session:
            await add_media(session, key)

    async with db.transaction() as condemning:
        await files.condemn(condemning, [key])
        naming = asyncio.create_task(name())
        await waiting(1)
    with pytest.raises(FileRemovedError):
        await naming
    await files.remove_condemned()
    await sound()


@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.long)])
async def test_many_come_and_go_at_once(file, sound, rounds):
    """Whoever was told that it is stored finds it, at every moment and in the end."""
    chance = random.Random(rounds)
    refused = 0

    async def live(pause):
        nonlocal refused
        try:
            key, media_id = await use(file)
        except FileRemovedError:
            refused += 1
            return
        await asyncio.sleep(pause)
        assert await storage.size(key) == len(CONTENT)
        await drop(media_id, key)

    for _ in range(rounds):
        await asyncio.gather(*(live(chance.random() / 50) for _ in range(8)))
        _, left = await use(file)
        await sound()
        async with db.reading() as session:
            (row,) = (await session.execute(select(StoredFile.key))).scalars().all()
        await drop(left, row)
        assert await storage.size(row) is None
    assert refused < rounds * 8


OLDER = """
    INSERT INTO users (id, email, email_norm, first_name, last_name, role)
    VALUES ({user}, 'a@example.org', 'a@example.org', 'A', 'B', 'admin');
    INSERT INTO courses (id, course_code, title, category, template_type, difficulty, created_by)
    VALUES ({course}, 'C001', 'A', 'IT', 'text-image', 'beginner', {user});
    INSERT INTO uploads (id, course_id, file_name, size, sha256, storage_key, status, error_code, job_id,
                         created_by, created_at, finished_at)
    SELECT gen_random_uuid(), {course}, 'a.docx', 3, sha256, key, status, code, gen_random_uuid(), {user}, at, at
    FROM (VALUES ('aa', 'originals/1', 'replaced', NULL, now() - interval '1 day'),
                 ('aa', 'originals/2', 'completed', NULL, now()),
                 ('bb', 'originals/3', 'failed', 'corrupt_document', now()),
                 ('cc', 'originals/4', 'completed', NULL, now())) AS given (sha256, key, status, code, at);
    INSERT INTO media (id, media_type, size, sha256, width, height, storage_key)
    SELECT gen_random_uuid(), 'image/png', 3, sha256, 1, 1, key
    FROM (VALUES ('dd', 'media/1/1'), ('dd', 'media/2/1'), ('cc', 'media/2/2')) AS given (sha256, key)
"""


async def test_files_of_earlier_versions_are_shared_from_now_on(cluster, worker_id):
    name, url = f"older_{worker_id}", cluster.url
    there = f"{url.rpartition('/')[0]}/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            await asyncio.to_thread(command.upgrade, migrations.config(there), "0014")
            with psycopg.connect(there) as older:
                older.execute(sql.SQL(OLDER).format(user=sql.Literal(new_id()), course=sql.Literal(new_id())))
            await asyncio.to_thread(command.upgrade, migrations.config(there), "0017")
            with psycopg.connect(there) as newer:
                kept = newer.execute("SELECT key FROM stored_files ORDER BY key").fetchall()
                uploads = newer.execute("SELECT sha256, storage_key FROM uploads ORDER BY sha256").fetchall()
                media = newer.execute("SELECT sha256, storage_key FROM media ORDER BY sha256").fetchall()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    assert [key for (key,) in kept] == ["media/1/1", "media/2/2", "originals/1"]
    assert uploads == [("aa", "originals/1")] * 2 + [("bb", None), ("cc", "media/2/2")]
    assert media == [("cc", "media/2/2"), ("dd", "media/1/1"), ("dd", "media/1/1")]


async def claim_in_parallel():
    """Eight parts claim the same many files at once, each in an order of its own; the keys that each was given, or its error."""
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(400)]
    random.shuffle(hashes)
    turns = [dict.fromkeys(random.sample(hashes, len(hashes)), 1) for _ in range(8)]
    return await asyncio.gather(*(files.claim(turn) for turn in turns), return_exceptions=True)


async def test_who_claims_the_same_files_at_once_is_given_the_same_keys(database):
    for _ in range(5):
        first, *others = await claim_in_parallel()
        assert len(first) == 400, first
        assert all(other == first for other in others)


async def test_claims_in_any_order_would_lock_each_other_out(database, monkeypatch):
    """What the order of claims is for: without it the test above fails."""
    monkeypatch.setattr(files, "sorted", list, raising=False)
    for _ in range(20):
        errors = [one for one in await claim_in_parallel() if isinstance(one, OperationalError)]
        if errors:
            break
    assert errors
    assert all("deadlock" in str(error) for error in errors)
