"""Reading happens in a child that is stopped at its limits, sees nothing of the machine, and is not trusted."""

import asyncio
import contextlib
import json
import os
import re
import socket
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.content.documents import DATA, build
from tms.content import child, sandbox
from tms.content.confine import Confinement
from tms.content.errors import (
    CorruptDocumentError,
    DocumentTooComplexError,
    DocumentTooLargeError,
    EmptyFileError,
    EncryptedDocumentError,
    UnsupportedTypeError,
)
from tms.content.sandbox import Limits

PLANTED = str(Path(__file__).parent / "planted.py")
QUICK = Limits(cpu_seconds=1, seconds=5, memory_bytes=256 * 1024 * 1024, file_bytes=4 * 1024 * 1024)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files; what is in it after a test was left behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def plant(monkeypatch, tmp_path, temporary):
    """Runs the planted reader: `await plant("loop")`."""

    async def run(what, limits=QUICK, progress=None):
        monkeypatch.setattr(sandbox, "_PROGRAM", (PLANTED, what))
        path = tmp_path / "input.docx"
        path.write_bytes(b"anything")
        async with sandbox.extracting(
            path, filename="a.docx", limits=limits, progress=progress
        ) as extraction:
            return extraction

    return run


@pytest.fixture
def plants(tmp_path):
    """`plants()`: the processes of this test that still run the planted reader."""

    def find():
        return [
            process.pid
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and PLANTED in (process.info["cmdline"] or [])
            and any(str(tmp_path) in part for part in process.info["cmdline"])
        ]

    return find


async def test_the_real_documents(temporary):
    steps = []

    async def progress(fraction, message):
        steps.append((fraction, message))

    for name, lessons, pictures in (("python-basics.docx", 6, 15), ("databases.docx", 9, 4)):
        async with sandbox.extracting(DATA / name, filename=name, progress=progress) as extraction:
            assert len(extraction.lessons) == lessons
            assert len(extraction.pictures) == pictures
            assert [picture.number for picture in extraction.pictures] == list(range(1, pictures + 1))
            assert all(picture.path.stat().st_size == picture.size for picture in extraction.pictures)
            assert extraction.kind == "docx"
    fractions = [fraction for fraction, _ in steps]
    assert fractions[: len(fractions) // 2] == sorted(fractions[: len(fractions) // 2])
    assert ("Found 9 lessons") in [message for _, message in steps]


@pytest.mark.parametrize(
    ("name", "kind", "lessons", "pictures"),
    [
        ("python-basics.pdf", "pdf", 6, 8),
        ("errors-and-debugging.epub", "epub", 3, 1),
        ("command-line.html", "html", 1, 0),
        ("files.md", "markdown", 1, 0),
    ],
)
async def test_the_real_documents_of_other_formats(temporary, name, kind, lessons, pictures):
    async with sandbox.extracting(DATA / name, filename=name) as extraction:
        assert (extraction.kind, len(extraction.lessons)) == (kind, lessons)
        assert len(extraction.pictures) == pictures
        assert all(picture.path.stat().st_size == picture.size for picture in extraction.pictures)


async def test_two_at_once_do_not_meet(temporary, tmp_path):
    async def one(number):
        path = build(tmp_path / f"{number}.docx", ("Heading 1", f"Lesson {number}"), (None, "a"))
        async with sandbox.extracting(path, filename="a.docx") as extraction:
            await asyncio.sleep(0.1)
            return extraction.lessons[0].title

    assert await asyncio.gather(one(1), one(2)) == ["Lesson 1", "Lesson 2"]


@pytest.mark.parametrize(
    ("content", "name", "outcome"),
    [
        (b"", "a.docx", EmptyFileError),
        (b"\x1a\x45\xdf\xa3 matroska", "a.mkv", UnsupportedTypeError),
        (b"\x00\x00\x00\x14ftypqt  ", "a.mov", UnsupportedTypeError),
        (b"%PDF-1.7", "a.pdf", CorruptDocumentError),
        (b"PK\x03\x04", "a.docx", CorruptDocumentError),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "a.docx",
            EncryptedDocumentError,
        ),
    ],
)
async def test_refusals_come_through_with_their_advice(temporary, tmp_path, content, name, outcome):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(outcome) as refusal:
        async with sandbox.extracting(path, filename=name):
            pass
    assert len(refusal.value.detail) > 20


