"""Outlines that wait: shown with what was read, merged, split, renamed and skipped, and applied at once or not at all."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from tests.content.documents import DATA, build
from tests.progress.learning import NOBODY, make_course
from tms.content import jobs, leftovers
from tms.content.doctor import CHECKS
from tms.content.models import Media, Upload, UploadLesson, UploadSection
from tms.courses.models import CourseTrainer
from tms.operations import doctor
from tms.platform import db

DOCUMENT = (
    ("Heading 1", "Safety"),
    (None, "Wear a helmet on the site."),
    ("Heading 2", "Helmets"),
    (None, "They are yellow."),
    ("Heading 2", "Boots & gloves"),
    (None, "They are brown."),
    ("Heading 1", "Contents"),
    (None, "Nothing to learn from."),
    ("Heading 1", "First aid"),
    (None, "Call for help first."),
)


@pytest.fixture
def reviewed(admin, tmp_path):
    """`await reviewed(course)`: a document's outline waits; the upload as `GET /uploads/{id}` shows it."""

    # Two files that are written at different times are different documents.
    content = build(tmp_path / "a.docx", *DOCUMENT).read_bytes()

    async def send(course_id, *, query="mode=review", person=None):
        answer = await (person or admin).post(
            f"/courses/{course_id}/upload-content?{query}", files={"file": ("a.docx", content)}
        )
        assert answer["data"]["processingStatus"] == "needs_review"
        assert answer["data"]["extractedSections"] == 0
        return (await admin.get(f"/uploads/{answer['data']['uploadId']}"))["data"]

    return send


async def titles(sections, course):
    return [section["title"] for section in await sections(course)]


def pieces(*rows, skip=()):
    """A plan out of `(title, row, first, last)`."""
    made = [
        {
            "title": title,
            "pieces": [{"row": row["id"], "fromPart": first, "toPart": last} for row, first, last in of],
        }
        for title, *of in rows
    ]
    return {"lessons": made, "skip": [{"row": row["id"]} for row in skip]}


async def test_an_outline_waits_and_tells_what_was_read(admin, course, reviewed, sections, healthy):
    found = await reviewed(course)
    assert found["status"] == "needs_review"
    assert found["expiresAt"] is not None
    first, second, third = found["outline"]
    assert (first["title"], first["level"], first["images"]) == ("Safety", 1, 0)
    assert [heading["title"] for heading in first["headings"]] == ["Helmets", "Boots & gloves"]
    assert first["excerpt"].startswith("Wear a helmet on the site.")
    assert first["words"] == 16
    assert 0 <= first["confidence"] <= 1
    assert (second["title"], third["title"]) == ("Contents", "First aid")
    assert found["sections"] == []
    assert await sections(course) == []
    job = (await admin.get(f"/jobs/{found['jobId']}"))["data"]
    assert (job["state"], job["result"]["extractedSections"]) == ("succeeded", 0)
    await healthy()


async def test_applied_as_it_is(admin, course, reviewed, sections, session, healthy):
    found = await reviewed(course)
    applied = (await admin.post(f"/uploads/{found['uploadId']}/apply", {}))["data"]
    assert (applied["status"], applied["extractedSections"]) == ("completed", 3)
    assert [made["title"] for made in applied["sections"]] == ["Safety", "Contents", "First aid"]
    assert await titles(sections, course) == ["Safety", "Contents", "First aid"]
    assert (await session.execute(select(func.count()).select_from(UploadLesson))).scalar_one() == 0
    assert (await session.execute(select(func.count()).select_from(UploadSection))).scalar_one() == 3
    problem = await admin.post(f"/uploads/{found['uploadId']}/apply", {}, status=409)
    assert problem["code"] == "upload_not_waiting"
    assert "already" in problem["detail"]
    assert len(await sections(course)) == 3
    await healthy()


async def test_merged_split_renamed_and_skipped(admin, course, reviewed, sections, healthy):
    found = await reviewed(course)
    safety, contents, aid = found["outline"]
    plan = pieces(
        (None, (safety, 0, 1)),
        (None, (safety, 2, None)),
        ("What to do & when", (aid, 0, None)),
        skip=[contents],
    )
    preview = (await admin.post(f"/uploads/{found['uploadId']}/preview", plan))["data"]
    assert [change["title"] for change in preview["difference"]["changes"]] == [
        "Safety",
        "Boots & gloves",
        "What to do & when",
    ]
    assert await sections(course) == []
    await admin.post(f"/uploads/{found['uploadId']}/apply", plan)
    made = await sections(course)
    assert [section["title"] for section in made] == ["Safety", "Boots & gloves", "What to do & when"]
    assert [section["content"] for section in made] == [
        "<p>Wear a helmet on the site.</p><h2>Helmets</h2><p>They are yellow.</p>",
        "<p>They are brown.</p>",
        "<p>Call for help first.</p>",
    ]
    await healthy()


