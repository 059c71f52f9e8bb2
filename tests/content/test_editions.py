"""A new edition of a document: shown as a difference, and applied so that what stays keeps its id and everybody's progress."""

from uuid import UUID

import pytest
from sqlalchemy import text

from tests.content.documents import build
from tests.content.editing import waiting
from tests.progress.learning import NOBODY, make_course
from tms import app
from tms.content import fingerprints
from tms.content.doctor import files_changed, files_missing
from tms.courses.models import CourseTrainer
from tms.operations import doctor
from tms.platform import db

ALPHA = "<p>The alpha lesson tells of ladders and how they are leaned against a wall.</p>"
BETA = "<p>The beta lesson is about ropes, knots and what may hang from them safely.</p>"
GAMMA = "<p>In the gamma lesson one learns to lift heavy boxes with a straight back.</p>"
DELTA = "<p>Delta explains whom to call when somebody was hurt, and what to tell them.</p>"
FIRST = [("Alpha", ALPHA), ("Beta", BETA), ("Gamma", GAMMA), ("Delta", DELTA)]


@pytest.fixture
def sound(database):
    """Every promise but those about files, which these outlines never had."""
    checks = [check for check in app.CHECKS if check.query not in {files_missing, files_changed}]

    async def examine():
        assert await doctor.examine(checks) == []

    return examine


@pytest.fixture
async def taught(admin, people):
    """A published course out of the first edition, with two learners; gives `course`, `upload`, `ids` by title."""

    class Taught:
        pass

    made = Taught()
    made.course = (await make_course(by=admin, status="draft")).id
    made.upload = await waiting(made.course, admin, FIRST)
    await admin.post(f"/uploads/{made.upload}/apply", {})
    await admin.put(f"/courses/{made.course}/publish")
    made.learners = [await people.student(), await people.student()]
    await admin.post(
        f"/courses/{made.course}/assignments",
        {"studentIds": [str(one.id) for one in made.learners]},
        status=201,
    )
    made.ids = await ids_by_title(admin, made.course)
    return made


async def outline(admin, course):
    found = await admin.get(f"/courses/{course}?include_sections=true")
    return found["data"]["sections"]


async def ids_by_title(admin, course):
    return {section["title"]: section["id"] for section in await outline(admin, course)}


async def done(learner, taught, *titles):
    for title in titles:
        await learner.put(f"/progress/sections/{taught.ids[title]}", {"completed": True})


async def progress(learner):
    (row,) = (await learner.get("/progress"))["data"]
    return row["progress"], row["sectionsCompleted"], row["totalSections"]


def told(preview):
    return [
        (change["kind"], change["title"], change["textChanged"])
        for change in preview["difference"]["changes"]
    ]


async def test_kept_changed_moved_added_removed(admin, taught, run_jobs, sound):
    nora, omar = taught.learners
    await done(nora, taught, "Alpha", "Beta", "Delta")
    await done(omar, taught, "Alpha")
    edition = [
        ("Delta", DELTA),
        ("Alpha", ALPHA),
        ("Beta", BETA.replace("ropes", "ropes, chains")),
        ("Epsilon", "<p>A lesson that was never there before, on working at night.</p>"),
    ]
    new = await waiting(taught.course, admin, edition, replaces=taught.upload)
    answer = await admin.http.post(f"/api/v1/uploads/{new}/preview", json={})
    preview = answer.json()["data"]
    assert told(preview) == [
        ("moved", "Delta", False),
        ("kept", "Alpha", False),
        ("changed", "Beta", True),
        ("added", "Epsilon", False),
        ("removed", "Gamma", False),
    ]
    difference = preview["difference"]
    counted = [difference[kind] for kind in ("kept", "changed", "moved", "added", "removed")]
    assert counted == [1, 1, 1, 1, 1]
    assert (difference["sectionsBefore"], difference["sectionsAfter"]) == (4, 4)
    # Nora has done a section that changes; nobody has done the one that vanishes, and percentages stay: 4 become 4.
    assert (preview["learners"], preview["touched"], preview["completedChanging"]) == (2, 1, 1)
    assert (preview["completedVanishing"], preview["percentageChanges"]) == (0, 0)
    assert [person["userId"] for person in preview["people"]] == [str(nora.id)]
    assert await ids_by_title(admin, taught.course) == taught.ids
    await admin.post(f"/uploads/{new}/apply", {}, headers={"If-Match": answer.headers["ETag"]})
    now = await outline(admin, taught.course)
    assert [section["title"] for section in now] == ["Delta", "Alpha", "Beta", "Epsilon"]
    ids = {section["title"]: section["id"] for section in now}
    assert {title: ids[title] for title in ("Alpha", "Beta", "Delta")} == {
        title: taught.ids[title] for title in ("Alpha", "Beta", "Delta")
    }
    assert "chains" in now[2]["content"]
    assert await progress(nora) == (75, 3, 4)
    assert await progress(omar) == (25, 1, 4)
    statuses = {
        row["uploadId"]: row["status"]
        for row in (await admin.get(f"/courses/{taught.course}/uploads"))["data"]
    }
    assert statuses == {str(taught.upload): "replaced", str(new): "completed"}
    await run_jobs()
    assert await progress(nora) == (75, 3, 4)
    await sound()


