"""Pictures of a document: told by their bytes, bounded in size, made safe, and kept once however often they are shown."""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from tms.content import svg
from tms.content.errors import DocumentTooLargeError
from tms.content.metadata import without_metadata

PIXELS_LIMIT = 50_000_000
SIDE_LIMIT = 100_000
TOTAL_BYTES_LIMIT = 256 * 1024 * 1024
_EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/svg+xml": ".svg",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/webm": ".webm",
}
# Start-of-frame markers of JPEG (ITU-T T.81, table B.1); the others carry no size.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class UnusablePictureError(ValueError):
    """A browser could not show the picture, or should not; the text says why, for the list of warnings."""


class TooManyPixelsError(UnusablePictureError):
    """Shown, it would take more memory than a browser should give."""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture written to the output folder; sizes in pixels, 0 where the format does not tell."""

    file: str
    content_type: str
    size: int
    sha256: str
    width: int
    height: int


class PictureFolder:
    """Writes pictures into `folder`, numbered from 1 in the order of their first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._number_by_hash: dict[str, int] = {}
        self._total = 0
        self.stored: list[StoredPicture] = []

    def keep(self, content: bytes) -> int:
        """Write the picture unless it is there already; gives its number.

        Raises `UnusablePictureError` for what cannot be shown and `DocumentTooLargeError` beyond all measure.
        """
        content_type = identify(content)
        if content_type == "image/svg+xml":
            try:
                content = svg.make_safe(content)
            except svg.UnsafeDrawingError as error:
                raise UnusablePictureError(f"a drawing that cannot be shown safely ({error})") from error
        content = without_metadata(content, content_type)
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._number_by_hash:
            self._number_by_hash[digest] = self._store(content, content_type, digest)
        return self._number_by_hash[digest]

    def keep_file(self, path: Path, content_type: str, width: int, height: int) -> int:
        """Move a recording here, which was found to be of this type; gives its number."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest not in self._number_by_hash:
            self._number_by_hash[digest] = self._add(path.stat().st_size, content_type, digest, width, height)
            path.replace(self.folder / self.stored[-1].file)
        return self._number_by_hash[digest]

    def _store(self, content: bytes, content_type: str, digest: str) -> int:
        width, height = dimensions(content, content_type)
        if width * height > PIXELS_LIMIT or max(width, height) > SIDE_LIMIT:
            raise TooManyPixelsError(f"a picture of {width} x {height} pixels, too many to show")
        if content_type != "image/svg+xml" and 0 in {width, height}:
            raise UnusablePictureError("a damaged picture")
        number = self._add(len(content), content_type, digest, width, height)
        (self.folder / self.stored[-1].file).write_bytes(content)
        return number

    def _add(self, size: int, content_type: str, digest: str, width: int, height: int) -> int:
        self._total += size
        if self._total > TOTAL_BYTES_LIMIT:
            raise DocumentTooLargeError
        number = len(self.stored) + 1
        name = f"picture-{number}{_EXTENSIONS[content_type]}"
        self.stored.append(StoredPicture(name, content_type, size, digest, width, height))
        return number


def identify(content: bytes) -> str:
    """The picture's media type by its bytes; raises `UnusablePictureError` for kinds that browsers do not show."""
    for magic, content_type in (
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"BM", "image/bmp"),
    ):
        if content.startswith(magic):
            return content_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"<") and b"<svg" in content[:65536]:
        return "image/svg+xml"
    raise UnusablePictureError(f"a picture {_kind_that_is_not_shown(content)}")


def _kind_that_is_not_shown(content: bytes) -> str:
    if content[:4] in {b"II*\x00", b"MM\x00*"}:
        return "in TIFF format"
    if content[:4] == b"\xd7\xcd\xc6\x9a" or content[:4] == b"\x01\x00\x09\x00":
        return "in WMF format"
    if content[:4] == b"\x01\x00\x00\x00" and content[40:44] == b" EMF":
        return "in EMF format"
    return "of an unknown kind"


def dimensions(content: bytes, content_type: str) -> tuple[int, int]:
    """Width and height in pixels; (0, 0) where the file does not tell, raising for one that is cut short."""
    try:
        if content_type == "image/png":
            return _pair(">II", content, 16)
        if content_type == "image/gif":
            return _pair("<HH", content, 6)
        if content_type == "image/bmp":
            width, height = _pair("<ii", content, 18)
            return abs(width), abs(height)
        if content_type == "image/jpeg":
            return _jpeg_dimensions(content)
        if content_type == "image/webp":
            return _webp_dimensions(content)
    except (struct.error, IndexError) as error:
        raise UnusablePictureError("a damaged picture") from error
    return 0, 0


def _pair(layout: str, content: bytes, offset: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, content, offset)
    return int(first), int(second)


def _jpeg_dimensions(content: bytes) -> tuple[int, int]:
    offset = 2
    while offset + 9 <= len(content):
        if content[offset] != 0xFF:
            break
        marker = content[offset + 1]
        if marker in _JPEG_FRAMES:
            height, width = _pair(">HH", content, offset + 5)
            return width, height
        if marker == 0xFF:
            offset += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            offset += 2
        else:
            offset += 2 + struct.unpack_from(">H", content, offset + 2)[0]
    raise UnusablePictureError("a damaged picture")


def _webp_dimensions(content: bytes) -> tuple[int, int]:
    """The three layouts of a WebP file (RFC 9649, section 2)."""
    layout = content[12:16]
    if layout == b"VP8X":
        return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
    if layout == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    width, height = _pair("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF
