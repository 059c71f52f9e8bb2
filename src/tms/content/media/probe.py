"""What the head of a video or of a sound recording tells; its content is never decoded."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tms.content.errors import CorruptDocumentError, DocumentTooComplexError

PARTS_LIMIT = 50_000
"""Boxes, elements or frames that are looked at."""
_LONGEST = 100_000 * 60


@dataclass(frozen=True, slots=True)
class Recording:
    """`seconds` is 0 where the file does not tell; `width` and `height`, in pixels, are 0 for sound alone."""

    content_type: str
    seconds: float
    width: int = 0
    height: int = 0
    codecs: tuple[str, ...] = ()

    @property
    def is_video(self) -> bool:
        """Whether there is something to see."""
        return self.content_type.startswith("video/")


class Counter:
    """Stops those who wander through a file that was made to have no end."""

    def __init__(self) -> None:
        self._count = 0

    def step(self) -> None:
        """One more part; raises `DocumentTooComplexError`."""
        self._count += 1
        if self._count > PARTS_LIMIT:
            raise DocumentTooComplexError(
                "The recording is built of too many parts; convert it anew and upload that file."
            )


def read_at(file: BinaryIO, place: int, count: int) -> bytes:
    """Exactly `count` bytes; raises `CorruptDocumentError` where the file ends before."""
    file.seek(place)
    content = file.read(count)
    if len(content) < count:
        raise CorruptDocumentError
    return content


def duration(value: float) -> float:
    """Seconds within reason; nothing and nonsense are 0."""
    return value if 0 < value < _LONGEST else 0.0


def size_of(path: Path) -> int:
    """The file's size in bytes."""
    return path.stat().st_size
