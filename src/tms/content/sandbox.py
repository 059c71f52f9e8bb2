"""Runs the reading of a document in a child process with limits, and checks all that it hands back.

The child is a fresh interpreter with an empty environment in a process group of its own. Its result is plain JSON beside
picture files, which `handover` does not trust.
"""

import asyncio
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from tms.content import child, conversion, handover
from tms.content.child import DEFAULT_LIMITS, Limits, Progress
from tms.content.confine import Confinement
from tms.content.errors import CorruptDocumentError, DocumentTooComplexError
from tms.content.handover import Conversion, Extraction
from tms.content.protocol import EXIT_OUT_OF_MEMORY

log = logging.getLogger(__name__)

_PROGRAM: tuple[str, ...] = ("-m", "tms.content.extract")
_FOLDER_PREFIX = "tms-document-"
_LEFTOVER_SECONDS = 3600
PLACES = asyncio.Semaphore(max(1, (os.cpu_count() or 2) - 1))
"""Each child may take its limit of memory, and takes the memory next to its processor from whoever else works there: so only
so many read at once in one process, and one processor is left to those who wait for an answer."""


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
    found = await _read(path, filename, folder, limits, progress)
    if isinstance(found, Extraction):
        return found
    converted = await conversion.convert(path, found.target, folder=folder, progress=progress)
    renamed = Path(filename).with_suffix(converted.suffix).name
    read = await _read(converted, renamed, folder, limits, progress)
    if not isinstance(read, Extraction):
        raise CorruptDocumentError
    return replace(read, kind=found.kind)


async def _read(
    path: Path, filename: str, folder: Path, limits: Limits, progress: Progress | None
) -> Extraction | Conversion:
    command = (sys.executable, "-I", "-X", "utf8", *_PROGRAM, str(path), str(folder))
    code, trace = await child.run(
        command, folder=folder, request={"filename": filename}, limits=limits, progress=progress
    )
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


def sweep(older_than: float = _LEFTOVER_SECONDS) -> int:
    """Remove folders that killed processes left behind; gives their number. `older_than` is in seconds."""
    removed = 0
    with os.scandir(tempfile.gettempdir()) as found:
        for folder in found:
            with suppress(OSError):
                if folder.name.startswith(_FOLDER_PREFIX) and _is_left(folder.stat(), older_than):
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
    return removed


def _is_left(status: os.stat_result, older_than: float) -> bool:
    return status.st_uid == os.getuid() and time.time() - status.st_mtime > older_than
