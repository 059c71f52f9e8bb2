"""Pictures are read by signed addresses, which those are given who may read the section."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from tests.content.documents import PNG, pack, parts, picture, relations
from tests.progress.learning import NOBODY
from tms.content import jobs, leftovers
from tms.content.doctor import CHECKS
from tms.content.models import Media
from tms.operations import doctor
from tms.platform import db, signing, storage
from tms.platform.settings import get_settings

PICTURE = re.compile(r'src="([^"]+)"')


def addresses(sections):
    return [
        address.replace("&amp;", "&")
        for section in sections
        for address in PICTURE.findall(section["content"] or "")
    ]


@pytest.fixture
async def illustrated(admin, course, upload, sections):
    """The course with all pictures; their signed addresses in order."""
    await upload(admin, course, "python-basics.docx")
    return addresses(await sections(course))


async def test_every_picture_is_served_to_whoever_has_its_address(client, illustrated, session):
    kinds = []
    for address in illustrated:
        answer = await client.get(address)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.headers["cache-control"].startswith("private, max-age=300")
        kinds.append(answer.headers["content-type"])
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert (answer.headers["content-disposition"], answer.headers["accept-ranges"]) == ("inline", "bytes")
        if answer.headers["content-type"] == "image/svg+xml":
            assert b"<svg" in answer.content
        else:
            assert answer.content.startswith(b"\x89PNG")
    assert (kinds.count("image/png"), kinds.count("image/svg+xml")) == (8, 7)
    largest = (await session.execute(select(func.max(Media.size)))).scalar_one()
    assert largest == 726_046


async def test_what_was_read_is_not_sent_again(client, illustrated):
    first = await client.get(illustrated[0])
    again = await client.get(illustrated[0], headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_other_addresses_are_refused(client, illustrated, monkeypatch):
    path, _, signature = illustrated[0].partition("?signature=")
    foreign = illustrated[1].partition("?signature=")[2]
    for address in (
        path,
        f"{path}?signature=",
        f"{path}?signature=nonsense",
        f"{path}?signature={foreign}",
        f"{path}?signature={signature}x",
        f"/api/v1/media/{NOBODY}?signature={signature}",
        signing.sign(f"/api/v1/media/{NOBODY}"),
    ):
        answer = await client.get(address)
        assert answer.status_code == 404
        assert answer.json()["code"] == "media_not_found"
    assert (await client.get(f"/api/v1/media/nonsense?signature={signature}")).status_code == 400
    assert (await client.get(illustrated[0])).status_code == 200
    monkeypatch.setattr(signing, "LIFETIME_SECONDS", -1)
    assert (await client.get(illustrated[0])).status_code == 404


async def test_only_those_who_may_read_the_section_are_given_addresses(
    people, client, admin, course, illustrated, sections
):
    assigned, other = await people.student(), await people.student()
    assert (await sections(course, assigned, 404))["code"] == "course_not_found"
    await admin.put(f"/courses/{course}/publish")
    await admin.post(f"/courses/{course}/assignments", {"studentIds": [str(assigned.id)]}, status=201)
    shown = addresses(await sections(course, assigned))
    assert len(shown) == 15
    assert (await client.get(shown[0])).status_code == 200
    assert (await sections(course, other, 404))["code"] == "course_not_found"


async def test_a_duplicated_course_shows_the_same_pictures(
    client, admin, course, illustrated, sections, healthy
):
    copy = (await admin.post(f"/courses/{course}/duplicate", status=201))["data"]["id"]
    shown = addresses(await sections(copy))
    assert [address.partition("?")[0] for address in shown] == [
        address.partition("?")[0] for address in illustrated
    ]
    assert (await client.get(shown[3])).status_code == 200
    await healthy()


async def test_a_file_that_is_missing_in_storage_is_not_found(client, illustrated, session):
    key = (await session.execute(select(Media.storage_key).limit(1))).scalar_one()
    found = (await session.execute(select(Media.id).where(Media.storage_key == key))).scalar_one()
    await storage.delete(key)
    answer = await client.get(signing.sign(f"/api/v1/media/{found}"))
    assert answer.status_code == 404


async def test_a_number_that_no_picture_has_names_nothing(admin, course, upload, sections, monkeypatch):
    """The text of a document may look like the name of a picture; it stays text."""
    body = picture("rId5") + '<w:p><w:r><w:t>src="media:1" &lt;img src="media:1"&gt;</w:t></w:r></w:p>'
    members = {
        "word/_rels/document.xml.rels": relations(rId5=("image", "media/a.png")),
        "word/media/a.png": PNG,
    }
    path = pack(get_settings().tms_home / "made.docx", parts(body, **members))
    await upload(admin, course, path.read_bytes(), name="a.docx")
    content = (await sections(course))[0]["content"]
    assert len(re.findall(r"/api/v1/media/", content)) == 1
    assert '&lt;img src="media:1"&gt;' in content


def stored():
    """Every file in the storage."""
    return {path for path in (get_settings().tms_home / "files").rglob("*") if path.is_file()}


@pytest.fixture
async def empty_storage(database):
    for path in stored():
        path.unlink()


async def test_leftovers_are_removed_after_a_day(
    empty_storage, admin, course, upload, sections, monkeypatch, clock, session, healthy
):
    await upload(admin, course, "databases.docx")
    await upload(admin, course, b"%PDF-1.7", name="a.pdf", status=422)
    for strange in (f"media/{NOBODY}/1-orphan", f"originals/{NOBODY}", f"sha256/{NOBODY}"):
        orphan = get_settings().tms_home / "files" / strange
        orphan.parent.mkdir(parents=True, exist_ok=True)
        orphan.write_bytes(b"x")
    # A document with four pictures, one that was refused, and what nobody knows.
    assert len(stored()) == 5 + 1 + 3
    assert await leftovers.sweep_storage() == 0
    monkeypatch.setattr(leftovers, "GRACE", timedelta(seconds=-60))
    assert await leftovers.sweep_storage() == 1 + 3
    assert len(stored()) == 5
    monkeypatch.setattr(leftovers, "GRACE", timedelta(days=1))
    for section in await sections(course):
        # Removed sections are archived, and their pictures stay.
        await admin.delete(f"/courses/{course}/sections/{section['id']}")
    await jobs.sweep(0)
    await clock(days=3)
    await jobs.sweep(0)
    assert (await session.execute(select(func.count()).select_from(Media))).scalar_one() == 4
    await healthy()


async def test_a_picture_that_no_section_names_goes_after_a_day_and_comes_back_before(
    empty_storage, admin, course, upload, sections, clock, session, monkeypatch, healthy
):
    await upload(admin, course, "databases.docx")
    section = (await sections(course))[0]
    path = f"/courses/{course}/sections/{section['id']}"
    await admin.patch(path, {"content": "<p>Without a picture</p>"})
    assert await leftovers.sweep_media() == 0
    assert (
        await session.execute(select(func.count()).where(Media.unused_since.is_not(None)))
    ).scalar_one() == 1
    await admin.patch(path, {"content": section["content"]})
    await clock(days=2)
    assert await leftovers.sweep_media() == 0
    assert (
        await session.execute(select(func.count()).where(Media.unused_since.is_not(None)))
    ).scalar_one() == 0
    await admin.patch(path, {"content": None})
    assert await leftovers.sweep_media() == 0
    await clock(days=4)
    assert await leftovers.sweep_media() == 1
    monkeypatch.setattr(leftovers, "GRACE", timedelta(seconds=-60))
    await leftovers.sweep_storage()
    assert len(stored()) == 1 + 3
    await healthy()


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ("DELETE FROM media", "content.pictures_exist"),
        (
            "UPDATE uploads SET status = 'queued', finished_at = NULL, created_at = now() - interval '2 hours'",
            "content.uploads_end",
        ),
        ("DELETE FROM upload_sections", "content.uploads_made_sections"),
        ("UPDATE jobs SET state = 'failed'", "content.work_agrees"),
    ],
)
async def test_the_doctor_finds_what_is_broken(admin, course, upload, damage, name):
    await upload(admin, course, "databases.docx")
    assert await doctor.examine(CHECKS) == []
    async with db.transaction() as writing:
        await writing.execute(text(damage))
    assert [finding.check.name for finding in await doctor.examine(CHECKS)] == [name]
