"""An erased student is found nowhere: not by reading, not in a dump, not in a file, not in a log."""

import asyncio
import json
import zipfile
from io import BytesIO

import pytest
from sqlalchemy import func, select, text, update
from tests.batches.planning import UNKNOWN
from tests.erasure import story

from tms.identity import providers
from tms.identity.builtin.models import Account
from tms.identity.errors import ProviderUnavailableError
from tms.identity.models import Provisioning, User
from tms.operations.models import AuditEntry
from tms.platform import db
from tms.students import erasure, jobs
from tms.students.models import Erasure


@pytest.fixture
async def learner(people, planner, run_jobs, tmp_path):
    return await story.live(people, planner, run_jobs, tmp_path)


async def test_no_word_of_an_erased_student_is_left(learner, planner, database, run_jobs, healthy, caplog):
    everything = set(story.CANARIES)
    # The detector finds every word before, or its silence afterwards would mean nothing.
    in_the_files = story.found_in_files()
    assert story.found_in(story.dump(database)) | in_the_files | {"author of the document"} == everything
    caplog.set_level(0)
    caplog.clear()
    answer = await planner.admin.delete(f"/students/{learner.id}")
    assert answer["data"] == {"id": learner.id, "status": "erased", "finished": True}
    assert story.found_in(story.dump(database)) == set()
    await run_jobs()
    assert story.found_in(story.dump(database)) == set()
    assert story.found_in_files() == set()
    assert story.found_in(" ".join(repr(record.__dict__) for record in caplog.records)) == set()
    async with db.reading() as session:
        done = (
            await session.execute(select(Erasure.done_at).where(Erasure.user_id == learner.id))
        ).scalar_one()
    assert done is not None
    await healthy()


async def test_results_stay_with_nobodys_name(learner, planner, run_jobs):
    before = (await planner.admin.get(f"/batches/{learner.over['id']}/progress"))["data"]["students"][0]
    assert before["courses"][0]["progress"] == 100
    await planner.admin.delete(f"/students/{learner.id}")
    await run_jobs()
    after = (await planner.admin.get(f"/batches/{learner.over['id']}/progress"))["data"]["students"][0]
    assert after == {**before, "name": "Erased person", "studentId": None}
    assert (await planner.admin.get(f"/batches/{learner.running['id']}/progress"))["data"]["students"] == []
    assert (await planner.admin.get(f"/batches/{learner.running['id']}"))["data"]["seatsTaken"] == 0


async def test_an_erased_student_is_in_no_list_and_cannot_come_in(learner, planner):
    token = learner.client
    await token.get("/me")
    await planner.admin.delete(f"/students/{learner.id}")
    await token.get("/me", status=403)
    assert (await planner.admin.get("/students"))["data"] == []
    assert (await planner.admin.get("/students", params={"status": "erased"}))["data"] == []
    assert learner.id not in {row["id"] for row in (await planner.admin.get("/users"))["data"]}
    assert (await planner.admin.get("/emails"))["data"] == []
    for path in ("", "/courses", "/export"):
        await planner.admin.get(f"/students/{learner.id}{path}", status=404)
    await planner.admin.delete(f"/students/{learner.id}", status=404)
    await planner.admin.post(f"/users/{learner.id}/enable", status=404)


async def test_the_address_can_be_enrolled_again_as_somebody_new(learner, planner, run_jobs, healthy):
    await planner.admin.delete(f"/students/{learner.id}")
    again = (
        await planner.admin.post(
            "/students/enroll",
            {"firstName": "New", "lastName": "Person", "email": story.CANARIES["address"], "phone": None},
        )
    )["data"]
    assert again["userId"] != learner.id
    assert again["status"] == "active"
    # What is still to be done for the one who went does not touch the one who came.
    await run_jobs()
    assert (await planner.admin.get(f"/students/{again['userId']}"))["data"]["firstName"] == "New"
    assert len((await planner.admin.get("/emails", params={"to": story.CANARIES["address"]}))["data"]) == 1
    await healthy()