async def test_names_are_only_data(temporary, tmp_path):
    path = build(tmp_path / "x", (None, "a"))
    for name in (
        "--help.docx",
        "a\nb\x00c.docx",
        "$(id).docx",
        "../../x.docx",
        "ü" * 300 + ".docx",
        "-c.docx",
    ):
        async with sandbox.extracting(path, filename=name) as extraction:
            title = extraction.lessons[0].title
            assert "\n" not in title
            assert "/" not in title
            assert len(title) <= 255


async def test_an_endless_loop_ends_at_the_limit_of_processor_time(plant):
    # Readers give way: on a busy machine a second of processor time may take long.
    with pytest.raises(DocumentTooComplexError) as refusal:
        await plant("loop", Limits(cpu_seconds=1, seconds=60))
    assert "longer than" not in refusal.value.detail


async def test_waiting_ends_at_the_limit_of_the_clock(plant, plants):
    with pytest.raises(DocumentTooComplexError, match=r"longer than 1\.5 seconds"):
        await plant("sleep", Limits(seconds=1.5))
    assert plants() == []


async def test_memory_is_bounded(plant):
    with pytest.raises(DocumentTooComplexError) as refusal:
        await plant("hog")
    assert "longer than" not in refusal.value.detail


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        ("recurse", DocumentTooComplexError),
        ("crash", DocumentTooComplexError),
        ("killed", DocumentTooComplexError),
        ("fill", DocumentTooLargeError),
        ("raise", CorruptDocumentError),
        ("silent", CorruptDocumentError),
        ("nul", CorruptDocumentError),
        ("surrogate", CorruptDocumentError),
        ("long", CorruptDocumentError),
        ("link", CorruptDocumentError),
        ("outside", CorruptDocumentError),
        ("extra", CorruptDocumentError),
    ],
)
async def test_whatever_goes_wrong_has_an_outcome(plant, what, outcome):
    with pytest.raises(outcome) as refusal:
        await plant(what)
    assert "secret" not in refusal.value.detail


async def test_processes_that_the_child_began_end_with_it(plant, plants):
    with pytest.raises((DocumentTooComplexError, CorruptDocumentError)):
        await plant("fork", Limits(seconds=1.5))
    assert plants() == []


async def test_cancelling_ends_the_child(plant, plants):
    asleep = asyncio.Event()

    async def progress(fraction, message):
        asleep.set()

    reading = asyncio.create_task(plant("sleep", Limits(), progress))
    await asyncio.wait_for(asleep.wait(), 10)
    assert plants() != []
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert plants() == []


async def test_a_progress_callback_that_fails_ends_the_child(plant, plants):
    async def progress(fraction, message):
        raise ConnectionError("the listener has gone")

    with pytest.raises(ConnectionError):
        await plant("sleep", Limits(), progress)
    assert plants() == []


