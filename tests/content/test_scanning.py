"""Uploads are shown to a virus scanner first: a genuine ClamAV where it is installed, and scanners that fail in every way."""

import asyncio
import shutil
import subprocess
import time
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, select

from tests.content.documents import DATA, PNG
from tests.content.test_additions import add
from tests.corpus.material import zipped
from tests.runtime.test_up import free_port
from tms.content.doctor import CHECKS
from tms.content.models import StoredFile, Upload
from tms.operations import doctor
from tms.platform import db, scanner
from tms.platform.settings import get_settings

__all__ = ["add"]
MARK = b"these words stand for a virus"
STREAM_BYTES = 300_000
CONFIGURATION = """
Foreground yes
DatabaseDirectory {folder}/signatures
TemporaryDirectory {folder}
LocalSocket {folder}/clamd.sock
TCPSocket {port}
TCPAddr 127.0.0.1
StreamMaxLength {bytes}
"""
START_SECONDS = 30
needs_clamd = pytest.mark.skipif(shutil.which("clamd") is None, reason="clamd (ClamAV) is not installed")


@pytest.fixture
def scanned_by(monkeypatch):
    """`scanned_by(address)`: uploads go to the scanner there."""

    def name(address):
        monkeypatch.setenv("CLAMD_URL", address)
        get_settings.cache_clear()

    yield name
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture(scope="module", params=["unix", "tcp"])
def clamd(request, tmp_path_factory):
    """A genuine scanner that knows one signature; gives its address."""
    port = free_port()
    folder = tmp_path_factory.mktemp("clamd")
    (folder / "signatures").mkdir()
    (folder / "signatures" / "own.ndb").write_text(f"Own.Mark:0:*:{MARK.hex()}\n")
    (folder / "clamd.conf").write_text(CONFIGURATION.format(folder=folder, port=port, bytes=STREAM_BYTES))
    command = [shutil.which("clamd"), "-c", str(folder / "clamd.conf")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "clamd.sock").is_socket():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"unix://{folder}/clamd.sock" if request.param == "unix" else f"tcp://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@asynccontextmanager
async def answering(answer):
    """A scanner whose answer to everything is `await answer(reader, writer)`."""
    tasks = []

    async def serve(reader, writer):
        tasks.append(asyncio.current_task())
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def nothing_is_kept():
    async with db.reading() as session:
        for table in (Upload, StoredFile):
            assert (await session.execute(select(func.count()).select_from(table))).scalar_one() == 0


async def silent():
    """The findings of `tms doctor` about the scanner."""
    (check,) = [check for check in CHECKS if check.name == "content.scanner_answers"]
    return [finding.ids for finding in await doctor.examine([check])]


@needs_clamd
async def test_what_the_scanner_knows_is_refused_and_nothing_of_it_is_kept(
    clamd, scanned_by, admin, course, upload, add, temporary
):
    scanned_by(clamd)
    assert await silent() == []
    text = b"# Heat\n\nWater boils. " + MARK
    for name, content in (("a.md", text), ("a.zip", zipped({"a.md": text.decode()}))):
        refused = await upload(admin, course, content, name=name, status=422)
        assert refused["code"] == "infected"
        assert "Own.Mark" in refused["detail"]
    assert (await add(admin, course, "a.png", PNG + MARK, status=422))["code"] == "infected"
    await nothing_is_kept()


@needs_clamd
async def test_what_it_does_not_know_becomes_lessons(
    clamd, scanned_by, admin, course, upload, sections, add, healthy
):
    scanned_by(clamd)
    await upload(admin, course, "databases.docx")
    assert len(await sections(course)) == 9
    await add(admin, course, "a.png", PNG)
    await healthy()


@needs_clamd
async def test_what_is_larger_than_it_looks_at_is_refused_with_advice(
    clamd, scanned_by, admin, course, upload
):
    scanned_by(clamd)
    content = (DATA / "python-basics.docx").read_bytes()
    assert len(content) > 5 * STREAM_BYTES
    refused = await upload(admin, course, content, name="a.docx", status=413)
    assert "StreamMaxLength" in refused["detail"]
    await nothing_is_kept()


async def swallow(reader):
    """Take all that a client sends of a file."""
    assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
    while size := int.from_bytes(await reader.readexactly(4)):
        await reader.readexactly(size)


async def says_nothing(reader, writer):
    await swallow(reader)
    await asyncio.sleep(30)


async def ends(reader, writer):
    await swallow(reader)
    writer.close()


async def hangs_up(reader, writer):
    writer.transport.abort()


async def talks_nonsense(reader, writer):
    await swallow(reader)
    writer.write(b"stream: maybe\0" * 1000)
    writer.close()


async def is_out_of_order(reader, writer):
    await swallow(reader)
    writer.write(b"Can't create temporary file. ERROR\0")
    writer.close()


@pytest.mark.parametrize("fault", [says_nothing, ends, hangs_up, talks_nonsense, is_out_of_order])
async def test_nothing_is_taken_in_without_a_verdict(
    scanned_by, admin, course, upload, monkeypatch, temporary, fault
):
    monkeypatch.setattr(scanner, "VERDICT_SECONDS", 0.5)
    monkeypatch.setattr(scanner, "CONNECT_SECONDS", 0.5)
    async with answering(fault) as address:
        scanned_by(address)
        refused = await upload(admin, course, "databases.docx", status=503)
        assert refused["code"] == "scanner_unavailable"
        assert await silent() == [(address,)]
    await nothing_is_kept()


async def test_nothing_is_taken_in_where_nobody_listens(scanned_by, admin, course, upload, tmp_path):
    async with answering(ends) as address:
        pass
    for nobody in (address, f"unix://{tmp_path}/clamd.sock"):
        scanned_by(nobody)
        assert (await upload(admin, course, "databases.docx", status=503))["code"] == "scanner_unavailable"
        assert await silent() == [(nobody,)]
    await nothing_is_kept()
