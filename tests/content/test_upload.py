"""A document uploaded through the API becomes sections of its course: all of them, once, or none."""

import asyncio
import re

import pytest
from sqlalchemy import func, select, text

from tests.content.documents import DATA, build
from tests.content.test_document_truths import BASICS, DATABASES
from tests.progress.learning import NOBODY, make_course
from tms.content import jobs, leases, processing, receiving, sandbox, service
from tms.content.models import Media, Upload
from tms.courses.models import CourseTrainer, Section
from tms.operations.models import AuditEntry
from tms.platform import db, storage
from tms.platform.storage import StorageUnavailableError

PICTURE = re.compile(r'src="([^"]+)"')


async def test_the_first_real_document(admin, course, upload, sections, healthy, temporary):
    data = await upload(admin, course, "python-basics.docx")
    assert data["fileName"] == "python-basics.docx"
    assert data["fileSize"] == (DATA / "python-basics.docx").stat().st_size
    assert data["processingStatus"] == "completed"
    assert data["extractedSections"] == 6
    found = await sections(course)
    assert [section["title"] for section in found] == BASICS
    assert [section["orderIndex"] for section in found] == [1, 2, 3, 4, 5, 6]
    assert [section["duration"] for section in found] == [11, 19, 10, 8, 10, 20]
    html = "".join(section["content"] for section in found)
    assert html.count("<pre><code>") == 285
    addresses = PICTURE.findall(html)
    assert len(addresses) == len(set(addresses)) == 15
    await healthy()


async def test_the_second_real_document(admin, course, upload, sections, healthy):
    data = await upload(admin, course, "databases.docx")
    assert data["extractedSections"] == 9
    found = await sections(course)
    assert [section["title"] for section in found] == DATABASES
    assert "".join(section["content"] for section in found).count("<table>") == 75
    job = (await admin.get(f"/jobs/{data['jobId']}"))["data"]
    assert (job["state"], job["progress"]) == ("succeeded", 1)
    assert job["result"] == {
        "uploadId": data["uploadId"],
        "courseId": str(course),
        "extractedSections": 9,
        "warnings": data["warnings"],
    }
    await healthy()


async def test_documents_are_appended_and_the_change_is_noted(
    admin, course, upload, sections, session, tmp_path
):
    for number in (1, 2):
        path = build(tmp_path / f"{number}.docx", ("Heading 1", f"Lesson {number}"), (None, "Text"))
        await upload(admin, course, path.read_bytes(), name="a.docx")
    assert [section["title"] for section in await sections(course)] == ["Lesson 1", "Lesson 2"]
    actions = (
        await session.execute(select(AuditEntry.action, AuditEntry.actor_id).order_by(AuditEntry.id))
    ).all()
    assert [tuple(row) for row in actions].count(("content.uploaded", admin.id)) == 2


async def test_whom_the_door_admits(people, admin, course, upload, sections):
    anonymous, student = await people.anonymous(), await people.student()
    named, other = await people.trainer(), await people.trainer()
    published = (await make_course("self", by=admin)).id
    async with db.transaction() as writing:
        writing.add(CourseTrainer(course_id=course, user_id=named.id))
    assert (await upload(anonymous, course, "databases.docx", status=401))["code"] == "no_token"
    assert (await upload(student, course, "databases.docx", status=403))["code"] == "forbidden"
    assert (await upload(other, course, "databases.docx", status=404))["code"] == "course_not_found"
    assert (await upload(other, published, "databases.docx", status=403))["code"] == "not_an_editor"
    assert (await upload(admin, NOBODY, "databases.docx", status=404))["code"] == "course_not_found"
    assert (await upload(admin, "nonsense", "databases.docx", status=400))["code"] == "invalid_id"
    assert await sections(course) == []
    assert (await upload(named, course, "databases.docx"))["extractedSections"] == 9


async def test_an_archived_course_does_not_change(admin, upload):
    archived = (await make_course("self", by=admin, status="archived")).id
    assert (await upload(admin, archived, "databases.docx", status=409))["code"] == "course_archived"


