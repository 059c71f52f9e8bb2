"""What a file really is, told from its bytes."""

import mmap
import re
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MEMBER_LIMIT = 4 * 1024 * 1024
_MAIN_PART = re.compile(r"application/[\w.+-]*\.main\+xml", re.IGNORECASE)


class Kind(StrEnum):
    """Kinds of files; `BROKEN_ZIP` starts as an archive but cannot be opened as one, `TEXT` is any plain text."""

    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    BROKEN_ZIP = "broken_zip"
    OTHER = "other"
    DOCX = "docx"
    DOCM = "docm"
    PPTX = "pptx"
    PPTM = "pptm"
    XLSX = "xlsx"
    XLSM = "xlsm"
    PDF = "pdf"
    EPUB = "epub"
    HTML = "html"
    MARKDOWN = "markdown"
    TEXT = "text"
    CSV = "csv"
    PICTURE = "picture"
    VIDEO = "video"
    HEIF = "heif"
    QUICKTIME = "quicktime"
    MATROSKA = "matroska"
    AUDIO = "audio"
    ZIP = "zip"
    ODT = "odt"
    ODP = "odp"
    ODS = "ods"
    DOC = "doc"
    XLS = "xls"
    PPT = "ppt"
    OLE = "ole"
    RTF = "rtf"


# The words in the type of the main part, in the order in which they are asked for.
_OFFICE_TYPES = (
    (Kind.DOCX, ("wordprocessingml",)),
    (Kind.DOCM, ("ms-word", "macroenabled")),
    (Kind.PPTX, ("presentationml",)),
    (Kind.PPTM, ("ms-powerpoint",)),
    (Kind.XLSX, ("spreadsheetml",)),
    (Kind.XLSM, ("ms-excel",)),
)
_HEAD_BYTES = 4096
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", Kind.PICTURE),
    (b"\xff\xd8\xff", Kind.PICTURE),
    (b"GIF87a", Kind.PICTURE),
    (b"GIF89a", Kind.PICTURE),
    (b"ID3", Kind.AUDIO),
)
# Major brands of ISO base media files (ISO/IEC 14496-12, 4.3) that are no MP4 videos.
_BRANDS = {
    b"M4A ": Kind.AUDIO,
    b"M4B ": Kind.AUDIO,
    b"qt  ": Kind.QUICKTIME,
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"), Kind.HEIF),
}
# A frame of MPEG audio, layer III: eleven bits set, then version and layer (ISO 11172-3, 2.4.2.3).
_MP3_FRAME = re.compile(rb"\xff[\xfa\xfb\xf2\xf3\xe2\xe3]")
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument."
_OPEN_DOCUMENTS = {b"text": Kind.ODT, b"presentation": Kind.ODP, b"spreadsheet": Kind.ODS}
_TEXT_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
# What plain text never holds; a form feed and an escape sequence it may.
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_PREAMBLE = re.compile(rb"(?:\s+|<!--.*?-->|<\?.*?\?>)*", re.DOTALL)
_HTML_START = re.compile(rb"<!doctype html|<html[\s>]", re.IGNORECASE)
_SVG_START = re.compile(rb"<!doctype svg|<(?:\w+:)?svg[\s>]", re.IGNORECASE)


def sniff(path: Path) -> Kind:
    """The kind of the file at `path`, by magic bytes and, for archives, by their members."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return Kind.EMPTY
    if head.startswith((_ZIP, _EMPTY_ZIP)) or _ZIP.startswith(head):
        return _sniff_zip(path)
    if head.startswith(_OLE):
        return _sniff_ole(path)
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    return sniff_media(head) or _sniff_text(head)


def sniff_media(head: bytes) -> Kind | None:
    """The kind of a picture, video or sound that begins like this; a drawing (SVG) is text and not among them."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind.PICTURE
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], Kind.VIDEO)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return Kind.VIDEO if b"webm" in head[:64] else Kind.MATROSKA
    return Kind.AUDIO if _MP3_FRAME.match(head) else None


def _sniff_text(head: bytes) -> Kind:
    start = head.removeprefix(b"\xef\xbb\xbf")
    preamble = _PREAMBLE.match(start)
    start = start[preamble.end() if preamble else 0 :]
    if start.startswith(b"{\\rtf"):
        return Kind.RTF
    if _SVG_START.match(start):
        return Kind.PICTURE
    if _HTML_START.match(start):
        return Kind.HTML
    return Kind.TEXT if _is_text(head) else Kind.OTHER


def _is_text(head: bytes) -> bool:
    """Text in an encoding that says so by its first bytes, or without control characters; UTF-16 of Latin text too."""
    if head.startswith(_TEXT_BOMS) or not _NO_TEXT.search(head):
        return True
    pairs = len(head) // 2
    return pairs > 0 and any(
        head[offset::2].count(0) > 0.7 * pairs and not _NO_TEXT.search(head[1 - offset :: 2])
        for offset in (0, 1)
    )


def _sniff_ole(path: Path) -> Kind:
    """An OLE compound file names its streams in UTF-16; the directory may lie anywhere in the file ([MS-CFB] 2.6)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for stream, kind in (
            ("EncryptedPackage", Kind.ENCRYPTED),
            ("WordDocument", Kind.DOC),
            ("Workbook", Kind.XLS),
            ("PowerPoint Document", Kind.PPT),
        ):
            if content.find(stream.encode("utf-16-le")) >= 0:
                return kind
    return Kind.OLE


def _sniff_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                return _sniff_office(archive, names)
            if "mimetype" in names:
                return _sniff_mimetype(_read(archive, "mimetype"))
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error):
        return Kind.BROKEN_ZIP
    return Kind.DOCX if "word/document.xml" in names else Kind.ZIP


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        return member.read(_MEMBER_LIMIT)


def _sniff_office(archive: zipfile.ZipFile, names: set[str]) -> Kind:
    # The part may be UTF-16; without its zero bytes the names of types are plain ASCII in either encoding.
    types = _read(archive, "[Content_Types].xml").replace(b"\x00", b"").decode("latin-1")
    for main in _MAIN_PART.findall(types):
        for kind, words in _OFFICE_TYPES:
            if all(word in main.lower() for word in words):
                return kind
    return Kind.DOCX if "word/document.xml" in names else Kind.ZIP


def _sniff_mimetype(mimetype: bytes) -> Kind:
    if mimetype.startswith(b"application/epub+zip"):
        return Kind.EPUB
    if mimetype.startswith(_OPEN_DOCUMENT):
        kind = mimetype.removeprefix(_OPEN_DOCUMENT).partition(b"-")[0].strip()
        return _OPEN_DOCUMENTS.get(kind, Kind.ZIP)
    return Kind.ZIP
