"""The API in a process of its own: what a large file costs it in memory, and what readers of documents cost its callers."""

import asyncio
import statistics
import struct
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.content.conftest import WORD
from tests.content.documents import DATA
from tests.content.test_upload_s3 import s3
from tests.corpus.material import mp4_file
from tests.fuzz.serving import Served
from tests.people import API
from tests.progress.learning import make_course
from tms.platform import signing

__all__ = ["s3"]
MEBIBYTE = 1024 * 1024
MOST_BYTES = 64 * MEBIBYTE
FORM = (
    b'--xxxxxxxx\r\nContent-Disposition: form-data; name="file"; filename="film.mp4"\r\n'
    b"Content-Type: video/mp4\r\n\r\n"
)


@pytest.fixture
def served(database, tmp_path, request):
    """The API on the database and the storage of the test, which may be S3."""
    if getattr(request, "param", "folder") == "s3":
        request.getfixturevalue("s3")
    running = Served(database, tmp_path / "log.txt")
    try:
        yield running.ready()
    finally:
        running.stop()


def film(mebibytes):
    """A form with a video in it, in pieces: never whole in the memory of whoever sends it."""
    yield FORM + mp4_file(media=b"")[:-8] + struct.pack(">I4s", mebibytes * MEBIBYTE + 8, b"mdat")
    for number in range(mebibytes):
        yield bytes([number % 256]) * MEBIBYTE
    yield b"\r\n--xxxxxxxx--\r\n"


class Memory:
    """How much more memory a process has held at once since `start`, in bytes (Linux: the high-water mark)."""

    def __init__(self, pid):
        self.folder = Path(f"/proc/{pid}")

    def start(self):
        (self.folder / "clear_refs").write_text("5")
        self.before = self._told("VmRSS")

    def more(self):
        return self._told("VmHWM") - self.before

    def _told(self, name):
        status = (self.folder / "status").read_text()
        return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def send_and_read(served, token, course, mebibytes):
    """Upload a film as a medium and as a document, and read it again; the memory that each took."""
    memory = Memory(served.process.pid)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "multipart/form-data; boundary=xxxxxxxx"}
    took = {}
    with httpx2.Client(base_url=served.url, timeout=300) as client:
        # Once small, so that whatever is loaded when it is first needed is there.
        assert (
            client.post(f"{API}/courses/{course}/media", headers=headers, content=film(1)).status_code == 201
        )
        memory.start()
        added = client.post(f"{API}/courses/{course}/media", headers=headers, content=film(mebibytes))
        assert added.status_code == 201, added.text
        took["sent"] = memory.more()
        memory.start()
        data = added.json()["data"]
        assert data["size"] > mebibytes * MEBIBYTE
        with client.stream("GET", signing.sign(f"{API}/media/{data['id']}")) as answer:
            assert sum(len(chunk) for chunk in answer.iter_raw()) == data["size"]
        took["read"] = memory.more()
        memory.start()
        path = f"{API}/courses/{course}/upload-content"
        uploaded = client.post(path, headers=headers, content=film(mebibytes + 1))
        assert uploaded.status_code in {200, 202}, uploaded.text
        took["as a document"] = memory.more()
    return took


async def check_memory(served, people, mebibytes):
    admin = await people.admin()
    course = (await make_course(by=admin, status="draft")).id
    took = await asyncio.to_thread(send_and_read, served, admin.token, course, mebibytes)
    assert max(took.values()) < MOST_BYTES, took


async def test_a_large_file_takes_little_memory(served, people):
    await check_memory(served, people, 100)


@pytest.mark.long
@pytest.mark.parametrize("served", ["folder", "s3"], indirect=True)
async def test_two_hundred_mebibytes_take_little_memory(served, people):
    await check_memory(served, people, 200)


async def asked(client, seconds):
    """How long each of many small requests took, one after the other."""
    took = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.perf_counter()
        assert (await client.get(f"{API}/me")).status_code == 200
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.005)
    return took


UPLOADERS, TURNS, BUSY_SECONDS = 2, 3, 6


@pytest.mark.long
async def test_others_are_answered_while_documents_are_read(served, people):
    """Two people upload without pause; requests of a third one are measured with them and without, in turns."""
    admin = await people.admin()
    content = (DATA / "databases.docx").read_bytes()
    headers = {"Authorization": f"Bearer {admin.token}"}
    uploads = 0
    enough = asyncio.Event()

    async with httpx2.AsyncClient(base_url=served.url, headers=headers, timeout=120) as client:

        async def upload_on():
            nonlocal uploads
            while not enough.is_set():
                course = (await make_course(by=admin, status="draft")).id
                files = {"file": ("a.docx", content, WORD)}
                answer = await client.post(f"{API}/courses/{course}/upload-content", files=files)
                assert answer.status_code in {200, 202}, answer.text
                uploads += 1

        await asked(client, 2)
        quiet, busy = [], []
        for _ in range(TURNS):
            quiet += await asked(client, 4)
            enough.clear()
            uploaders = [asyncio.create_task(upload_on()) for _ in range(UPLOADERS)]
            await asyncio.sleep(0.5)
            busy += await asked(client, BUSY_SECONDS)
            enough.set()
            await asyncio.gather(*uploaders)
    (before, during), (_, worst) = (
        [statistics.quantiles(took, n=100)[place] for took in (quiet, busy)] for place in (94, 98)
    )
    told = f"p95 {before * 1000:.1f} ms, with {uploads} documents meanwhile {during * 1000:.1f} ms, p99 {worst * 1000:.1f} ms"
    sys.stdout.write(f"{told}: {during / before:.2f} times\n")
    # Where processors are few everybody shares them; but nobody waits for a document to be read.
    reading = UPLOADERS * TURNS * BUSY_SECONDS / uploads
    assert worst < reading / 10, told
