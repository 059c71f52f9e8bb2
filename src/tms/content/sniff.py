"""What a file really is, told from its bytes; its name only has to agree."""

import mmap
import re
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tms.content.errors import (
    ACCEPTED,
    CorruptDocumentError,
    EmptyFileError,
    EncryptedDocumentError,
    TypeMismatchError,
    UnsupportedTypeError,
)

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MEMBER_LIMIT = 4 * 1024 * 1024
_MAIN_PART = re.compile(r"application/[\w.+-]*\.main\+xml", re.IGNORECASE)


class Kind(StrEnum):
    """Kinds of files that people upload as lessons; `BROKEN_ZIP` starts as an archive but cannot be opened as one."""

    EMPTY = "empty"
    DOCX = "docx"
    DOCM = "docm"
    ENCRYPTED = "encrypted"
    DOC = "doc"
    XLS = "xls"
    PPT = "ppt"
    OLE = "ole"
    PDF = "pdf"
    RTF = "rtf"
    HTML = "html"
    PPTX = "pptx"
    XLSX = "xlsx"
    EPUB = "epub"
    ODT = "odt"
    PICTURE = "picture"
    ZIP = "zip"
    BROKEN_ZIP = "broken_zip"
    OTHER = "other"


class _Description(NamedTuple):
    name: str
    advice: str


_SAVE_AS = "open it in Word or LibreOffice and save it as .docx"
_DESCRIPTIONS = {
    Kind.DOC: _Description("a Word 97-2003 document", _SAVE_AS),
    Kind.XLS: _Description("an Excel 97-2003 workbook", "copy what should be taught into a Word document"),
    Kind.PPT: _Description(
        "a PowerPoint 97-2003 presentation", "save its outline as a Word document (.docx)"
    ),
    Kind.OLE: _Description("an older Office document", _SAVE_AS),
    Kind.PDF: _Description("a PDF", "upload the document that the PDF was made from, saved as .docx"),
    Kind.RTF: _Description("a rich-text document", _SAVE_AS),
    Kind.HTML: _Description("a web page", _SAVE_AS),
    Kind.PPTX: _Description("a PowerPoint presentation", "save its outline as a Word document (.docx)"),
    Kind.XLSX: _Description("an Excel workbook", "copy what should be taught into a Word document"),
    Kind.EPUB: _Description("an EPUB book", _SAVE_AS),
    Kind.ODT: _Description("an OpenDocument file", _SAVE_AS),
    Kind.PICTURE: _Description("a picture", "put it into a Word document"),
    Kind.ZIP: _Description("a ZIP archive", "unpack it and upload the documents one by one"),
}
_WORD_SUFFIXES = frozenset({".docx", ".docm", ".dotx", ".dotm"})
_SUFFIXES = {
    ".doc": Kind.DOC,
    ".xls": Kind.XLS,
    ".ppt": Kind.PPT,
    ".pdf": Kind.PDF,
    ".rtf": Kind.RTF,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
    ".pptx": Kind.PPTX,
    ".xlsx": Kind.XLSX,
    ".epub": Kind.EPUB,
    ".odt": Kind.ODT,
    ".png": Kind.PICTURE,
    ".jpg": Kind.PICTURE,
    ".jpeg": Kind.PICTURE,
    ".gif": Kind.PICTURE,
    ".zip": Kind.ZIP,
}
_PICTURE_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")


def sniff(path: Path) -> Kind:
    """The kind of the file at `path`, by magic bytes and, for archives, by their members."""
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        return Kind.EMPTY
    if head.startswith(_ZIP) or _ZIP.startswith(head):
        return _sniff_zip(path)
    if head.startswith(_OLE):
        return _sniff_ole(path)
    if b"%PDF-" in head:
        return Kind.PDF
    if head.startswith(_PICTURE_MAGIC):
        return Kind.PICTURE
    return _sniff_text(head)


def _sniff_text(head: bytes) -> Kind:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if start.startswith(b"{\\rtf"):
        return Kind.RTF
    if start.startswith((b"<!doctype html", b"<html")):
        return Kind.HTML
    return Kind.OTHER


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
    for match in _MAIN_PART.findall(types):
        main = match.lower()
        if "wordprocessingml" in main:
            return Kind.DOCX
        if "ms-word" in main and "macroenabled" in main:
            return Kind.DOCM
        if "presentationml" in main or "ms-powerpoint" in main:
            return Kind.PPTX
        if "spreadsheetml" in main or "ms-excel" in main:
            return Kind.XLSX
    return Kind.DOCX if "word/document.xml" in names else Kind.ZIP


def _sniff_mimetype(mimetype: bytes) -> Kind:
    if mimetype.startswith(b"application/epub+zip"):
        return Kind.EPUB
    if mimetype.startswith(b"application/vnd.oasis.opendocument"):
        return Kind.ODT
    return Kind.ZIP


def require_word(path: Path, filename: str) -> Kind:
    """`Kind.DOCX` or `Kind.DOCM` if the file is a Word document and is called one; else the error that says why not."""
    kind = sniff(path)
    if kind is Kind.EMPTY:
        raise EmptyFileError
    if kind is Kind.ENCRYPTED:
        raise EncryptedDocumentError
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix in _WORD_SUFFIXES:
        return _require_content(kind, suffix)
    raise _misnamed(kind, suffix)


def _require_content(kind: Kind, suffix: str) -> Kind:
    if kind in {Kind.DOCX, Kind.DOCM}:
        return kind
    if kind is Kind.BROKEN_ZIP:
        raise CorruptDocumentError
    if kind is Kind.OTHER:
        raise TypeMismatchError(
            f"The file is called {suffix}, but its content is not that of a Word document; {_SAVE_AS}."
        )
    name, advice = _DESCRIPTIONS[kind]
    raise TypeMismatchError(f"The file is called {suffix}, but it is {name}; {advice}.")


def _misnamed(kind: Kind, suffix: str) -> TypeMismatchError | UnsupportedTypeError:
    called = f"called {suffix}" if suffix else "called by a name without extension"
    if kind in {Kind.DOCX, Kind.DOCM}:
        return TypeMismatchError(f"The file is a Word document, but {called}; rename it to end in .docx.")
    if kind not in _DESCRIPTIONS:
        return UnsupportedTypeError(f"The file is of a kind that TMS does not read. {ACCEPTED}")
    name, advice = _DESCRIPTIONS[kind]
    if suffix in _SUFFIXES and _SUFFIXES[suffix] is not kind and kind is not Kind.OLE:
        return TypeMismatchError(f"The file is {called}, but it is {name}. {ACCEPTED}")
    return UnsupportedTypeError(f"The file is {name}; {advice}. {ACCEPTED}")
