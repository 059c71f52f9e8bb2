"""The original of an upload: byte for byte, under its name, only ever to be saved, and for those alone who may change the course."""

import asyncio
import email.message
from urllib.parse import unquote

import httpx2
import pytest
from sqlalchemy import select, text, update

from tests.content.documents import DATA, build
from tests.content.editing import waiting, work_of
from tests.content.test_upload_s3 import s3
from tests.http.test_files import HOSTILE
from tests.people import API
from tests.progress.learning import NOBODY, make_course
from tms.content import personal, receiving, service
from tms.content.models import Upload
from tms.http import files
from tms.identity import access
from tms.identity.errors import AccountDisabledError
from tms.platform import db, storage

__all__ = ["s3"]
CONTENT = (DATA / "databases.docx").read_bytes()


@pytest.fixture
async def kept(admin, course, upload):
    """The address below the API's prefix of the original of a document that became sections."""
    uploaded = await upload(admin, course, CONTENT, name="Übung 1 – „Daten“.docx")
    return f"/uploads/{uploaded['uploadId']}/original"


def name_of(answer):
    """The name under which a browser saves the answer (RFC 6266: the extended one goes before the plain one)."""
    value = answer.headers["content-disposition"]
    read = email.message.Message()
    read["Content-Disposition"] = value
    assert read.get_content_disposition() == "attachment"
    return unquote(value.rpartition("UTF-8''")[2], errors="strict")


async def call(upload_id, name):
    """What a person had called the file."""
    async with db.transaction() as session:
        await session.execute(update(Upload).where(Upload.id == upload_id).values(file_name=name))


