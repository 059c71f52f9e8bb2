"""A ZIP archive of documents becomes the lessons of all of them, in the order in which people count file names."""

import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from tms.content import archive, formats
from tms.content.errors import (
    CorruptDocumentError,
    DocumentError,
    DocumentTooComplexError,
    NoContentError,
    UnsupportedTypeError,
)
from tms.content.lessons import division, titles
from tms.content.lessons.document import Document, Report, Source
from tms.content.sniff import Kind

_DIGITS = re.compile(r"(\d{1,18})")
_RUBBISH = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_CHUNK = 1024 * 1024
_BESIDE_LIMIT = 64 * 1024 * 1024
_LISTED = 5


class _Bundle:
    """An open archive; `asked` are the names of the files that others show, such as pictures of a page."""

    def __init__(self, opened: zipfile.ZipFile, source: Source) -> None:
        self._opened = opened
        self._parts = archive.Parts(opened)
        self._source = source
        self._by_name = {entry.filename: entry for entry in opened.infolist() if not entry.is_dir()}
        self.names = sorted((name for name in self._by_name if not _is_rubbish(name)), key=_natural)
        self.asked: set[str] = set()

    def read(self, name: str, report: Report) -> Document:
        """The document in the archive; raises a `DocumentError`."""
        path = self._source.pictures.folder / "member"
        with self._opened.open(self._by_name[name]) as packed, path.open("wb") as target:
            while chunk := packed.read(_CHUNK):
                target.write(chunk)
        try:
            filename = PurePosixPath(name).name
            kind = formats.admit(path, filename)
            if kind is Kind.ZIP:
                raise UnsupportedTypeError("An archive within an archive is not opened; upload it by itself.")
            if formats.FORMATS[kind].becomes is not None:
                raise UnsupportedTypeError(
                    f"{formats.FORMATS[kind].name.capitalize()} is not opened within an archive; upload it by itself."
                )
            source = replace(
                self._source,
                path=path,
                filename=filename,
                kind=kind,
                report=report,
                beside=self._beside(name),
                within=name,
            )
            return formats.reader(kind).read(source)
        finally:
            path.unlink(missing_ok=True)

    def kind_of(self, name: str) -> Kind | None:
        """What the name promises, to tell pictures from documents before any is read."""
        return next(
            (
                kind
                for kind, one in formats.FORMATS.items()
                if PurePosixPath(name).suffix.lower() in one.suffixes
            ),
            None,
        )

    def _beside(self, name: str) -> Callable[[str], bytes | None]:
        def find(address: str) -> bytes | None:
            path = unquote(address.partition("#")[0].partition("?")[0]).replace("\\", "/")
            wanted = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
            entry = self._by_name.get(wanted)
            if entry is None or entry.file_size > _BESIDE_LIMIT:
                return None
            self.asked.add(wanted)
            return self._parts.read(entry.filename)

        return find


def read(source: Source) -> Document:
    """The lessons of all documents in the archive; what cannot be read is named in the warnings.

    Raises a `DocumentError`.
    """
    archive.inspect(source.path)
    try:
        with zipfile.ZipFile(source.path) as opened:
            bundle = _Bundle(opened, source)
            documents, refused = _read_all(bundle, source)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise CorruptDocumentError from error
    if not documents:
        raise _nothing(refused)
    return _join(bundle, documents, refused, source)


def _read_all(bundle: _Bundle, source: Source) -> tuple[dict[str, Document], dict[str, str]]:
    """Documents before pictures, since those tell which pictures they show."""
    documents: dict[str, Document] = {}
    refused: dict[str, str] = {}
    in_turn = sorted(bundle.names, key=lambda name: bundle.kind_of(name) is Kind.PICTURE)
    lessons = 0
    for number, name in enumerate(in_turn, start=1):
        if name in bundle.asked:
            continue
        source.report(0.1 + 0.8 * number / len(in_turn), f"Reading file {number} of {len(in_turn)}")
        try:
            documents[name] = bundle.read(name, _silent)
        except DocumentError as error:
            refused[name] = error.detail
            continue
        lessons += len(documents[name].lessons)
        if lessons > division.LESSONS_LIMIT:
            raise DocumentTooComplexError(
                f"The archive holds more than {division.LESSONS_LIMIT:,} lessons; divide it into several archives."
            )
    return documents, refused


def _join(
    bundle: _Bundle, documents: dict[str, Document], refused: dict[str, str], source: Source
) -> Document:
    told = [f"“{_shown(name)}” was left out: {detail}" for name, detail in refused.items()]
    lessons = []
    for name in bundle.names:
        if name in documents:
            lessons += documents[name].lessons
            told += [f"{_shown(name)}: {warning}" for warning in documents[name].warnings]
    titled = Counter(lesson.title for lesson in lessons)
    told += [f"{count} lessons are called “{title}”." for title, count in titled.items() if count > 1]
    return Document(
        titles.name_of(source.filename), lessons, source.pictures.stored, list(dict.fromkeys(told))
    )


def _nothing(refused: dict[str, str]) -> DocumentError:
    if not refused:
        return NoContentError("The archive holds no documents.")
    listed = "; ".join(
        f"“{_shown(name)}”: {detail.rstrip('.')}" for name, detail in list(refused.items())[:_LISTED]
    )
    return UnsupportedTypeError(f"The archive holds nothing that TMS can read. {listed}.")


def _shown(name: str) -> str:
    return titles.shorten(titles.plain_line(name))


def _silent(_fraction: float, _message: str) -> None:
    """The archive's own progress is told instead."""


def _is_rubbish(name: str) -> bool:
    """What systems leave beside documents: hidden files, previews, the other half of files of macOS."""
    return any(part.startswith(".") or part.lower() in _RUBBISH for part in PurePosixPath(name).parts)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """As people count: `2.md` before `10.md`."""
    return [
        (0, int(piece), "") if piece.isdecimal() else (1, 0, piece.casefold())
        for piece in _DIGITS.split(name)
        if piece
    ]
