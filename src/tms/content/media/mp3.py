"""MP3 (ISO/IEC 11172-3 and 13818-3, layer III): frames of sound one after the other, often behind a tag (ID3v2)."""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tms.content.errors import CorruptDocumentError
from tms.content.media.probe import Recording, duration, read_at, size_of

# Kilobits a second by the index in the head: of MPEG 1, and of MPEG 2 and 2.5.
_RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_HERTZ = (44_100, 48_000, 32_000)
_SEARCH = 64 * 1024
_IN_A_ROW = 3


class _Frame(NamedTuple):
    size: int
    samples: int
    hertz: int
    kilobits: int
    side: int


def probe(path: Path) -> Recording:
    """What the file holds; raises `CorruptDocumentError` unless some frames follow each other."""
    with path.open("rb") as file:
        end = size_of(path)
        start, first = _first_frame(file, _behind_tag(file), end)
        frames = _counted(file, start, first)
    if frames is not None:
        return Recording("audio/mpeg", duration(frames * first.samples / first.hertz))
    return Recording("audio/mpeg", duration((end - start) / (first.kilobits * 125)))


def _behind_tag(file: BinaryIO) -> int:
    """Where the tag ends; its size is written in seven bits of each byte (ID3v2.4.0, 3.1)."""
    head = read_at(file, 0, 10)
    if not head.startswith(b"ID3"):
        return 0
    size = 0
    for byte in head[6:]:
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _first_frame(file: BinaryIO, start: int, end: int) -> tuple[int, _Frame]:
    file.seek(min(start, end))
    content = file.read(_SEARCH)
    place = content.find(b"\xff")
    while place >= 0:
        frame = _frame(content[place : place + 4])
        if frame is not None and _goes_on(file, start + place, frame, end):
            return start + place, frame
        place = content.find(b"\xff", place + 1)
    raise CorruptDocumentError


def _goes_on(file: BinaryIO, place: int, frame: _Frame, end: int) -> bool:
    for _ in range(_IN_A_ROW):
        place += frame.size
        if place >= end:
            return place == end
        file.seek(place)
        following = _frame(file.read(4))
        if following is None or following.hertz != frame.hertz:
            return False
        frame = following
    return True


def _frame(head: bytes) -> _Frame | None:
    """A frame of layer III by its head; None for anything else."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version = head[1] >> 3 & 3
    rate, frequency = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or rate in {0, 15} or frequency == 3:
        return None
    is_first = version == 3
    kilobits = _RATES[0 if is_first else 1][rate]
    hertz = _HERTZ[frequency] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 1152 if is_first else 576
    size = samples * kilobits * 125 // hertz + (head[2] >> 1 & 1)
    is_mono = head[3] >> 6 == 3
    side = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}[is_first, is_mono]
    return _Frame(size, samples, hertz, kilobits, side)


def _counted(file: BinaryIO, start: int, frame: _Frame) -> int | None:
    """The number of frames, where the first one holds it instead of sound (Xing, Info, VBRI)."""
    file.seek(start + 4)
    content = file.read(64)
    marked = content[frame.side : frame.side + 12]
    if marked[:4] in {b"Xing", b"Info"} and len(marked) == 12 and marked[7] & 1:
        return int(struct.unpack(">I", marked[8:12])[0])
    if content[32:36] == b"VBRI" and len(content) >= 50:
        return int(struct.unpack(">I", content[46:50])[0])
    return None
