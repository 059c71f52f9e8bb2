"""Videos are read by parts, as players do; whatever is asked, a part is the bytes it says, and nothing runs."""

import asyncio
import hashlib
import os
import random
import time

import pytest
from sqlalchemy import insert, update

from tests.content.test_upload_s3 import s3
from tms.content import files
from tms.content.models import Media
from tms.platform import db, signing
from tms.platform.ids import new_id
from tms.platform.settings import get_settings

__all__ = ["s3"]
MEBIBYTE = 1024 * 1024
CONTENT = os.urandom(3 * MEBIBYTE + 12_345)


@pytest.fixture(params=["folder", "s3"])
def where(request):
    """Both kinds of storage."""
    if request.param == "s3":
        request.getfixturevalue("s3")


async def add(tmp_path, *, content=CONTENT, media_type="video/mp4"):
    """A stored file with its row, as the upload of one makes them; gives id and signed address."""
    path = tmp_path / "content"
    await asyncio.to_thread(path.write_bytes, content)
    sha256 = hashlib.sha256(content).hexdigest()
    key = await files.keep(path, sha256=sha256, size=len(content))
    media_id = new_id()
    values = {"media_type": media_type, "size": len(content), "sha256": sha256, "width": 0, "height": 0}
    async with db.transaction() as session:
        await files.name(session, [key])
        await session.execute(insert(Media).values(id=media_id, storage_key=key, **values))
    return media_id, signing.sign(f"/api/v1/media/{media_id}")


async def test_parts_are_what_they_say(where, client, tmp_path):
    _, address = await add(tmp_path)
    whole = await client.get(address)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["accept-ranges"] == "bytes"
    size = len(CONTENT)
    for asked, start, stop in (
        ("0-0", 0, 1),
        ("0-1023", 0, 1024),
        (f"{MEBIBYTE - 1}-{MEBIBYTE}", MEBIBYTE - 1, MEBIBYTE + 1),
        (f"{MEBIBYTE}-", MEBIBYTE, size),
        ("-1", size - 1, size),
        (f"-{2 * MEBIBYTE}", size - 2 * MEBIBYTE, size),
        (f"{size - 5}-{size + 99}", size - 5, size),
    ):
        answer = await client.get(address, headers={"Range": f"bytes={asked}"})
        assert answer.status_code == 206, asked
        assert answer.content == CONTENT[start:stop]
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["content-length"] == str(stop - start)
        assert answer.headers["etag"] == whole.headers["etag"]


async def test_what_cannot_be_given(client, tmp_path):
    _, address = await add(tmp_path)
    beyond = await client.get(address, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert beyond.json()["code"] == "range_not_satisfiable"
    for ignored in ("bytes=0-1,5-6", "bytes=5-1", "pages=1-2", "bytes=" + "0-,-1," * 1000):
        answer = await client.get(address, headers={"Range": ignored})
        assert (answer.status_code, len(answer.content)) == (200, len(CONTENT))


async def test_conditions(client, tmp_path):
    _, address = await add(tmp_path)
    tag = (await client.head(address)).headers["etag"]
    part = {"Range": "bytes=1-2"}
    assert (await client.get(address, headers=part | {"If-Range": tag})).status_code == 206
    for other in ('"older"', f"W/{tag}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        answer = await client.get(address, headers=part | {"If-Range": other})
        assert (answer.status_code, len(answer.content)) == (200, len(CONTENT))
    # What is known already is not sent again, whatever part of it is asked for.
    known = await client.get(address, headers=part | {"If-None-Match": f'"x", W/{tag}'})
    assert (known.status_code, known.content) == (304, b"")


async def test_a_head_tells_what_a_get_of_the_whole_would_give(client, tmp_path):
    _, address = await add(tmp_path)
    answer = await client.head(address, headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"] == "video/mp4"
    assert (await client.head(address.partition("?")[0])).status_code == 404


async def test_an_empty_file(client, tmp_path):
    _, address = await add(tmp_path, content=b"")
    assert (await client.get(address)).content == b""
    assert (await client.get(address, headers={"Range": "bytes=0-"})).status_code == 416


@pytest.mark.parametrize(
    ("media_type", "disposition"),
    [
        ("video/mp4", "inline"),
        ("audio/mpeg", "inline"),
        ("image/svg+xml", "inline"),
        ("text/html", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/pdf", "attachment"),
        ("text/javascript", "attachment"),
    ],
)
async def test_nothing_is_shown_that_could_run(client, tmp_path, media_type, disposition):
    _, address = await add(tmp_path, content=b"<script>alert(1)</script>", media_type=media_type)
    for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": "*"}):
        answer = await client.get(address, headers=headers)
        assert answer.headers["content-disposition"] == disposition
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["cache-control"].startswith("private")


async def test_what_is_played_may_be_asked_for_longer(client, tmp_path, monkeypatch):
    film, film_address = await add(tmp_path)
    picture, picture_address = await add(tmp_path, content=b"x", media_type="image/png")
    monkeypatch.setattr(signing, "LIFETIME_SECONDS", -1)
    assert (await client.get(film_address, headers={"Range": "bytes=5-"})).status_code == 206
    assert (await client.get(picture_address)).status_code == 404
    monkeypatch.setattr(signing, "PLAYING_SECONDS", -1)
    assert (await client.get(film_address)).status_code == 404
    assert film != picture


async def test_a_file_that_was_cut_short_is_not_made_up(client, tmp_path):
    media_id, address = await add(tmp_path)
    async with db.transaction() as session:
        longer = len(CONTENT) + 10
        await session.execute(update(Media).where(Media.id == media_id).values(size=longer))
    answer = await client.get(address, headers={"Range": f"bytes={longer - 5}-"})
    assert answer.status_code in {404, 503}


async def test_many_overlapping_parts_cost_little(client, tmp_path):
    """A thousand requests for parts of a large file: as cheap as parts of a small one, and none is read beyond its end."""
    _, large = await add(tmp_path)
    _, small = await add(tmp_path, content=CONTENT[:20_000])
    chance = random.Random(1)

    async def cost(address, within):
        began = time.process_time()
        for _ in range(200):
            start = chance.randrange(within)
            headers = {"Range": f"bytes={start}-{start + 99}"}
            answer = await client.get(address, headers=headers)
            assert answer.content == CONTENT[start : start + 100]
        return time.process_time() - began

    await cost(small, 10_000)
    cheap, dear = await cost(small, 10_000), await cost(large, len(CONTENT) - 100)
    assert dear < 3 * cheap
    assert get_settings().aws_s3_bucket is None
