"""Reads one file as an upload is read: in the real child process, under its real limits."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tms.content import sandbox
from tms.content.errors import DocumentError
from tms.content.receiving import display_name

_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is `read` or an error's code; `text` is all HTML of the lessons, or the sentence that the author is told.

    `memory` is the most of it in bytes that the child was seen to have resident.
    """

    code: str
    text: str
    seconds: float
    memory: int
    lessons: tuple = ()
    warnings: tuple = ()


async def read(content, filename, folder):
    """The outcome of the file; anything but a typed refusal is raised."""
    path = folder / "uploaded"
    path.write_bytes(content)
    memory = []
    watching = asyncio.create_task(_watch(memory))
    begun = time.monotonic()
    try:
        async with sandbox.extracting(path, filename=display_name(filename)) as extraction:
            text = "".join(lesson.title + lesson.html for lesson in extraction.lessons)
            found = ("read", text)
            more = (extraction.lessons, extraction.warnings)
    except DocumentError as error:
        found = (error.code, error.detail)
        more = ((), ())
    finally:
        watching.cancel()
        path.unlink()
    return Outcome(*found, time.monotonic() - begun, max(memory, default=0), *more)


async def _watch(memory):
    while True:
        with suppress(psutil.Error):
            for process in psutil.Process().children(recursive=True):
                if "tms.content.extract" in process.cmdline():
                    memory.append(process.memory_info().rss)
        await asyncio.sleep(_LOOK_SECONDS)