async def test_it_comes_as_it_went(admin, kept):
    answer = await admin.get(kept)
    assert answer.content == CONTENT
    assert name_of(answer) == "Übung 1 – „Daten“.docx"
    told = answer.headers
    assert told["content-type"] == "application/octet-stream"
    assert told["x-content-type-options"] == "nosniff"
    assert told["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert told["cache-control"] == "private, no-cache"
    assert int(told["content-length"]) == len(CONTENT)


@pytest.mark.parametrize("name", ["page.html", "picture.svg", "picture.png", "film.mp4", "text.txt"])
async def test_nothing_is_shown_in_a_browser(admin, course, name):
    """What browsers would show or run is saved like all else, whatever it is called."""
    upload_id = await waiting(course, admin, [("A", "<p>A.</p>")], original=b"<script>alert(1)</script>")
    await call(upload_id, name)
    answer = await admin.get(f"/uploads/{upload_id}/original")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-type"] == files.SAVED_TYPE
    assert name_of(answer) == name


async def test_parts_and_versions(admin, kept):
    part = await admin.get(kept, status=206, headers={"Range": "bytes=100-199"})
    assert part.content == CONTENT[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(CONTENT)}"
    etag = part.headers["etag"]
    last = await admin.get(kept, status=206, headers={"Range": "bytes=-10", "If-Range": etag})
    assert last.content == CONTENT[-10:]
    other = await admin.get(kept, headers={"Range": "bytes=-10", "If-Range": '"other"'})
    assert other.content == CONTENT
    known = await admin.get(kept, status=304, headers={"If-None-Match": etag})
    assert known.content == b""
    beyond = await admin.http.get(f"{API}{kept}", headers={"Range": f"bytes={len(CONTENT)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(CONTENT)}"
    told = await admin.request("HEAD", kept)
    assert (told.content, told.headers["content-length"]) == (b"", str(len(CONTENT)))


async def test_hostile_names(admin, course):
    """As an upload's name is kept, so the file is called; the header holds one name and nothing besides."""
    upload_id = await waiting(course, admin, [("A", "<p>A.</p>")], original=b"words")
    for name in HOSTILE:
        shown = receiving.display_name(name)
        await call(upload_id, shown)
        answer = await admin.get(f"/uploads/{upload_id}/original")
        assert name_of(answer) == shown
        assert not {"/", "\\"} & set(shown)
        assert "set-cookie" not in answer.headers
        assert answer.headers["content-type"] == files.SAVED_TYPE


async def test_who_is_given_it(people, admin, course, kept):
    trainer, editor, student = await people.trainer(), await people.trainer(), await people.student()
    await admin.put(f"/courses/{course}/trainers/{editor.id}")
    await admin.put(f"/courses/{course}/publish")
    await admin.post(f"/courses/{course}/assignments", {"studentIds": [str(student.id)]}, status=201)
    assert (await editor.get(kept)).content == CONTENT
    # A published course can be read by every trainer; its documents are for those who may change it.
    assert (await trainer.get(kept, status=404))["code"] == "upload_not_found"
    assert (await student.get(kept, status=403))["code"] == "forbidden"
    nobody = await people.anonymous()
    assert (await nobody.get(kept, status=401))["code"] == "no_token"
    assert (await admin.get(f"/uploads/{NOBODY}/original", status=404))["code"] == "upload_not_found"


async def test_while_it_is_read_and_after_it_was_cancelled(admin, course):
    upload_id = await waiting(course, admin, [], status="processing", original=b"words")
    address = f"/uploads/{upload_id}/original"
    assert (await admin.get(address)).content == b"words"
    await admin.post(f"/jobs/{work_of(upload_id)}/cancel", {})
    # The file may still lie in storage; nothing came of it.
    assert (await admin.get(address, status=404))["code"] == "original_not_kept"


async def test_of_what_was_discarded_replaced_or_refused(admin, course, upload, tmp_path):
    outline = await waiting(course, admin, [("A", "<p>A.</p>")], original=b"words")
    await admin.delete(f"/uploads/{outline}")
    assert (await admin.get(f"/uploads/{outline}/original", status=404))["code"] == "original_not_kept"
    await upload(admin, course, b"\x00\x01 nothing", name="a.docx", status=422)
    refused = (await admin.get(f"/courses/{course}/uploads"))["data"][0]["uploadId"]
    assert (await admin.get(f"/uploads/{refused}/original", status=404))["code"] == "original_not_kept"
    # An edition that was replaced is a part of the course's history, and kept.
    first = (await upload(admin, course, CONTENT, name="a.docx"))["uploadId"]
    second = build(tmp_path / "b.docx", ("Heading 1", "Other"), (None, "Words.")).read_bytes()
    edition = await admin.post(
        f"/courses/{course}/upload-content?replaces={first}", files={"file": ("b.docx", second)}
    )
    await admin.post(f"/uploads/{edition['data']['uploadId']}/apply", {})
    assert (await admin.get(f"/uploads/{first}"))["data"]["status"] == "replaced"
    assert (await admin.get(f"/uploads/{first}/original")).content == CONTENT


async def test_of_a_person_who_is_erased(people, admin, course, upload):
    trainer = await people.trainer()
    await admin.put(f"/courses/{course}/trainers/{trainer.id}")
    uploaded = await upload(trainer, course, CONTENT, name="Curriculum of Toni Trainer.docx")
    address = f"/uploads/{uploaded['uploadId']}/original"
    async with db.transaction() as session:
        await personal.forget_file_names(session, trainer.id)
    assert name_of(await admin.get(address)) == "document"
    assert await personal.remove_files(trainer.id)
    assert (await admin.get(address, status=404))["code"] == "upload_not_found"


async def test_a_file_that_the_storage_has_lost(admin, kept, session):
    key = (await session.execute(select(Upload.storage_key))).scalar_one()
    await storage.delete(key)
    assert (await admin.get(kept, status=404))["code"] == "original_not_kept"


async def test_from_s3(s3, admin, upload):
    course = (await make_course(by=admin, status="draft")).id
    uploaded = await upload(admin, course, CONTENT, name="a.docx")
    await asyncio.gather(*service._working)
    address = f"/uploads/{uploaded['uploadId']}/original"
    assert (await admin.get(address)).content == CONTENT
    part = await admin.get(address, status=206, headers={"Range": "bytes=7-"})
    assert part.content == CONTENT[7:]


async def test_who_is_disabled_meanwhile_gets_no_more(people, admin, course, monkeypatch):
    """Between two pieces of a long download it is asked again who gets it."""
    monkeypatch.setattr(files, "RECHECK_SECONDS", 0.0)
    monkeypatch.setattr(storage, "PIECE_BYTES", 4)
    upload_id = await waiting(course, admin, [("A", "<p>A.</p>")], original=b"words and more words")
    editor = await people.trainer()
    await admin.put(f"/courses/{course}/trainers/{editor.id}")
    address = f"/uploads/{upload_id}/original"
    assert (await editor.get(address)).content == b"words and more words"
    read = storage.read

    async def read_and_disable(key, start, stop):
        async for chunk in read(key, start, stop):
            yield chunk
            async with db.transaction() as session:
                await session.execute(
                    text("UPDATE users SET status = 'disabled' WHERE id = :id"), {"id": editor.id}
                )
            access.forget()

    monkeypatch.setattr(storage, "read", read_and_disable)
    with pytest.raises(RuntimeError, match="already started") as broken_off:
        await editor.get(address)
    assert isinstance(broken_off.value.__cause__, AccountDisabledError)


async def test_the_pages_give_it_by_cookie(app, admin, kept):
    """Without a session a browser is sent to sign in; tokens open the API's door alone."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://tms.test"
    ) as nobody:
        answer = await nobody.get(f"/staff{kept}", headers={"Authorization": f"Bearer {admin.token}"})
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")