async def test_merging_keeps_the_heading_of_what_is_merged(admin, course, reviewed, sections):
    found = await reviewed(course)
    safety, contents, aid = found["outline"]
    plan = pieces(("All", (aid, 0, None), (safety, 2, 2), (safety, 0, 1)), skip=[contents])
    await admin.post(f"/uploads/{found['uploadId']}/apply", plan)
    (made,) = await sections(course)
    assert made["content"] == (
        "<p>Call for help first.</p><h2>Boots &amp; gloves</h2><p>They are brown.</p>"
        "<h2>Safety</h2><p>Wear a helmet on the site.</p><h2>Helmets</h2><p>They are yellow.</p>"
    )


async def test_a_plan_that_does_not_add_up_changes_nothing(admin, course, reviewed, sections, healthy):
    found = await reviewed(course)
    safety, contents, aid = found["outline"]
    whole = [("A", (safety, 0, None)), ("B", (aid, 0, None))]
    for plan, field in (
        (pieces(*whole), "lessons"),
        (pieces(*whole, skip=[contents, aid]), "skip.1"),
        (pieces(("A", (safety, 1, None)), ("B", (aid, 0, None)), skip=[contents]), "lessons"),
        (pieces(("A", (safety, 0, 3)), ("B", (aid, 0, None)), skip=[contents]), "lessons.0.pieces.0"),
        (pieces(("A", ({"id": NOBODY}, 0, None)), *whole, skip=[contents]), "lessons.0.pieces.0.row"),
    ):
        problem = await admin.post(f"/uploads/{found['uploadId']}/apply", plan, status=422)
        assert problem["code"] == "plan_does_not_add_up"
        assert [error["field"] for error in problem["errors"]] == [field]
    everything = {"lessons": [], "skip": [{"row": row["id"]} for row in found["outline"]]}
    problem = await admin.post(f"/uploads/{found['uploadId']}/apply", everything, status=422)
    assert problem["code"] == "nothing_to_apply"
    assert await sections(course) == []
    await healthy()


async def test_twenty_apply_at_once(admin, course, reviewed, sections, healthy):
    found = await reviewed(course)
    clients = [admin.http.post(f"/api/v1/uploads/{found['uploadId']}/apply", json={}) for _ in range(20)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*clients))
    assert statuses == [200] + [409] * 19
    assert len(await sections(course)) == 3
    await healthy()


async def test_one_key_applies_once(admin, course, reviewed, sections):
    found = await reviewed(course)
    keyed = {"headers": {"Idempotency-Key": "apply-1"}}
    first = await admin.post(f"/uploads/{found['uploadId']}/apply", {}, **keyed)
    assert await admin.post(f"/uploads/{found['uploadId']}/apply", {}, **keyed) == first
    assert len(await sections(course)) == 3


async def test_a_course_that_has_changed_since_is_told_by_the_tag(admin, course, reviewed, sections):
    found = await reviewed(course)
    answer = await admin.http.get(f"/api/v1/uploads/{found['uploadId']}")
    tag = {"headers": {"If-Match": answer.headers["ETag"]}}
    await admin.post(f"/courses/{course}/sections", {"title": "By hand"})
    assert (await admin.post(f"/uploads/{found['uploadId']}/apply", {}, status=412, **tag))[
        "code"
    ] == "version_changed"
    assert await titles(sections, course) == ["By hand"]
    await admin.post(f"/uploads/{found['uploadId']}/apply", {})
    assert await titles(sections, course) == ["By hand", "Safety", "Contents", "First aid"]


