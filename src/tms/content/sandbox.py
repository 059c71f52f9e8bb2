"""Runs the reading of a document in a child process with limits, and checks all that it hands back.

The child is a fresh interpreter with an empty environment in a process group of its own. Its result is plain JSON beside
picture files, which `handover` does not trust.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from tms.content import handover
from tms.content.confine import Confinement
from tms.content.errors import CorruptDocumentError, DocumentTooComplexError, DocumentTooLargeError
from tms.content.handover import Extraction
from tms.content.protocol import EXIT_OUT_OF_MEMORY

log = logging.getLogger(__name__)

Progress: TypeAlias = Callable[[float, str], Awaitable[None]]

_MEGABYTE = 1024 * 1024
_PROGRAM: tuple[str, ...] = ("-m", "tms.content.extract")
_FOLDER_PREFIX = "tms-document-"
_LEFTOVER_SECONDS = 3600
_LINE_LIMIT = 4096
_LINES_LIMIT = 1000
_TRACE_LIMIT = 8192
_MESSAGE_LIMIT = 200
_FILES_LIMIT = 20_000
_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one reading. `seconds` are of the wall clock.

    `file_bytes` bound each file that the child writes, `folder_bytes` all of them together.
    A reader that starts programs (`may_start_processes`) has each of its processes within these bounds.
    """

    memory_bytes: int = 512 * _MEGABYTE
    cpu_seconds: int = 60
    seconds: float = 90
    file_bytes: int = 64 * _MEGABYTE
    folder_bytes: int = 512 * _MEGABYTE
    open_files: int = 64
    may_start_processes: bool = False


# The parent sees to these.
_OF_THE_PARENT = {"seconds", "folder_bytes"}
DEFAULT_LIMITS = Limits()


@asynccontextmanager
async def extracting(
    path: Path, *, filename: str, limits: Limits = DEFAULT_LIMITS, progress: Progress | None = None
) -> AsyncIterator[Extraction]:
    """Read the document at `path`; the picture files live as long as the context.

    Raises a `DocumentError` that says what the author can do. `filename` is the name that the document was given.
    """
    await asyncio.to_thread(sweep)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=_FOLDER_PREFIX))
    try:
        yield await extract(path, filename=filename, folder=folder, limits=limits, progress=progress)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def confinement() -> Confinement:
    """What is cut off from a reader on this machine, as it says of itself after reading a text of one word."""
    with tempfile.TemporaryDirectory(prefix=_FOLDER_PREFIX) as folder:
        path = Path(folder) / "text"
        await asyncio.to_thread(path.write_text, "word")
        async with extracting(path, filename="text.txt") as extraction:
            return Confinement(extraction.network_isolated, extraction.files_isolated)


async def extract(
    path: Path,
    *,
    filename: str,
    folder: Path,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Extraction:
    """As `extracting`, into an empty folder that the caller removes."""
    code, trace = await _run(path, filename, folder, limits, progress)
    if code != 0:
        _judge(code, trace, filename)
    return await asyncio.to_thread(handover.collect, folder)


def _judge(code: int, trace: str, filename: str) -> None:
    """Turn the end of a child that handed nothing over into an error."""
    if code == EXIT_OUT_OF_MEMORY or code < 0:
        # A negative code is the signal that ended it: its limit of time, or memory gone within a library.
        log.warning("reading a document was stopped", extra={"exit_code": code})
        raise DocumentTooComplexError
    log.error(
        "reading a document failed",
        extra={"exit_code": code, "trace": trace, "suffix": Path(filename).suffix},
    )
    raise CorruptDocumentError


async def _run(
    path: Path, filename: str, folder: Path, limits: Limits, progress: Progress | None
) -> tuple[int, str]:
    process = await create_subprocess_exec(
        sys.executable,
        "-I",
        "-X",
        "utf8",
        *_PROGRAM,
        str(path),
        str(folder),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=folder,
        env={"TMPDIR": str(folder)},
        start_new_session=True,
    )
    request = {
        "filename": filename,
        "parent": os.getpid(),
        "limits": {name: value for name, value in asdict(limits).items() if name not in _OF_THE_PARENT},
    }
    work = [
        asyncio.ensure_future(_send(process, json.dumps(request).encode())),
        asyncio.ensure_future(_follow(process, progress)),
    ]
    trace = asyncio.ensure_future(_tail(process))
    guard = asyncio.ensure_future(_guard(process, folder, limits.folder_bytes))
    try:
        async with asyncio.timeout(limits.seconds):
            await asyncio.gather(*work, trace, process.wait())
    except TimeoutError as error:
        raise DocumentTooComplexError(
            f"Reading the document took longer than {limits.seconds:g} seconds; divide it into several documents."
        ) from error
    finally:
        has_filled = guard.done()
        guard.cancel()
        await _end(process, [*work, trace, guard])
    if has_filled:
        raise DocumentTooLargeError
    return process.returncode or 0, trace.result()


async def _guard(process: Process, folder: Path, most_bytes: int) -> None:
    """Ends when the child has filled its folder, and ends the child with it."""
    while not await asyncio.to_thread(_holds_more, folder, most_bytes):  # noqa: ASYNC110 - nothing tells of bytes
        await asyncio.sleep(_LOOK_SECONDS)
    _kill(process)


def _holds_more(folder: Path, most_bytes: int) -> bool:
    size = 0
    for number, path in enumerate(folder.rglob("*")):
        # What was there a moment ago may have gone.
        with suppress(OSError):
            size += path.lstat().st_size
        if size > most_bytes or number > _FILES_LIMIT:
            return True
    return False


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: Process, work: list["asyncio.Future[None] | asyncio.Future[str]"]) -> None:
    """Leave no process behind, nor a task that still reads from one."""
    _kill(process)
    await asyncio.gather(process.wait(), *work, return_exceptions=True)


async def _send(process: Process, request: bytes) -> None:
    if process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()


async def _follow(process: Process, progress: Progress | None) -> None:
    """Pass on lines of progress; what is too long, too much or no progress is read and dropped."""
    if process.stdout is None:
        return
    rest = b""
    lines = 0
    while chunk := await process.stdout.read(_LINE_LIMIT):
        *complete, rest = (rest + chunk).split(b"\n")
        rest = rest[-_LINE_LIMIT:]
        for line in complete:
            lines += 1
            if progress is not None and lines <= _LINES_LIMIT and (step := _step(line)) is not None:
                await progress(*step)


def _step(line: bytes) -> tuple[float, str] | None:
    try:
        step = json.loads(line)
        return min(1.0, max(0.0, float(step["fraction"]))), str(step["message"])[:_MESSAGE_LIMIT]
    except (ValueError, TypeError, KeyError):
        return None


async def _tail(process: Process) -> str:
    kept = b""
    if process.stderr is not None:
        while chunk := await process.stderr.read(_TRACE_LIMIT):
            kept = (kept + chunk)[-_TRACE_LIMIT:]
    return kept.decode("utf-8", "replace")


def sweep(older_than: float = _LEFTOVER_SECONDS) -> int:
    """Remove folders that killed processes left behind; gives their number. `older_than` is in seconds."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid() and time.time() - folder.stat().st_mtime > older_than:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed
