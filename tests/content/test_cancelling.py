"""Reading that is cancelled ends within seconds, wherever it goes on; a race with the end of the work has one winner."""

import asyncio
import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, update

from tests.content.documents import build
from tms.content import leases, processing, sandbox, service
from tms.content.models import Upload, UploadLesson
from tms.operations.models import AuditEntry, Job
from tms.platform import db
from tms.platform.ids import new_id

PLANTED = str(Path(__file__).parent / "planted.py")
SECONDS = 10
STARTING = 60
"""A process that starts on a busy machine takes its time; ending must not."""
ELSEWHERE = """
import asyncio, sys
from uuid import UUID
from tms.content import processing, sandbox
from tms.platform import db
sandbox._PROGRAM = (sys.argv[3], "sleep")
async def main():
    db.connect(sys.argv[1])
    await processing.step(UUID(sys.argv[2]))
asyncio.run(main())
"""


def children(of):
    """The processes below this one that run the planted reader."""
    return [
        process
        for process in psutil.Process(of).children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and PLANTED in process.cmdline()
    ]


async def eventually(what, patience=SECONDS):
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return found


@pytest.fixture
def slow(monkeypatch):
    """A reader that sleeps, and a request that does not wait for it."""
    monkeypatch.setattr(sandbox, "_PROGRAM", (PLANTED, "sleep"))
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.2)


async def test_the_child_ends_and_nothing_is_left(
    admin, course, upload, sections, slow, session, healthy, temporary
):
    data = await upload(admin, course, "databases.docx", status=202)
    (child,) = await eventually(lambda: children(os.getpid()), STARTING)
    cancelled = (await admin.post(f"/jobs/{data['jobId']}/cancel", {}))["data"]
    assert (cancelled["state"], cancelled["error"]["code"]) == ("failed", "cancelled")
    await eventually(lambda: not child.is_running())
    await asyncio.gather(*service._working)
    found = (await admin.get(f"/uploads/{data['uploadId']}"))["data"]
    assert (found["status"], found["error"]["code"]) == ("failed", "cancelled")
    assert await sections(course) == []
    actions = (await session.execute(select(AuditEntry.action))).scalars().all()
    assert "job.cancelled" in actions
    problem = await admin.post(f"/jobs/{data['jobId']}/cancel", {}, status=409)
    assert problem["code"] == "work_ended"
    await healthy()


async def test_a_child_of_another_process_ends(admin, course, upload, database, slow, monkeypatch, tmp_path):
    async def nobody(_):
        return

    with monkeypatch.context() as patched:
        patched.setattr(processing, "step", nobody)
        data = await upload(admin, course, "databases.docx", status=202)
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ELSEWHERE, database, data["uploadId"], PLANTED, env={**os.environ}
    )
    (child,) = await eventually(lambda: children(other.pid), STARTING)
    await admin.post(f"/jobs/{data['jobId']}/cancel", {})
    assert await asyncio.wait_for(other.wait(), SECONDS) == 0
    assert not child.is_running()


async def test_afterwards_the_document_may_come_again(admin, course, upload, slow, monkeypatch, healthy):
    data = await upload(admin, course, "databases.docx", status=202)
    await eventually(lambda: children(os.getpid()), STARTING)
    await admin.post(f"/jobs/{data['jobId']}/cancel", {})
    await asyncio.gather(*service._working)
    monkeypatch.undo()
    assert (await upload(admin, course, "databases.docx"))["extractedSections"] == 9
    await healthy()


async def test_who_may_cancel_what(people, admin, course, upload, slow):
    data = await upload(admin, course, "databases.docx", status=202)
    trainer = await people.trainer()
    assert (await trainer.post(f"/jobs/{data['jobId']}/cancel", {}, status=404))["code"] == "not_found"
    other = new_id()
    async with db.transaction() as writing:
        writing.add(Job(id=other, kind="something.else", created_by=admin.id))
    assert (await admin.post(f"/jobs/{other}/cancel", {}, status=409))["code"] == "not_cancellable"
    await admin.post(f"/jobs/{data['jobId']}/cancel", {})
    await asyncio.gather(*service._working)


async def test_a_race_with_the_end_has_one_winner(admin, sections, session, healthy, tmp_path, monkeypatch):
    """Cancelled at every moment of a reading, from its beginning until after its end: all of it or nothing."""
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.05)
    content = build(tmp_path / "a.docx", ("Heading 1", "One"), (None, "Words")).read_bytes()
    reached = asyncio.Event()
    record = processing._record_success

    async def at_the_end(*found):
        reached.set()
        await record(*found)

    monkeypatch.setattr(processing, "_record_success", at_the_end)
    outcomes = set()
    for delay in (0, 0, 0.002, 0.004, 0.008, 0.016, 0.03, 0.1):
        reached.clear()
        made = await admin.post(
            "/courses",
            {
                "title": "C",
                "category": "A",
                "templateType": "text-only",
                "difficulty": "easy",
                "estimatedDuration": 1,
            },
            status=201,
        )
        course = made["data"]["id"]
        answer = await admin.post(
            f"/courses/{course}/upload-content", files={"file": ("a.docx", content)}, status=202
        )
        job = answer["data"]["jobId"]
        if outcomes:
            await asyncio.wait_for(reached.wait(), 60)
        await asyncio.sleep(delay)
        cancelled = await admin.http.post(f"/api/v1/jobs/{job}/cancel")
        await asyncio.gather(*service._working)
        state = (await admin.get(f"/jobs/{job}"))["data"]["state"]
        count = len(await sections(course))
        assert (cancelled.status_code, state, count) in {(200, "failed", 0), (409, "succeeded", 1)}
        outcomes.add(cancelled.status_code)
    assert outcomes == {200, 409}
    await healthy()


async def test_an_upload_that_waits_in_line_is_cancelled_too(
    admin, course, upload, monkeypatch, run_jobs, sections, slow
):
    async def nobody(_):
        return

    with monkeypatch.context() as patched:
        patched.setattr(processing, "step", nobody)
        data = await upload(admin, course, "databases.docx", status=202)
    await admin.post(f"/jobs/{data['jobId']}/cancel", {})
    await run_jobs()
    assert await sections(course) == []


async def test_the_lease_is_renewed_while_the_step_lives(
    admin, course, upload, slow, session, monkeypatch, healthy
):
    monkeypatch.setattr(leases, "LEASE", leases.LEASE / 20)  # one second, five beats
    data = await upload(admin, course, "databases.docx", status=202)
    await eventually(lambda: children(os.getpid()), STARTING)
    await asyncio.sleep(1.5)
    assert await leases.take(data["uploadId"]) is None
    async with db.transaction() as writing:
        await writing.execute(update(Upload).values(attempts=Upload.attempts + 1))
    # Taken over: the child ends, and what it would have found is not recorded.
    await asyncio.wait_for(asyncio.gather(*service._working), SECONDS)
    assert children(os.getpid()) == []
    assert (await session.execute(select(func.count()).select_from(UploadLesson))).scalar_one() == 0
