"""Reads one file as an upload is read: in the real child process, under its real limits."""

import resource
import time
from dataclasses import dataclass

from tms.content import sandbox
from tms.content.errors import DocumentError
from tms.content.service import display_name


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is `read` or an error's code; `text` is all HTML of the lessons and the sentence that the author is told."""

    code: str
    text: str
    seconds: float
    lessons: tuple = ()
    warnings: tuple = ()


async def read(content, filename, folder):
    """The outcome of the file; anything but a typed refusal is raised."""
    path = folder / "uploaded"
    path.write_bytes(content)
    begun = time.monotonic()
    try:
        async with sandbox.extracting(path, filename=display_name(filename)) as extraction:
            text = "".join(lesson.title + lesson.html for lesson in extraction.lessons)
            return Outcome("read", text, time.monotonic() - begun, extraction.lessons, extraction.warnings)
    except DocumentError as error:
        return Outcome(error.code, error.detail, time.monotonic() - begun)
    finally:
        path.unlink()


def most_memory():
    """The most bytes of memory that any child so far took (`getrusage` counts in KiB on Linux)."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