async def test_only_administrators_erase(planner, people):
    student, other = await people.student(), await people.student()
    trainer, anonymous = await people.trainer(), await people.anonymous()
    batch = await planner.batch()
    await planner.runs(batch, trainer)
    await planner.join(batch, student)
    await anonymous.delete(f"/students/{student.id}", status=401)
    for caller in (trainer, other, student):
        await caller.delete(f"/students/{student.id}", status=403)
    await planner.admin.get(f"/students/{student.id}")
    await planner.admin.delete(f"/students/{UNKNOWN}", status=404)
    await planner.admin.delete(f"/students/{trainer.id}", status=404)
    assert (await planner.admin.delete("/students/nobody", status=400))["code"] == "invalid_id"
    await planner.admin.delete(f"/students/{student.id}")


async def test_staff_gives_up_the_role_first(planner, people):
    student = await people.student()
    await planner.admin.patch(f"/users/{student.id}", {"role": "trainer"})
    refused = await planner.admin.delete(f"/students/{student.id}", status=409)
    assert refused["code"] == "wrong_status"
    assert "role" in refused["detail"]
    await planner.admin.patch(f"/users/{student.id}", {"role": "student"})
    await planner.admin.delete(f"/students/{student.id}")


async def test_the_log_says_who_erased_whom_in_ids(planner, people, session):
    student = await people.student(first_name="Quillonabel")
    await planner.admin.delete(f"/students/{student.id}")
    line = (
        (await session.execute(select(AuditEntry.__table__).where(AuditEntry.action == "student.erased")))
        .mappings()
        .one()
    )
    assert (line["actor_id"], line["object_id"], line["changes"]) == (planner.admin.id, student.id, {})


async def test_a_provider_that_is_away_is_told_later(planner, people, monkeypatch, run_jobs, session):
    student = await people.student()
    provider = providers.current()
    find = type(provider).find

    async def away(self, user_id):
        raise ProviderUnavailableError

    monkeypatch.setattr(type(provider), "find", away)
    answer = await planner.admin.delete(f"/students/{student.id}", status=202)
    assert answer["data"]["finished"] is False
    await student.get("/me", status=403)
    assert (
        await session.execute(select(func.count(Account.id)).where(Account.user_id == student.id))
    ).scalar_one()
    monkeypatch.setattr(type(provider), "find", find)
    await run_jobs()
    assert not (
        await session.execute(select(func.count(Account.id)).where(Account.user_id == student.id))
    ).scalar_one()


async def test_an_account_that_is_being_made_is_waited_for(planner, people, database):
    student = await people.student()
    async with db.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO provisionings (user_id, leased_until) VALUES (:id, now() + interval '1 minute')"
            ),
            {"id": student.id},
        )
    assert (await planner.admin.delete(f"/students/{student.id}", status=202))["data"]["finished"] is False
    async with db.transaction() as session:
        await session.execute(update(Provisioning).values(leased_until=None))
    await jobs.finish_erasure(str(student.id))
    async with db.reading() as session:
        assert (await session.execute(select(Erasure.done_at))).scalar_one() is not None