async def test_whom_a_smaller_edition_touches(admin, people, taught, sound):
    nora, omar = taught.learners
    await done(nora, taught, "Alpha", "Beta")
    await done(omar, taught, "Gamma")
    new = await waiting(taught.course, admin, FIRST[:2], replaces=taught.upload)
    preview = (await admin.post(f"/uploads/{new}/preview", {}))["data"]
    assert preview["completedVanishing"] == 1
    assert {
        person["userId"]: (
            person["completedVanishing"],
            person["progressFrom"],
            person["progressTo"],
            person["statusTo"],
        )
        for person in preview["people"]
    } == {str(nora.id): (0, 50, 100, "completed"), str(omar.id): (1, 25, 0, "in-progress")}
    # A trainer of the course learns how many, and who only of the students of their batches.
    trainer = await people.trainer()
    async with db.transaction() as writing:
        writing.add(CourseTrainer(course_id=taught.course, user_id=trainer.id))
    seen = (await trainer.post(f"/uploads/{new}/preview", {}))["data"]
    assert (seen["touched"], seen["people"]) == (2, [])
    await admin.post(f"/uploads/{new}/apply", {})
    assert await progress(nora) == (100, 2, 2)
    assert await progress(omar) == (0, 0, 2)
    await sound()


async def test_a_heading_that_changed_and_equal_headings(admin, taught, sound):
    edition = [
        ("Ladders", ALPHA),
        ("Exercises", BETA),
        ("Exercises", GAMMA.replace("heavy", "very heavy")),
        ("Delta", DELTA),
    ]
    new = await waiting(taught.course, admin, edition, replaces=taught.upload)
    preview = (await admin.post(f"/uploads/{new}/preview", {}))["data"]
    assert told(preview) == [
        ("changed", "Ladders", True),
        ("changed", "Exercises", True),
        ("changed", "Exercises", True),
        ("kept", "Delta", False),
    ]
    assert [change["formerTitle"] for change in preview["difference"]["changes"]] == [
        "Alpha",
        "Beta",
        "Gamma",
        None,
    ]
    await admin.post(f"/uploads/{new}/apply", {})
    assert [section["id"] for section in await outline(admin, taught.course)] == list(taught.ids.values())
    # And the next edition swaps the two that are called alike: told by their words alone.
    third = [edition[0], edition[2], edition[1], edition[3]]
    newer = await waiting(taught.course, admin, third, replaces=new)
    await admin.post(f"/uploads/{newer}/apply", {})
    alpha, beta, gamma, delta = taught.ids.values()
    assert [section["id"] for section in await outline(admin, taught.course)] == [alpha, gamma, beta, delta]
    await sound()


async def test_sections_of_other_origin_stay_behind_what_they_stand_behind(admin, taught, sound):
    for place, title in ((1, "Welcome"), (4, "Quiz on beta"), (7, "Goodbye")):
        await admin.post(f"/courses/{taught.course}/sections", {"title": title, "orderIndex": place})
    new = await waiting(
        taught.course, admin, [FIRST[3], FIRST[2], FIRST[1], ("Zeta", "<p>New.</p>")], replaces=taught.upload
    )
    await admin.post(f"/uploads/{new}/apply", {})
    titles = [section["title"] for section in await outline(admin, taught.course)]
    assert titles == ["Welcome", "Delta", "Goodbye", "Gamma", "Beta", "Quiz on beta", "Zeta"]
    await sound()


async def edit(admin, taught, title, content):
    await admin.patch(f"/courses/{taught.course}/sections/{taught.ids[title]}", {"content": content})


async def test_edits_by_hand_are_never_lost_by_oversight(admin, taught, sound):
    for title in ("Alpha", "Beta", "Gamma", "Delta"):
        await edit(admin, taught, title, f"<p>{title} by hand.</p>")
    edition = [
        ("Alpha", ALPHA),  # as it was in the first edition: nothing to decide
        ("Beta", BETA.replace("ropes", "chains")),
        ("Gamma", GAMMA.replace("boxes", "bags")),
    ]
    new = await waiting(taught.course, admin, edition, replaces=taught.upload)
    preview = (await admin.post(f"/uploads/{new}/preview", {}))["data"]
    decided = [
        (change["title"], change["edited"], change["decisionNeeded"])
        for change in preview["difference"]["changes"]
    ]
    assert decided == [
        ("Alpha", True, False),
        ("Beta", True, True),
        ("Gamma", True, True),
        ("Delta", True, True),
    ]
    problem = await admin.post(f"/uploads/{new}/apply", {}, status=409)
    assert problem["code"] == "edited_sections_undecided"
    assert taught.ids["Beta"] in problem["detail"]
    plan = {
        "keepEdited": [taught.ids["Beta"], taught.ids["Delta"]],
        "replaceEdited": [taught.ids["Gamma"]],
    }
    wrong = {"keepEdited": [NOBODY]}
    assert (await admin.post(f"/uploads/{new}/apply", wrong, status=422))["errors"][0][
        "field"
    ] == "keepEdited"
    await admin.post(f"/uploads/{new}/apply", plan)
    now = {section["title"]: section for section in await outline(admin, taught.course)}
    assert list(now) == ["Alpha", "Beta", "Gamma", "Delta"]
    assert [now[title]["content"] for title in now] == [
        "<p>Alpha by hand.</p>",
        "<p>Beta by hand.</p>",
        GAMMA.replace("boxes", "bags"),
        "<p>Delta by hand.</p>",
    ]
    assert {title: section["id"] for title, section in now.items()} == taught.ids
    await sound()