@pytest.mark.parametrize(
    ("content", "name", "status", "code"),
    [
        (b"", "a.docx", 422, "empty_file"),
        (b"\x00\x00\x00\x14ftypqt  ", "a.mov", 415, "unsupported_type"),
        (b"%PDF-1.7 ...", "a.pdf", 422, "corrupt_document"),
        (b"%PDF-1.7 ...", "a.docx", 422, "type_mismatch"),
        ((DATA / "databases.docx").read_bytes(), "a.pdf", 422, "type_mismatch"),
        ((DATA / "databases.docx").read_bytes()[:90_000], "a.docx", 422, "corrupt_document"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "a.docx",
            422,
            "encrypted_document",
        ),
    ],
)
async def test_what_is_wrong_with_a_document_is_told_and_changes_nothing(
    admin, course, upload, sections, session, healthy, temporary, content, name, status, code
):
    problem = await upload(admin, course, content, name=name, status=status)
    assert problem["code"] == code
    assert len(problem["detail"]) > 20
    assert await sections(course) == []
    rows = (await session.execute(select(Upload.status, Upload.error_code))).all()
    assert [tuple(row) for row in rows] == ([] if code == "empty_file" else [("failed", code)])
    await healthy()


async def test_a_failed_document_may_be_tried_again(admin, course, upload, session, monkeypatch, healthy):
    original = sandbox.extracting

    def hurried(path, **options):
        return original(path, **options, limits=sandbox.Limits(seconds=0.01))

    with monkeypatch.context() as patched:
        patched.setattr(sandbox, "extracting", hurried)
        problem = await upload(admin, course, "databases.docx", status=422)
        assert problem["code"] == "document_too_complex"
    assert (await upload(admin, course, "databases.docx"))["extractedSections"] == 9
    assert (await session.execute(select(func.count()).select_from(Upload))).scalar_one() == 2
    await healthy()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"json": {"file": "x"}},
        {"data": {"file": "not a file"}},
        {"files": {"other": ("a.docx", b"x")}},
        {"content": b"rubbish", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"rubbish", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"--x\r\nContent-Dis", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"files": [("file", ("a.docx", b"x")), ("file", ("b.docx", b"x"))]},
        {"files": [(f"field{number}", ("a.docx", b"x")) for number in range(12)]},
        {"files": {"file": ("a" * 20_000, b"x")}},
    ],
)
async def test_forms_without_one_file(admin, course, options):
    problem = await admin.post(f"/courses/{course}/upload-content", status=422, **options)
    assert problem["code"] in {"missing_file", "malformed_form"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Grüße.docx", "Grüße.docx"),
        ("../../etc/lessons.docx", "lessons.docx"),
        ("C:\\Users\\me\\lessons.docx", "lessons.docx"),
        ("les\u202excod.docx", "lesxcod.docx"),
        ("a\x00b\x1b[31m\n.docx", "ab[31m.docx"),
        ("x" * 300 + ".docx", "x" * 145 + ".docx"),
        ("ü" * 200 + ".docx", "ü" * 72 + ".docx"),
        ("e\u0301.docx", "é.docx"),
        (".docx", "document.docx"),
        ("", "document"),
        (None, "document"),
        ("/", "document"),
    ],
)
def test_names_of_files_are_for_display(given, shown):
    assert receiving.display_name(given) == shown
    assert len(receiving.display_name(given).encode()) <= 150


async def test_the_same_document_again_changes_nothing(admin, course, upload, sections, session, healthy):
    first = await upload(admin, course, "databases.docx")
    before = await sections(course)
    answer = await admin.post(
        f"/courses/{course}/upload-content",
        files={"file": ("renamed.docx", (DATA / "databases.docx").read_bytes())},
    )
    assert answer["data"] == first
    assert "already" in answer["message"]
    assert [section["id"] for section in await sections(course)] == [section["id"] for section in before]
    other = (await make_course(by=admin, status="draft")).id
    assert (await upload(admin, other, "databases.docx"))["uploadId"] != first["uploadId"]
    assert (await session.execute(select(func.count()).select_from(Upload))).scalar_one() == 2


async def test_twenty_at_once_make_one_set_of_sections(
    admin, course, upload, sections, session, healthy, temporary
):
    answers = await asyncio.gather(*(upload(admin, course, "databases.docx") for _ in range(20)))
    assert {answer["uploadId"] for answer in answers} == {answers[0]["uploadId"]}
    assert {answer["extractedSections"] for answer in answers} == {9}
    assert [section["title"] for section in await sections(course)] == DATABASES
    assert (await session.execute(select(func.count()).select_from(Upload))).scalar_one() == 1
    assert (await session.execute(select(func.count()).select_from(Media))).scalar_one() == 4
    await healthy()


