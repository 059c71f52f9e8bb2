"""Files in a folder and in a real S3 server: the same promises for both."""

import asyncio
import contextlib
import os
import time
from datetime import timedelta

import pytest
from tests.platform import object_server

from tms.platform import storage
from tms.platform.settings import get_settings
from tms.platform.storage import MissingObjectError, StorageUnavailableError

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with object_server.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def use(monkeypatch):
    """`use(TMS_HOME=...)`: settings of this test alone."""

    def change(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        get_settings.cache_clear()
        storage._store.cache_clear()

    yield change
    monkeypatch.undo()
    get_settings.cache_clear()
    storage._store.cache_clear()


@pytest.fixture(params=["folder", "s3"])
def kept(request, use, tmp_path):
    """The kind of storage in use."""
    if request.param == "s3":
        use(**request.getfixturevalue("s3").environment())
    else:
        use(TMS_HOME=tmp_path / "home")
    return request.param


def make(tmp_path, content, name="file"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


async def read_all(key):
    return b"".join([chunk async for chunk in storage.read(key)])


@pytest.mark.parametrize("size", [0, 1, 300_000, 12 * MEBIBYTE])
async def test_what_was_put_is_read_back(kept, tmp_path, size):
    content = os.urandom(size)
    await storage.put(f"originals/{size}", make(tmp_path, content))
    assert await read_all(f"originals/{size}") == content
    await storage.fetch(f"originals/{size}", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert await storage.exists(f"originals/{size}")


async def test_large_files_come_in_small_pieces(kept, tmp_path):
    await storage.put("large", make(tmp_path, bytes(5 * MEBIBYTE)))
    sizes = [len(chunk) async for chunk in storage.read("large")]
    assert sum(sizes) == 5 * MEBIBYTE
    assert max(sizes) <= 4 * MEBIBYTE


async def test_putting_again_changes_nothing(kept, tmp_path):
    for _ in range(2):
        await storage.put("same", make(tmp_path, b"same"))
    assert await read_all("same") == b"same"


async def test_many_at_once(kept, tmp_path):
    async def one(number):
        await storage.put(f"many/{number}", make(tmp_path, b"%d" % number, f"f{number}"))
        return await read_all(f"many/{number}")

    assert await asyncio.gather(*(one(number) for number in range(20))) == [
        b"%d" % number for number in range(20)
    ]


async def test_what_is_missing_is_told(kept, tmp_path):
    assert not await storage.exists("nothing")
    with pytest.raises(MissingObjectError):
        await read_all("nothing")
    with pytest.raises(MissingObjectError):
        await storage.fetch("nothing", tmp_path / "copy")


async def test_what_was_deleted_has_gone_and_may_be_deleted_again(kept, tmp_path):
    await storage.put("gone", make(tmp_path, b"x"))
    await storage.delete("gone")
    assert not await storage.exists("gone")
    await storage.delete("gone")


async def test_keys_by_age(kept, tmp_path):
    for name in ("aged/1", "aged/deep/2", "other/3"):
        await storage.put(name, make(tmp_path, b"x"))
    future = timedelta(seconds=-60)
    assert sorted([key async for key in storage.keys_older_than("aged", future)]) == ["aged/1", "aged/deep/2"]
    assert [key async for key in storage.keys_older_than("aged", timedelta(hours=1))] == []
    assert [key async for key in storage.keys_older_than("empty", future)] == []


async def test_more_keys_than_a_page(kept, tmp_path):
    path = make(tmp_path, b"x")
    for number in range(120):
        await storage.put(f"paged/{number:03}", path)
    keys = [key async for key in storage.keys_older_than("paged", timedelta(seconds=-60))]
    assert sorted(keys) == [f"paged/{number:03}" for number in range(120)]


@pytest.mark.parametrize(
    "changed", [{"AWS_SECRET_ACCESS_KEY": "another secret"}, {"AWS_ACCESS_KEY_ID": "somebody-else"}]
)
async def test_wrong_credentials_are_an_outage_not_a_missing_file(s3, use, tmp_path, changed):
    use(**s3.environment())
    await storage.put("guarded", make(tmp_path, b"x"))
    use(**s3.environment(**changed))
    for attempt in (
        storage.put("guarded", tmp_path / "file"),
        read_all("guarded"),
        storage.exists("guarded"),
        storage.delete("guarded"),
    ):
        with pytest.raises(StorageUnavailableError):
            await attempt
    use(**s3.environment())
    assert await read_all("guarded") == b"x"


async def test_a_server_that_is_away_is_told_soon(use, s3, tmp_path):
    use(**s3.environment(AWS_ENDPOINT_URL="http://127.0.0.1:9"))
    began = time.monotonic()
    with pytest.raises(StorageUnavailableError):
        await storage.put("x", make(tmp_path, b"x"))
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("key", ["../outside", "../../outside", "a/../../../outside"])
async def test_no_key_leads_out_of_the_folder(use, tmp_path, key):
    use(TMS_HOME=tmp_path / "home")
    outside = make(tmp_path, b"outside", "outside")
    for attempt in (read_all(key), storage.put(key, make(tmp_path, b"changed")), storage.delete(key)):
        with contextlib.suppress(ValueError, TypeError, StorageUnavailableError, MissingObjectError):
            assert await attempt in {b"", None}
    assert outside.read_bytes() == b"outside"