async def test_what_was_uploaded_before_fingerprints_counts_as_edited_by_its_version(admin, taught):
    await edit(admin, taught, "Beta", "<p>By hand.</p>")
    async with db.transaction() as writing:
        await writing.execute(text("UPDATE upload_sections SET fingerprint = NULL"))
    edition = [(title, content.replace("lesson", "chapter")) for title, content in FIRST]
    new = await waiting(taught.course, admin, edition, replaces=taught.upload)
    preview = (await admin.post(f"/uploads/{new}/preview", {}))["data"]
    assert [change["edited"] for change in preview["difference"]["changes"]] == [False, True, False, False]


async def test_which_upload_can_be_replaced(admin, taught, tmp_path):
    content = build(tmp_path / "b.docx", ("Heading 1", "Other"), (None, "Words")).read_bytes()
    files = {"files": {"file": ("b.docx", content)}}
    other = (await make_course(by=admin, status="draft")).id
    for course, replaces in ((taught.course, NOBODY), (other, taught.upload)):
        path = f"/courses/{course}/upload-content?replaces={replaces}"
        assert (await admin.post(path, status=422, **files))["code"] == "unknown_edition"
    path = f"/courses/{taught.course}/upload-content?replaces={taught.upload}"
    waits = (await admin.post(path, **files))["data"]
    assert waits["processingStatus"] == "needs_review"
    # Meanwhile somebody else was faster with an edition of their own.
    new = await waiting(taught.course, admin, FIRST, replaces=taught.upload)
    await admin.post(f"/uploads/{new}/apply", {})
    problem = await admin.post(f"/uploads/{waits['uploadId']}/apply", {}, status=409)
    assert problem["code"] == "edition_superseded"
    assert (await admin.post(path, status=422, **files))["code"] == "unknown_edition"


async def test_the_real_reader_twice(admin, upload, sections, course, tmp_path, healthy):
    """Two editions of one Word file, with a picture: unchanged sections stay the same rows, pictures included."""
    blocks = [("Heading 1", "One"), (None, "First words"), ("Heading 1", "Two"), (None, "Second words")]
    first = await upload(admin, course, build(tmp_path / "1.docx", *blocks).read_bytes(), name="a.docx")
    before = await sections(course)
    changed = [*blocks, ("Heading 1", "Three"), (None, "Third words")]
    content = build(tmp_path / "2.docx", *changed).read_bytes()
    answer = await admin.post(
        f"/courses/{course}/upload-content?replaces={first['uploadId']}", files={"file": ("b.docx", content)}
    )
    path = f"/uploads/{answer['data']['uploadId']}"
    preview = (await admin.post(f"{path}/preview", {}))["data"]
    assert [kind for kind, _, _ in told(preview)] == ["kept", "kept", "added"]
    await admin.post(f"{path}/apply", {})
    after = await sections(course)
    assert after[:2] == before
    assert after[2]["title"] == "Three"
    await healthy()


def test_a_fingerprint_knows_pictures_by_what_they_show():
    one, two = (f"0192f0c1-2345-7abc-8def-0123456789a{digit}" for digit in "ab")
    shown = '<p><img src="media:{}" alt="x"></p>'
    pictures = {UUID(one): "hash", UUID(two): "hash"}
    same = fingerprints.of("T", shown.format(one), pictures)
    assert fingerprints.of("T", shown.format(two), pictures) == same
    assert fingerprints.of("T", shown.format(two), {UUID(two): "other"}) != same
    assert fingerprints.of("U", shown.format(one), pictures) != same


@pytest.mark.parametrize(
    ("damage", "promise"),
    [("UPDATE uploads SET status = 'completed' WHERE status = 'replaced'", "content.editions_follow")],
)
async def test_the_doctor_sees_two_newest_editions(admin, taught, sound, damage, promise):
    new = await waiting(taught.course, admin, FIRST, replaces=taught.upload)
    await admin.post(f"/uploads/{new}/apply", {})
    await sound()
    async with db.transaction() as writing:
        await writing.execute(text(damage))
    found = await doctor.examine([check for check in app.CHECKS if check.name == promise])
    assert [finding.check.name for finding in found] == [promise]
