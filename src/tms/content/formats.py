"""Every kind of file that people upload, in one table: what it is called, and which module reads it.

The content decides what a file is; its name only has to agree. Of plain text alone, the name tells what is meant by it.
"""

import importlib
from pathlib import Path, PurePosixPath
from typing import NamedTuple, cast

from tms.content import office
from tms.content.errors import (
    CorruptDocumentError,
    EmptyFileError,
    EncryptedDocumentError,
    TypeMismatchError,
    UnsupportedTypeError,
)
from tms.content.lessons.document import Reader
from tms.content.sniff import Kind, sniff


class Format(NamedTuple):
    """A kind of file: its name with an article, the extensions that agree with it, the first being the usual one.

    `reader` is the module below `tms.content` whose `read` makes lessons of it; where there is none, `advice` says how to
    come by a file that TMS reads. `becomes` is what LibreOffice makes of it first, where it is installed. Readers are imported when they are needed, since each brings a large library along.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: str | None = None
    advice: str = ""
    becomes: Kind | None = None

    @property
    def is_read(self) -> bool:
        """Whether TMS reads it on this machine."""
        return self.reader is not None or (self.becomes is not None and office.find() is not None)


_SAVE_AS = "open it in Word or LibreOffice and save it as .docx"
FORMATS: dict[Kind, Format] = {
    Kind.DOCX: Format("a Word document", (".docx", ".dotx", ".docm", ".dotm"), "docx.reader"),
    Kind.DOCM: Format("a Word document with macros", (".docm", ".dotm", ".docx", ".dotx"), "docx.reader"),
    Kind.PDF: Format("a PDF", (".pdf",), "pdf.reader"),
    Kind.EPUB: Format("an EPUB book", (".epub",), "epub.reader"),
    Kind.HTML: Format("a web page", (".html", ".htm", ".xhtml"), "web.reader"),
    Kind.MARKDOWN: Format("a Markdown text", (".md", ".markdown"), "markdown"),
    Kind.TEXT: Format("a plain text", (".txt", ".text"), "plain"),
    Kind.PPTX: Format("a PowerPoint presentation", (".pptx", ".ppsx", ".pptm", ".ppsm"), "pptx.reader"),
    Kind.PPTM: Format(
        "a PowerPoint presentation with macros", (".pptm", ".ppsm", ".pptx", ".ppsx"), "pptx.reader"
    ),
    Kind.XLSX: Format("an Excel workbook", (".xlsx", ".xlsm"), "tables.workbook"),
    Kind.XLSM: Format("an Excel workbook with macros", (".xlsm", ".xlsx"), "tables.workbook"),
    Kind.XLS: Format("an Excel 97-2003 workbook", (".xls",), "tables.workbook"),
    Kind.ODS: Format("an OpenDocument spreadsheet", (".ods",), "tables.open_document"),
    Kind.CSV: Format("a table as text", (".csv", ".tsv"), "tables.delimited"),
    Kind.PICTURE: Format("a picture", (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"), "media.picture"),
    Kind.VIDEO: Format("a video", (".mp4", ".webm", ".m4v", ".m4a"), "media.recording"),
    Kind.AUDIO: Format("a sound recording", (".mp3", ".m4a"), "media.recording"),
    Kind.HEIF: Format("a HEIF or AVIF picture", (".heic", ".heif", ".avif"), advice="save it as JPEG or PNG"),
    Kind.QUICKTIME: Format("a QuickTime video", (".mov", ".qt"), advice="convert it to MP4"),
    Kind.MATROSKA: Format("a Matroska video", (".mkv", ".mka"), advice="convert it to WebM or MP4"),
    Kind.ZIP: Format("a ZIP archive", (".zip",), "bundle"),
    Kind.ODT: Format("an OpenDocument text", (".odt",), advice=_SAVE_AS, becomes=Kind.DOCX),
    Kind.ODP: Format("an OpenDocument presentation", (".odp",), advice="save it as .pptx", becomes=Kind.PPTX),
    Kind.DOC: Format("a Word 97-2003 document", (".doc", ".dot"), advice=_SAVE_AS, becomes=Kind.DOCX),
    Kind.PPT: Format(
        "a PowerPoint 97-2003 presentation",
        (".ppt", ".pps"),
        advice="open it in PowerPoint and save it as .pptx",
        becomes=Kind.PPTX,
    ),
    Kind.OLE: Format("an older Office document", (), advice=_SAVE_AS),
    Kind.RTF: Format("a rich-text document", (".rtf",), advice=_SAVE_AS, becomes=Kind.DOCX),
}
_TEXTS = (Kind.HTML, Kind.MARKDOWN, Kind.CSV, Kind.TEXT)
_ARCHIVES = (
    Kind.DOCX, Kind.DOCM, Kind.PPTX, Kind.PPTM, Kind.XLSX, Kind.XLSM, Kind.EPUB, Kind.ODT, Kind.ODP, Kind.ODS, Kind.ZIP,
)  # fmt: skip


def accepted_suffixes() -> tuple[str, ...]:
    """The extensions of all files that TMS reads, each once."""
    return tuple(
        dict.fromkeys(
            suffix for format_ in FORMATS.values() if format_.is_read for suffix in format_.suffixes
        )
    )


def accepted_kinds() -> tuple[str, ...]:
    """What TMS reads, in words: `Word document`, `PDF`; kinds that share their extensions are told once."""
    told: dict[str, str] = {}
    for format_ in FORMATS.values():
        if format_.is_read and not all(suffix in told for suffix in format_.suffixes):
            told |= dict.fromkeys(format_.suffixes, format_.name.partition(" ")[2])
    return tuple(dict.fromkeys(told.values()))


def accepted() -> str:
    """A sentence that lists what TMS reads."""
    return f"TMS reads files that end in {', '.join(accepted_suffixes())}."


def reader(kind: Kind) -> Reader:
    """The module that reads files of this kind; expects that `admit` gave it."""
    return cast("Reader", importlib.import_module(f"tms.content.{FORMATS[kind].reader}"))


def admit(path: Path, filename: str) -> Kind:
    """The kind of a file that TMS reads and that is called what it is; else the `DocumentError` that says why not."""
    kind = sniff(path)
    suffix = PurePosixPath(filename).suffix.lower()
    if kind is Kind.EMPTY:
        raise EmptyFileError
    if kind is Kind.ENCRYPTED:
        raise EncryptedDocumentError
    if kind is Kind.BROKEN_ZIP and any(suffix in FORMATS[other].suffixes for other in _ARCHIVES):
        raise CorruptDocumentError
    if kind is Kind.TEXT:
        kind = next((meant for meant in _TEXTS if suffix in FORMATS[meant].suffixes), kind)
    if kind not in FORMATS:
        raise _unknown(suffix)
    if suffix not in FORMATS[kind].suffixes:
        raise _misnamed(kind, suffix)
    if not FORMATS[kind].is_read:
        raise _unread(kind)
    return kind


def _unknown(suffix: str) -> TypeMismatchError | UnsupportedTypeError:
    promised = next((format_ for format_ in FORMATS.values() if suffix in format_.suffixes), None)
    if promised is None:
        return UnsupportedTypeError(f"The file is of a kind that TMS does not read. {accepted()}")
    return TypeMismatchError(
        f"The file is called {suffix}, but its content is not that of {promised.name}; open it in the program that "
        "made it, save it again and upload that file."
    )


def _misnamed(kind: Kind, suffix: str) -> TypeMismatchError | UnsupportedTypeError:
    format_ = FORMATS[kind]
    called = f"called {suffix}" if suffix else "called by a name without extension"
    promises = any(suffix in other.suffixes for other in FORMATS.values())
    if format_.is_read:
        return TypeMismatchError(
            f"The file is {called}, but it is {format_.name}; rename it to end in {format_.suffixes[0]}."
        )
    if promises and kind is not Kind.OLE:
        return TypeMismatchError(f"The file is {called}, but it is {format_.name}; {format_.advice}.")
    return _unread(kind)


def _unread(kind: Kind) -> UnsupportedTypeError:
    return UnsupportedTypeError(f"The file is {FORMATS[kind].name}; {FORMATS[kind].advice}. {accepted()}")
