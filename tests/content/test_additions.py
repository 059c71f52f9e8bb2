"""Editors add pictures, videos and sounds by hand, and write them into sections; a video uploaded as a document plays too."""

import re

import pytest
from sqlalchemy import func, select

from tests.content.documents import PNG
from tests.content.test_media import addresses
from tests.content.test_upload_s3 import s3
from tests.corpus.material import mp4_file
from tms.content import leftovers
from tms.content.models import Media, StoredFile, Upload
from tms.platform import db
from tms.platform.settings import get_settings

__all__ = ["s3"]
FILM = mp4_file(media=b"\x07" * 200_000)


@pytest.fixture
def add():
    """`await add(person, course, "a.png", PNG)`: the answer's data, or the problem."""

    async def send(person, course, name, content, status=201):
        answer = await person.post(f"/courses/{course}/media", files={"file": (name, content)}, status=status)
        return answer["data"] if answer["success"] else answer

    return send


async def test_a_picture_is_added_and_written_into_a_section(
    add, people, client, admin, course, sections, healthy, temporary
):
    trainer = await people.trainer()
    await admin.put(f"/courses/{course}/trainers/{trainer.id}")
    added = await add(trainer, course, "a.png", PNG)
    assert added["mediaType"] == "image/png"
    assert (added["width"], added["height"]) == (1, 1)
    assert (await client.get(added["address"])).status_code == 200
    body = {"title": "By hand", "content": f'<p><img src="{added["address"]}" alt="A dot"></p>'}
    await trainer.post(f"/courses/{course}/sections", body)
    (address,) = addresses(await sections(course))
    shown = await client.get(address)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    await healthy()


@pytest.mark.parametrize("where", ["folder", "s3"])
async def test_a_video_is_added_and_played_by_parts(request, where, add, client, admin, course, sections):
    if where == "s3":
        request.getfixturevalue("s3")
    added = await add(admin, course, "film.mp4", FILM)
    assert (added["mediaType"], added["size"]) == ("video/mp4", len(FILM))
    body = {"title": "Watch", "content": f'<p><video src="{added["address"]}" controls></video></p>'}
    await admin.post(f"/courses/{course}/sections", body)
    content = (await sections(course))[0]["content"]
    address = re.search(r'<video [^>]*src="([^"]+)"', content)[1].replace("&amp;", "&")
    part = await client.get(address, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, FILM[100:200])


async def test_a_video_uploaded_as_a_document_shares_its_file_with_what_plays_it(
    client, admin, course, upload, sections, healthy
):
    data = await upload(admin, course, FILM, name="The film.mp4")
    assert data["extractedSections"] == 1
    content = (await sections(course))[0]["content"]
    address = re.search(r'<video [^>]*src="([^"]+)"', content)[1].replace("&amp;", "&")
    part = await client.get(address, headers={"Range": "bytes=-10"})
    assert (part.status_code, part.content) == (206, FILM[-10:])
    async with db.reading() as session:
        keys = (await session.execute(select(Upload.storage_key).union_all(select(Media.storage_key)))).all()
        assert len(set(keys)) == 1
        assert len(keys) == 2
    await healthy()


async def test_the_same_file_is_added_once(add, admin, course, session):
    first = await add(admin, course, "a.png", PNG)
    again = await add(admin, course, "another name.png", PNG)
    assert first["id"] == again["id"]
    assert (await session.execute(select(func.count()).select_from(StoredFile))).scalar_one() == 1


async def test_a_drawing_is_made_safe(add, client, admin, course):
    hostile = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><rect onload="x()" width="1"/></svg>'
    added = await add(admin, course, "a.svg", hostile)
    shown = (await client.get(added["address"])).content
    assert b"<rect" in shown
    assert b"script" not in shown
    assert b"onload" not in shown


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("a.docx", b"PK\x03\x04", 415, "no_media"),
        ("a.html", b"<script>alert(1)</script>", 415, "no_media"),
        ("noname", PNG, 415, "no_media"),
        ("a.png", b"<html><script>alert(1)</script>", 422, "type_mismatch"),
        ("a.png", FILM, 422, "type_mismatch"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom", 422, "corrupt_document"),
        ("a.png", b"", 422, "empty_file"),
    ],
)
async def test_what_is_no_medium_is_refused(add, admin, course, temporary, name, content, status, code):
    assert (await add(admin, course, name, content, status))["code"] == code


async def test_only_editors_of_an_open_course_may_add(add, people, admin, course):
    stranger, student = await people.trainer(), await people.student()
    assert (await add(stranger, course, "a.png", PNG, 404))["code"] == "course_not_found"
    assert (await add(student, course, "a.png", PNG, 403))["code"] == "forbidden"
    await admin.post(f"/courses/{course}/sections", {"title": "One", "content": "<p>One</p>"})
    await admin.put(f"/courses/{course}/publish")
    await admin.put(f"/courses/{course}/archive")
    assert (await add(admin, course, "a.png", PNG, 409))["code"] == "course_archived"


async def test_what_no_section_names_goes_after_a_day_with_its_file(add, admin, course, session, clock):
    await add(admin, course, "a.png", PNG)
    await leftovers.sweep_media()
    await clock(hours=20)
    # Sent again, it is kept for another day.
    await add(admin, course, "a.png", PNG)
    await clock(hours=40)
    assert await leftovers.sweep_media() == 0
    await clock(days=4)
    assert await leftovers.sweep_media() == 1
    await leftovers.sweep_storage()
    await clock(days=6)
    assert await leftovers.sweep_storage() == 1
    assert (await session.execute(select(func.count()).select_from(StoredFile))).scalar_one() == 0
    assert get_settings().aws_s3_bucket is None