async def test_it_is_for_those_who_edit_the_course(people, admin, course, reviewed):
    named, other = await people.trainer(), await people.trainer()
    async with db.transaction() as writing:
        writing.add(CourseTrainer(course_id=course, user_id=named.id))
    found = await reviewed(course, person=named)
    path = f"/uploads/{found['uploadId']}"
    for send in (other.get(path, status=404), other.post(f"{path}/apply", {}, status=404)):
        assert (await send)["code"] == "upload_not_found"
    assert (await other.post(f"{path}/preview", {}, status=404))["code"] == "upload_not_found"
    assert (await other.delete(path, status=404))["code"] == "upload_not_found"
    assert (await other.get(f"/courses/{course}/uploads", status=404))["code"] == "course_not_found"
    listed = (await named.get(f"/courses/{course}/uploads"))["data"]
    assert [(one["uploadId"], one["status"]) for one in listed] == [(found["uploadId"], "needs_review")]
    await named.post(f"{path}/apply", {})


async def test_an_archived_course_refuses(admin, reviewed):
    made = await make_course("self", by=admin)
    found = await reviewed(made.id)
    await admin.put(f"/courses/{made.id}/archive")
    problem = await admin.post(f"/uploads/{found['uploadId']}/apply", {}, status=409)
    assert problem["code"] == "course_archived"


async def test_discarded_leaves_nothing(admin, course, upload, sections, session, clock, healthy):
    answer = await admin.post(
        f"/courses/{course}/upload-content?mode=review",
        files={"file": ("a.docx", (DATA / "databases.docx").read_bytes())},
    )
    path = f"/uploads/{answer['data']['uploadId']}"
    assert (await session.execute(select(func.count()).select_from(Media))).scalar_one() == 4
    await leftovers.sweep_media()
    await clock(days=2)
    await leftovers.sweep_media()
    # The pictures of an outline that waits are in use.
    assert (await session.execute(select(func.count()).select_from(Media))).scalar_one() == 4
    await healthy()
    await admin.delete(path)
    found = (await admin.get(path))["data"]
    assert (found["status"], found["error"]["code"], found["outline"]) == ("failed", "review_discarded", [])
    assert (await admin.post(f"{path}/apply", {}, status=409))["code"] == "upload_not_waiting"
    await leftovers.sweep_media()
    await clock(days=4)
    await leftovers.sweep_media()
    assert (await session.execute(select(func.count()).select_from(Media))).scalar_one() == 0
    await healthy()
    assert (await upload(admin, course, "databases.docx"))["extractedSections"] == 9


async def test_nobody_decides(admin, course, reviewed, session, clock, healthy):
    found = await reviewed(course)
    await clock(days=8)
    problem = await admin.post(f"/uploads/{found['uploadId']}/apply", {}, status=409)
    assert "waited too long" in problem["detail"]
    await jobs.sweep(0)
    gone = (await admin.get(f"/uploads/{found['uploadId']}"))["data"]
    assert (gone["status"], gone["error"]["code"]) == ("failed", "review_expired")
    assert (await session.execute(select(func.count()).select_from(UploadLesson))).scalar_one() == 0
    await healthy()
    again = await reviewed(course)
    assert again["uploadId"] != found["uploadId"]


async def test_wanted_in_another_way(admin, course, reviewed, upload, sections, session, tmp_path, healthy):
    """The same document waits already: the same wish finds it, another wish takes its place."""
    found = await reviewed(course)
    assert (await reviewed(course))["uploadId"] == found["uploadId"]
    content = (tmp_path / "a.docx").read_bytes()
    applied = await upload(admin, course, content, name="a.docx")
    assert applied["extractedSections"] == 3
    assert (await admin.get(f"/uploads/{found['uploadId']}"))["data"]["error"]["code"] == "review_discarded"
    rows = (await session.execute(select(Upload.status).order_by(Upload.id))).scalars().all()
    assert rows == ["failed", "completed"]
    await healthy()


@pytest.mark.parametrize(
    ("damage", "promise"),
    [
        ("DELETE FROM upload_lessons", "content.outlines_wait"),
        ("UPDATE uploads SET expires_at = now() - interval '4 days'", "content.outlines_wait"),
        (
            "INSERT INTO upload_sections SELECT uploads.id, course_sections.id, 1, '[]' FROM uploads, course_sections",
            "content.uploads_made_sections",
        ),
    ],
)
async def test_the_doctor_sees_outlines_that_nothing_stands_behind(
    admin, course, reviewed, healthy, damage, promise
):
    await admin.post(f"/courses/{course}/sections", {"title": "By hand"})
    await reviewed(course)
    await healthy()
    async with db.transaction() as writing:
        await writing.execute(text(damage))
    assert [finding.check.name for finding in await doctor.examine(CHECKS)] == [promise]
