"""The whole walk of an upload with a real S3 server as storage."""

import re
from datetime import timedelta

import pytest

from tests.platform import object_server
from tms.content import files
from tms.platform import storage
from tms.platform.settings import get_settings


@pytest.fixture
def s3(tmp_path, monkeypatch):
    with object_server.running(tmp_path) as server, monkeypatch.context() as patched:
        for name, value in server.environment().items():
            patched.setenv(name, value)
        get_settings.cache_clear()
        storage._store.cache_clear()
        yield server
    get_settings.cache_clear()
    storage._store.cache_clear()


async def test_a_document_and_its_pictures(s3, client, admin, course, upload, sections, healthy, temporary):
    data = await upload(admin, course, "python-basics.docx")
    assert data["extractedSections"] == 6
    addresses = re.findall(
        r'src="([^"]+)"', "".join(section["content"] for section in await sections(course))
    )
    assert len(addresses) == 15
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code == 200
        assert len(answer.content) == int(answer.headers["content-length"])
    keys = [key async for key in storage.keys_older_than(files.PREFIX, timedelta(minutes=-1))]
    assert len(keys) == 1 + 15
    await healthy()