async def test_the_child_ends_when_its_parent_is_killed(tmp_path, plants):
    program = (
        "import asyncio, pathlib, sys\nfrom tms.content import sandbox\n"
        f"sandbox._PROGRAM = ({str(Path(__file__).parent / 'planted.py')!r}, 'sleep')\n"
        "async def tell(*_): print('asleep', flush=True)\n"
        "asyncio.run(sandbox.extract(pathlib.Path(sys.argv[1]), filename='a.docx', folder=pathlib.Path(sys.argv[2]),"
        " progress=tell))"
    )
    (tmp_path / "input.docx").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(tmp_path / "input.docx"),
        str(tmp_path / "folder"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert await asyncio.wait_for(parent.stdout.readline(), 20) == b"asleep\n"
    assert plants() != []
    parent.kill()
    await parent.wait()
    for _ in range(100):
        if not plants():
            break
        await asyncio.sleep(0.05)
    assert plants() == []


async def test_floods_of_progress_are_dropped(plant):
    steps = []

    async def progress(fraction, message):
        steps.append(message)

    extraction = await plant("chatter", Limits(), progress)
    assert extraction.lessons[0].title == "A title"
    assert steps == []


async def test_what_the_child_hands_over_is_cleaned_once_more(plant):
    extraction = await plant("script")
    assert extraction.lessons[0].html == '<p>Text</p><a rel="noopener noreferrer">l</a>'


WAYS_OUT = {
    # What each line of defence refuses, whatever the others do.
    "filter": {
        "tcp",
        "udp",
        "unix",
        "abstract",
        "ring",
        "fork",
        "clone",
        "program",
        "namespace",
        "signal",
        "group",
    }
    | {"trace", "limit"},
    "landlock": {"environment", "settings", "passwd", "home", "write", "overwrite", "program", "trace"},
    "namespaces": {"tcp", "udp"},
}


@pytest.fixture
def target(tmp_path):
    """What somebody outside has: sockets that listen, and settings with a secret."""
    settings = tmp_path / ".env"
    settings.write_text("SECRET_KEY=x")
    with contextlib.ExitStack() as held:
        listeners = {}
        for name, family, kind, address in (
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("unix", socket.AF_UNIX, socket.SOCK_STREAM, str(tmp_path / "socket")),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{tmp_path}"),
        ):
            listener = held.enter_context(socket.socket(family, kind))
            listener.bind(address)
            if kind == socket.SOCK_STREAM:
                listener.listen()
            name_of = listener.getsockname()
            listeners[name] = name_of[1] if family == socket.AF_INET else str(tmp_path)
        yield listeners | {
            "unix": str(tmp_path / "socket"),
            "settings": str(settings),
            "outside": str(tmp_path / "written-from-within"),
        }


@pytest.fixture
def attempts(monkeypatch, tmp_path, temporary, target):
    """`await attempts("without-landlock")`: the extraction, and what came of each way out."""

    async def run(without="", **limits):
        monkeypatch.setattr(sandbox, "_PROGRAM", (PLANTED, f"{without}:attempt"))
        path = tmp_path / "input.docx"
        path.write_text(json.dumps(target))
        async with sandbox.extracting(
            path, filename="a.docx", limits=Limits(seconds=20, **limits)
        ) as extraction:
            return extraction, json.loads(re.sub("<[^>]*>", "", extraction.lessons[0].html))

    return run


@pytest.mark.parametrize("missing", ["", "namespaces", "landlock", "filter", "namespaces,filter"])
async def test_every_way_out_is_closed_by_what_the_kernel_allows(attempts, target, missing):
    extraction, found = await attempts(f"without-{missing}")
    there = WAYS_OUT.keys() - set(missing.split(","))
    for line in there:
        assert {name for name in WAYS_OUT[line] if found[name] == "done"} == set(), line
    # The child says of itself what is so.
    assert extraction.network_isolated is bool(there & {"filter", "namespaces"})
    assert extraction.files_isolated is ("landlock" in there)
    if "filter" in there and "landlock" in there:
        assert set(found.values()) == {"PermissionError"}
    assert os.access(target["outside"], os.F_OK) is (found["write"] == "done")


async def test_the_ways_out_are_real(attempts):
    """Without any line of defence each of them leads out: so none is closed by accident."""
    extraction, found = await attempts("without-namespaces,landlock,filter")
    closed = {name for name, outcome in found.items() if outcome != "done"}
    # Forks have a limit of their own, but for the superuser; looking into one's parent is up to the system's settings.
    assert closed <= {"fork", "clone", "program", "home", "trace", "environment"}
    assert (extraction.network_isolated, extraction.files_isolated) == (False, False)


async def test_what_is_told_of_this_machine_is_what_a_reader_meets(attempts, temporary, monkeypatch):
    extraction, _ = await attempts()
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert await sandbox.confinement() == Confinement(extraction.network_isolated, extraction.files_isolated)


async def test_nothing_of_our_environment_is_seen(plant):
    extraction = await plant("environment")
    assert set(json.loads(re.sub("<[^>]*>", "", extraction.lessons[0].html))) <= {"TMPDIR", "LC_CTYPE"}


async def test_many_files_that_are_small_each_are_too_much_together(plant):
    limits = Limits(folder_bytes=20 * 1024 * 1024, seconds=10)
    with pytest.raises(DocumentTooLargeError):
        await plant("scatter", limits)


async def test_readers_come_after_everybody_else(plant, plants):
    nice = []

    async def progress(fraction, message):
        nice.extend(psutil.Process(pid).nice() for pid in plants())

    with pytest.raises(DocumentTooComplexError):
        await plant("sleep", Limits(seconds=1.5), progress)
    assert nice == [min(19, psutil.Process().nice() + child.NICENESS)]


async def test_a_reader_may_be_allowed_programs_of_its_own(attempts):
    """Programs and sockets between them, but no network, no files, and no leaving the group that the parent ends."""
    _, found = await attempts("without-landlock", may_start_processes=True)
    assert {name for name in ("fork", "program", "unix") if found[name] == "done"} == {
        "fork",
        "program",
        "unix",
    }
    assert {found[name] for name in ("tcp", "udp", "ring", "namespace", "trace")} == {"PermissionError"}


async def test_leftovers_of_killed_processes_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, young, other = (tmp_path / name for name in ("tms-document-old", "tms-document-young", "other"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "x").write_text("x")
    long_ago = time.time() - 7200
    for folder in (old, other):
        os.utime(folder, (long_ago, long_ago))
    assert sandbox.sweep() == 1
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["other", "tms-document-young"]