async def test_what_a_request_at_work_still_writes_goes_too(planner, people, database, run_jobs):
    """A seat that was being given, and an answer that was being stored, while the student was erased."""
    student = await people.student(email=story.CANARIES["address"])
    batch = await planner.batch(startDate="2026-01-01", endDate="2999-12-31")
    await planner.admin.delete(f"/students/{student.id}")
    async with db.transaction() as session:
        await session.execute(
            text("INSERT INTO student_batches (batch_id, student_id) VALUES (:batch, :student)"),
            {"batch": batch["id"], "student": student.id},
        )
        await session.execute(text("UPDATE batches SET seats_taken = 1"))
        await session.execute(
            text(
                "INSERT INTO idempotency_keys (caller_id, key, fingerprint, status, body) "
                "VALUES (:admin, 'late', '\\x00', 201, convert_to(:body, 'UTF8'))"
            ),
            {
                "admin": planner.admin.id,
                "body": json.dumps({"userId": str(student.id), "firstName": "Quillonabel"}),
            },
        )
    await run_jobs()
    assert (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"] == 0
    assert story.found_in(story.dump(database)) == set()


async def test_two_who_erase_the_same_student_do_it_once(planner, people, healthy):
    student = await people.student()
    batch = await planner.batch(startDate="2026-01-01", endDate="2999-12-31")
    await planner.join(batch, student)
    answers = await asyncio.gather(
        *(planner.admin.http.delete(f"/api/v1/students/{student.id}") for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
    await healthy()


async def test_erasing_while_a_batch_is_joined_leaves_no_seat(planner, people, run_jobs, healthy):
    for _ in range(5):
        student = await people.student()
        batch = await planner.batch(startDate="2026-01-01", endDate="2999-12-31")
        joined, erased = await asyncio.gather(
            planner.admin.http.post(
                f"/api/v1/batches/{batch['id']}/students", json={"studentIds": [str(student.id)]}
            ),
            planner.admin.http.delete(f"/api/v1/students/{student.id}"),
        )
        assert joined.status_code in {201, 409, 422}
        assert erased.status_code == 200
        await run_jobs()
        assert (await planner.admin.get(f"/batches/{batch['id']}"))["data"]["seatsTaken"] == 0
    await healthy()


async def test_an_unfinished_erasure_is_taken_up_again(planner, people, run_jobs, session):
    student = await people.student()
    await planner.admin.delete(f"/students/{student.id}")
    async with db.transaction() as writing:
        await writing.execute(text("DELETE FROM procrastinate_jobs"))
        await writing.execute(text("UPDATE erasures SET requested_at = now() - interval '2 hours'"))
    await jobs.resume_erasures(0)
    await run_jobs()
    assert (await session.execute(select(Erasure.done_at))).scalar_one() is not None


async def test_erasures_are_replayed_on_an_older_state(planner, people, run_jobs, session):
    student, other = await people.student(email="back@example.org"), await people.student()
    assert await erasure.replay([student.id, UNKNOWN]) == 1
    assert await erasure.replay([student.id]) == 0
    status = (await session.execute(select(User.status).where(User.id == student.id))).scalar_one()
    assert status == "erased"
    assert await erasure.erased(session) == [student.id]
    await planner.admin.get(f"/students/{other.id}")


def opened(response):
    with zipfile.ZipFile(BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


async def test_an_export_holds_everything_of_the_person(learner, planner):
    response = await planner.admin.get(f"/students/{learner.id}/export")
    assert response.headers["content-type"] == "application/zip"
    found = opened(response)
    words = story.found_in(
        " ".join(content.decode() for name, content in found.items() if name.startswith("data/"))
    )
    assert words == set(story.CANARIES) - {"author of the document"}
    documents = [content for name, content in found.items() if name.startswith("files/")]
    assert learner.document in documents
    progress = json.loads(found["data/section_progress.json"])
    assert len(progress) == 2
    about = json.loads(found["about.json"])
    assert about["person"] == learner.id
    assert about["rows"]["section_progress"] == 2
    assert about["rows"]["emails"] == len(json.loads(found["data/emails.json"])) > 0


async def test_an_export_holds_nothing_of_others_and_no_secret(learner, planner, people, run_jobs):
    other = await people.student(first_name="Somebodyelse", email="somebodyelse@example.org")
    await planner.admin.post(
        f"/batches/{learner.over['id']}/students",
        {"studentIds": [str(other.id)]},
        status=201,
        headers={"Idempotency-Key": "join-2"},
    )
    everything = b" ".join(
        content for content in opened(await learner.client.get(f"/students/{learner.id}/export")).values()
    ).decode(errors="replace")
    assert "omebodyelse" not in everything
    assert planner.admin.email not in everything
    assert "argon2" not in everything


async def test_students_export_themselves_and_nobody_else(planner, people, session):
    student, other, trainer = await people.student(), await people.student(), await people.trainer()
    anonymous = await people.anonymous()
    batch = await planner.batch()
    await planner.runs(batch, trainer)
    await planner.join(batch, student)
    await anonymous.get(f"/students/{student.id}/export", status=401)
    await trainer.get(f"/students/{student.id}", status=200)
    for caller in (other, trainer):
        await caller.get(f"/students/{student.id}/export", status=404)
    await planner.admin.get(f"/students/{UNKNOWN}/export", status=404)
    await planner.admin.get(f"/students/{trainer.id}/export", status=404)
    await student.get(f"/students/{student.id}/export")
    exported = select(AuditEntry.actor_id).where(AuditEntry.action == "student.exported")
    assert (await session.execute(exported)).scalars().all() == [student.id]
