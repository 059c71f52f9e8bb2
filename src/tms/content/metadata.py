"""Takes out of pictures what they tell of people without showing it: places, cameras, names, comments, thumbnails."""

import struct

_EXIF = b"Exif\x00\x00"
_ORIENTATION = 0x0112
_ENTRIES_LIMIT = 500
# JPEG: application segments 1 (Exif, XMP) and 13 (IPTC), and comments; the others hold colours and the like.
_TOLD_IN_JPEG = frozenset({0xE1, 0xED, 0xFE})
_TOLD_IN_PNG = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})
_TOLD_IN_WEBP = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS = 0x08 | 0x04


def without_metadata(content: bytes, content_type: str) -> bytes:
    """The picture without it; unchanged where the file is not built as it should be. Its orientation stays."""
    strip = {"image/jpeg": _strip_jpeg, "image/png": _strip_png, "image/webp": _strip_webp}.get(content_type)
    try:
        return content if strip is None else strip(content)
    except (struct.error, IndexError, ValueError):
        return content


def _strip_jpeg(content: bytes) -> bytes:
    kept = [content[:2]]
    place = 2
    orientation = 1
    while content[place] == 0xFF and content[place + 1] != 0xDA:
        marker = content[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        length = (
            2
            if marker == 0x01 or 0xD0 <= marker <= 0xD8
            else 2 + struct.unpack_from(">H", content, place + 2)[0]
        )
        segment = content[place : place + length]
        if segment[4:10] == _EXIF:
            orientation = _orientation(segment[10:]) or orientation
        if marker not in _TOLD_IN_JPEG:
            kept.append(segment)
        place += length
    if content[place] != 0xFF:
        return content
    if orientation != 1:
        kept.insert(1, _exif_of(orientation))
    return b"".join(kept) + content[place:]


def _orientation(tiff: bytes) -> int:
    """The way up of a photograph, 1 to 8, out of its first directory (Exif 2.32, 4.6.4); 0 where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    start = struct.unpack_from(f"{order}I", tiff, 4)[0]
    count = struct.unpack_from(f"{order}H", tiff, start)[0]
    for number in range(min(count, _ENTRIES_LIMIT)):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * number)
        if tag == _ORIENTATION:
            return int(value) if 1 <= value <= 8 else 0
    return 0


def _exif_of(orientation: int) -> bytes:
    """A segment that tells the orientation and nothing else."""
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, orientation, 0)
    payload = _EXIF + b"MM\x00*" + struct.pack(">IH", 8, 1) + entry + b"\x00" * 4
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def _strip_png(content: bytes) -> bytes:
    kept = [content[:8]]
    place = 8
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if end > len(content):
            raise ValueError
        if kind not in _TOLD_IN_PNG:
            kept.append(content[place:end])
        place = end
        if kind == b"IEND":
            break
    return b"".join(kept)


def _strip_webp(content: bytes) -> bytes:
    kept = []
    place = 12
    while place + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, place)
        end = place + 8 + length + length % 2
        if place + 8 + length > len(content):
            raise ValueError
        if kind == b"VP8X":
            flags = content[place + 8] & ~_WEBP_FLAGS
            kept.append(content[place : place + 8] + bytes((flags,)) + content[place + 9 : end])
        elif kind not in _TOLD_IN_WEBP:
            kept.append(content[place:end])
        place = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
