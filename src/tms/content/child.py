"""Runs a program that is not trusted in a process of its own, with limits, and ends it whatever happens.

The process is a fresh one with an empty environment in a group of its own. It is told its limits on standard input, and
takes on itself what the kernel keeps (`tms.content.confine`); the others are kept here.

It is started by a thread. The loop that serves requests would start it by a fork of its own, which copies the tables of all its
memory, and answer nobody for some ten milliseconds; `subprocess` borrows the memory until the program runs (vfork).
"""

import asyncio
import json
import os
import signal
import sys
from asyncio import StreamReader, StreamReaderProtocol
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, TypeAlias

from tms.content.errors import DocumentTooComplexError, DocumentTooLargeError

Progress: TypeAlias = Callable[[float, str], Awaitable[None]]

_MEGABYTE = 1024 * 1024
_LINE_LIMIT = 4096
_LINES_LIMIT = 1000
_TRACE_LIMIT = 8192
_MESSAGE_LIMIT = 200
_FILES_LIMIT = 20_000
_LOOK_SECONDS = 0.25
NICENESS = 10
"""Whoever waits for an answer comes first; a reader takes what is left."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one reading. `cpu_seconds` bound its work; `seconds`, of the wall clock, how long it may take to do it.

    The latter are many more: where processors are few, everybody else comes first, which is not the document's fault.
    `file_bytes` bound each file that the child writes, `folder_bytes` all of them together.
    A reader that starts programs (`may_start_processes`) has each of its processes within these bounds.
    """

    memory_bytes: int = 512 * _MEGABYTE
    cpu_seconds: int = 60
    seconds: float = 300
    file_bytes: int = 64 * _MEGABYTE
    folder_bytes: int = 512 * _MEGABYTE
    open_files: int = 64
    may_start_processes: bool = False


# The parent sees to these.
_OF_THE_PARENT = {"seconds", "folder_bytes"}
DEFAULT_LIMITS = Limits()


async def run(
    command: Sequence[str],
    *,
    folder: Path,
    request: Mapping[str, str],
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> tuple[int, str]:
    """The exit code of the program and the end of what it complained of; it may write to `folder` alone.

    Raises `DocumentTooComplexError` when its time is up, `DocumentTooLargeError` when it has filled its folder.
    """
    told = {
        **request,
        "parent": os.getpid(),
        "limits": {name: value for name, value in asdict(limits).items() if name not in _OF_THE_PARENT},
    }
    process = await _start(command, folder)
    guard = asyncio.ensure_future(_guard(process, folder, limits.folder_bytes))
    try:
        async with asyncio.timeout(limits.seconds):
            _send(process, json.dumps(told).encode())
            async with _listened_to(process.stdout) as said, _listened_to(process.stderr) as complained:
                _, trace = await asyncio.gather(_follow(said, progress), _tail(complained))
            await asyncio.to_thread(process.wait)
    except TimeoutError as error:
        raise DocumentTooComplexError(
            f"Reading the document took longer than {limits.seconds:g} seconds; try again when less is going on, or divide it "
            "into several documents."
        ) from error
    finally:
        has_filled = guard.done()
        guard.cancel()
        await _end(process)
    if has_filled:
        raise DocumentTooLargeError
    return process.returncode or 0, trace


async def _start(command: Sequence[str], folder: Path) -> Popen[bytes]:
    starting = asyncio.ensure_future(asyncio.to_thread(_start_now, command, folder))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)
        raise


def _start_now(command: Sequence[str], folder: Path) -> Popen[bytes]:
    process = Popen(  # noqa: S603  our own programs, without a shell
        command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=folder,
        env={"TMPDIR": str(folder)},
        start_new_session=True,
    )
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        with suppress(OSError):
            # Where Linux gives each session an equal share, niceness counts within the session only (sched(7), autogroups).
            Path(f"/proc/{process.pid}/autogroup").write_text(str(NICENESS))
    return process


@asynccontextmanager
async def _listened_to(pipe: IO[bytes] | None) -> AsyncIterator[StreamReader]:
    reader = StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(partial(StreamReaderProtocol, reader), pipe)
    with closing(transport):
        yield reader


async def _guard(process: Popen[bytes], folder: Path, most_bytes: int) -> None:
    """Ends when the child has filled its folder, and ends the child with it."""
    while not await asyncio.to_thread(_holds_more, folder, most_bytes):  # noqa: ASYNC110 - nothing tells of bytes
        await asyncio.sleep(_LOOK_SECONDS)
    _kill(process)


def _holds_more(folder: Path, most_bytes: int) -> bool:
    """What goes while we look, folders too, is passed over."""
    size = 0
    number = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118  no objects for thousands of files
            number += 1
            if size > most_bytes or number > _FILES_LIMIT:
                return True
    return False


def _kill(process: Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: Popen[bytes]) -> None:
    """Leave no process behind."""
    _kill(process)
    await asyncio.to_thread(process.wait)


def _send(process: Popen[bytes], request: bytes) -> None:
    """What is told is smaller than any pipe, so that nobody waits."""
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(request)


async def _follow(said: StreamReader, progress: Progress | None) -> None:
    """Pass on lines of progress; what is too long, too much or no progress is read and dropped."""
    rest = b""
    lines = 0
    while chunk := await said.read(_LINE_LIMIT):
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


async def _tail(complained: StreamReader) -> str:
    kept = b""
    while chunk := await complained.read(_TRACE_LIMIT):
        kept = (kept + chunk)[-_TRACE_LIMIT:]
    return kept.decode("utf-8", "replace")