async def test_a_document_whose_sections_were_all_removed_comes_anew(
    admin, course, upload, sections, healthy
):
    first = await upload(admin, course, "databases.docx")
    found = await sections(course)
    for section in found[1:]:
        await admin.delete(f"/courses/{course}/sections/{section['id']}")
    assert (await upload(admin, course, "databases.docx"))["uploadId"] == first["uploadId"]
    assert len(await sections(course)) == 1
    await admin.delete(f"/courses/{course}/sections/{found[0]['id']}")
    again = await upload(admin, course, "databases.docx")
    assert again["uploadId"] != first["uploadId"]
    assert [section["title"] for section in await sections(course)] == DATABASES
    await healthy()


async def test_when_patience_ends_the_work_goes_on(
    admin, course, upload, sections, monkeypatch, run_jobs, healthy
):
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.05)
    data = await upload(admin, course, "databases.docx", status=202)
    assert (data["processingStatus"], data["extractedSections"]) == ("processing", 0)
    assert (await upload(admin, course, "databases.docx", status=202))["uploadId"] == data["uploadId"]
    await asyncio.gather(*service._working)
    await run_jobs()
    assert (await admin.get(f"/jobs/{data['jobId']}"))["data"]["state"] == "succeeded"
    assert len(await sections(course)) == 9
    assert (await upload(admin, course, "databases.docx"))["processingStatus"] == "completed"
    await healthy()


async def test_progress_can_be_watched(admin, course, upload, monkeypatch):
    seen = []

    async def watch(job_id, *, progress, message):
        seen.append((progress, message))

    monkeypatch.setattr(processing.operations, "report", watch)
    monkeypatch.setattr(processing.operations, "LOOK_EVERY_SECONDS", 0)
    await upload(admin, course, "databases.docx")
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert all(0 < fraction < 1 for fraction in fractions)
    assert "Storing picture 4 of 4" in [message for _, message in seen]


@pytest.mark.parametrize("place", ["_fetch", "_keep_pictures", "_record_success", "_tell"])
async def test_a_crash_anywhere_leaves_the_course_as_it_was_until_the_job_ends_it(
    admin, course, upload, sections, monkeypatch, clock, run_jobs, healthy, place
):
    crashed = asyncio.Event()

    async def crash(*_, **__):
        crashed.set()
        # A task that is cancelled runs nothing more, like one whose process was killed.
        raise asyncio.CancelledError(place)

    monkeypatch.setattr(service, "PATIENCE_SECONDS", 2)
    with monkeypatch.context() as patched:
        patched.setattr(processing, place, crash)
        data = await upload(admin, course, "databases.docx", status=202)
        # On a busy machine the answer may leave before the step has come to the place.
        await asyncio.wait_for(crashed.wait(), 60)
    assert await sections(course) == []
    assert (await admin.get(f"/jobs/{data['jobId']}"))["data"]["state"] != "succeeded"
    # The lease of the crashed step still holds, so that the planned job does nothing but to look again after it.
    await jobs.process(data["uploadId"])
    assert await sections(course) == []
    await clock(seconds=30)
    await run_jobs()
    assert [section["title"] for section in await sections(course)] == DATABASES
    assert (await admin.get(f"/jobs/{data['jobId']}"))["data"]["state"] == "succeeded"
    await healthy()


async def test_what_is_nobodys_fault_is_tried_again_soon(
    admin, course, upload, sections, monkeypatch, run_jobs, healthy
):
    async def trip(*_):
        raise ConnectionResetError("the network")

    with monkeypatch.context() as patched:
        patched.setattr(processing, "_keep_pictures", trip)
        data = await upload(admin, course, "databases.docx", status=202)
    assert data["processingStatus"] == "processing"
    await run_jobs()
    assert len(await sections(course)) == 9
    await healthy()


async def test_a_step_that_was_overtaken_records_nothing(
    admin, course, upload, sections, monkeypatch, clock, healthy
):
    """The first step sleeps beyond its lease before it records; the second one has done the work meanwhile."""
    monkeypatch.setattr(leases, "BEAT_SECONDS", 3600)
    asleep, awake = asyncio.Event(), asyncio.Event()
    record = processing._record_success

    async def late(row, *rest):
        if row["attempts"] == 1:
            asleep.set()
            await awake.wait()
        await record(row, *rest)

    monkeypatch.setattr(processing, "_record_success", late)
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.05)
    data = await upload(admin, course, "databases.docx", status=202)
    await asyncio.wait_for(asleep.wait(), 20)
    await clock(minutes=6)
    await processing.step(data["uploadId"])
    assert len(await sections(course)) == 9
    awake.set()
    await asyncio.gather(*service._working)
    assert len(await sections(course)) == 9
    await healthy()


async def test_two_steps_at_once_do_the_work_once(admin, course, upload, sections, monkeypatch):
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.0)
    data = await upload(admin, course, "databases.docx", status=202)
    await asyncio.gather(*(processing.step(data["uploadId"]) for _ in range(4)), *service._working)
    assert len(await sections(course)) == 9


async def test_while_the_storage_is_down_the_upload_waits(
    admin, course, upload, sections, monkeypatch, run_jobs, healthy
):
    async def down(*_):
        raise StorageUnavailableError

    with monkeypatch.context() as patched:
        patched.setattr(storage, "fetch", down)
        data = await upload(admin, course, "databases.docx", status=202)
    assert await sections(course) == []
    await run_jobs()
    assert len(await sections(course)) == 9
    assert (await admin.get(f"/jobs/{data['jobId']}"))["data"]["state"] == "succeeded"
    await healthy()


async def test_when_the_storage_takes_nothing_nothing_is_recorded(
    admin, course, upload, session, monkeypatch
):
    async def down(*_):
        raise StorageUnavailableError

    monkeypatch.setattr(storage, "put", down)
    problem = await upload(admin, course, "databases.docx", status=503)
    assert problem["code"] == "storage_unavailable"
    assert (await session.execute(select(func.count()).select_from(Upload))).scalar_one() == 0


async def test_an_original_that_was_lost(admin, course, upload, sections, monkeypatch, healthy):
    async def lost(key, target):
        raise storage.MissingObjectError(key)

    monkeypatch.setattr(storage, "fetch", lost)
    assert (await upload(admin, course, "databases.docx", status=422))["code"] == "file_lost"
    assert await sections(course) == []
    await healthy()


async def test_a_course_archived_meanwhile_does_not_change(
    admin, course, upload, sections, monkeypatch, healthy
):
    keep = processing._keep_pictures

    async def archived(*given):
        kept = await keep(*given)
        async with db.transaction() as writing:
            await writing.execute(
                text("UPDATE courses SET status = 'archived', archived_at = now() WHERE id = :id"),
                {"id": course},
            )
        return kept

    monkeypatch.setattr(processing, "_keep_pictures", archived)
    assert (await upload(admin, course, "databases.docx", status=409))["code"] == "course_archived"
    assert await sections(course) == []
    await healthy()


async def test_a_course_deleted_meanwhile_takes_the_upload_with_it(
    admin, course, upload, session, monkeypatch
):
    keep = processing._keep_pictures

    async def deleted(*given):
        kept = await keep(*given)
        await admin.delete(f"/courses/{course}")
        return kept

    monkeypatch.setattr(processing, "_keep_pictures", deleted)
    assert (await upload(admin, course, "databases.docx", status=404))["code"] == "course_not_found"
    assert (await session.execute(select(func.count()).select_from(Section))).scalar_one() == 0


async def test_a_document_that_brings_every_worker_down_is_given_up(
    admin, course, upload, monkeypatch, healthy
):
    monkeypatch.setattr(processing, "MOST_ATTEMPTS", 0)
    assert (await upload(admin, course, "databases.docx", status=422))["code"] == "given_up"
    await healthy()


async def test_others_are_read_while_the_storage_is_slow(
    admin, course, upload, sections, monkeypatch, healthy
):
    """There is one place for readers; who has read has left it."""
    monkeypatch.setattr(sandbox, "PLACES", asyncio.Semaphore(1))
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.05)
    storing, stored = asyncio.Event(), asyncio.Event()
    keep = processing._keep_pictures

    async def slow(*given):
        storing.set()
        await stored.wait()
        return await keep(*given)

    with monkeypatch.context() as patched:
        patched.setattr(processing, "_keep_pictures", slow)
        await upload(admin, course, "databases.docx", status=202)
        await asyncio.wait_for(storing.wait(), 30)
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 30)
    await asyncio.wait_for(upload(admin, course, b"# Ice\n\nWater freezes.", name="a.md"), 30)
    assert [section["title"] for section in await sections(course)] == ["Ice"]
    stored.set()
    await asyncio.gather(*service._working)
    assert len(await sections(course)) == 10
    await healthy()
