"""An OpenDocument spreadsheet becomes a lesson for each sheet that is shown (OpenDocument 1.3 part 3, 9).

Each cell says itself how it is shown, so that no number format has to be understood. What is read is a stream of
elements and no tree, since a sheet may repeat rows and cells a million times.
"""

import datetime as dt
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from tms.content import archive
from tms.content.errors import CorruptDocumentError, EncryptedDocumentError
from tms.content.lessons import division
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.safe_xml import refusal
from tms.content.tables.looks import Looks
from tms.content.tables.rendering import (
    CELLS_LIMIT,
    COLUMNS_LIMIT,
    ROWS_LIMIT,
    TEXT_LIMIT,
    Book,
    Displayed,
    Merged,
    Sheet,
    Value,
    title_of,
    too_many_cells,
    too_many_sheets,
)

_OASIS = "{urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _TEXT, _OFFICE, _STYLE = (f"{_OASIS}{name}:1.0}}" for name in ("table", "text", "office", "style"))
_DRAWINGS = (f"{_OASIS}drawing:1.0}}", f"{_OASIS}dr3d:1.0}}")
_ERROR = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
# Remarks, what a cell was before, and the sheets of other files that formulas refer to.
_SILENT = frozenset(
    {
        f"{_OFFICE}annotation",
        f"{_TABLE}tracked-changes",
        f"{_TABLE}shapes",
        f"{_TABLE}dde-links",
        f"{_TEXT}ruby-text",
    }
)
_ELSEWHERE = "'file:"
_KIND = f"{_OFFICE}value-type"
_CHUNK = 256 * 1024
_SPACE = re.compile(r"[ \t\r\n]+")
_TIME = re.compile(r"PT(\d{1,7})H(\d{1,2})M(\d{1,2})(?:[.,]\d*)?S")
_BARE = tuple(
    f"{_OFFICE}{name}" for name in ("value", "boolean-value", "time-value", "date-value", "string-value")
)
_COLUMNS_OF_CALC = 16_384
_MANIFEST = "META-INF/manifest.xml"


@dataclass(slots=True)
class _Sheet:
    """A sheet as far as a page shows it: cells by their column, of which a row has as many as can be shown."""

    name: str
    hidden: bool
    rows: list[dict[int, Value]] = field(default_factory=list)
    first: int | None = None
    """The first row with a cell that holds something, from 0."""
    last: int = -1
    merged: list[Merged] = field(default_factory=list)
    looks: Looks = field(default_factory=Looks)


def read(source: Source) -> Document:
    """The lessons of the spreadsheet; raises a `DocumentError`."""
    archive.inspect(source.path)
    source.report(0.2, "Reading the sheets")
    sheets = _sheets(source)
    book = Book()
    for sheet in sheets:
        if sheet.hidden:
            book.warnings.append(f"The sheet “{sheet.name}” is hidden and was left out.")
        else:
            book.add(_laid_out(sheet, title_of(sheet.name, source.filename, alone=len(sheets) == 1)))
    return division.compose(Manuscript(book.root, warnings=book.warnings), source)


def _sheets(source: Source) -> list[_Sheet]:
    reader = _Reader()
    parser = etree.XMLParser(target=reader, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        with zipfile.ZipFile(source.path) as package:
            if _MANIFEST in package.namelist() and b"encryption-data" in package.read(_MANIFEST):
                raise EncryptedDocumentError
            with package.open("content.xml") as part:
                while chunk := part.read(_CHUNK):
                    parser.feed(chunk)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise refusal(error) from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError) as error:
        raise CorruptDocumentError from error
    return [sheet for sheet in reader.sheets if not sheet.name.startswith(_ELSEWHERE)]


def _laid_out(sheet: _Sheet, title: str) -> Sheet:
    """The sheet from its first cell on."""
    top = sheet.first or 0
    left = min((column for row in sheet.rows for column in row), default=0)
    rows: list[list[Value]] = []
    for row in sheet.rows:
        width = min(max(row, default=-1) - left, COLUMNS_LIMIT) + 1
        rows.append([row.get(column) for column in range(left, left + width)])
    merged = [
        Merged(max(0, area.top - top), max(0, area.left - left), area.bottom - top, area.right - left)
        for area in sheet.merged
    ]
    hidden = Looks(
        hidden_rows={row - top for row in sheet.looks.hidden_rows},
        hidden_columns={column - left for column in sheet.looks.hidden_columns},
    )
    return Sheet(title, rows, max(0, sheet.last + 1 - top), merged, hidden)


class _Reader:
    """Gathers sheets from the beginnings and ends of elements, as the parser tells them."""

    def __init__(self) -> None:
        self.sheets: list[_Sheet] = []
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._silent = 0
        self._tables = 0
        """How many tables are open; one within a cell is part of the cell."""
        self._row, self._rows_alike, self._row_hidden = 0, 0, False
        self._column = 0
        self._cells: dict[int, Value] = {}
        self._filled = False
        self._cell: Mapping[str, str] | None = None
        self._pieces: list[str] = []
        self._letters = 0
        self._kept = 0

    def doctype(self, *_: object) -> None:
        raise CorruptDocumentError

    def close(self) -> None:
        """What an element holds was kept when it ended."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._silent or tag in _SILENT or tag.startswith(_DRAWINGS):
            self._silent += 1
        elif tag.startswith(_TEXT):
            if self._cell is not None:
                self._start_text(tag.removeprefix(_TEXT))
        elif tag == f"{_TABLE}table":
            self._tables += 1
            if self._tables == 1:
                self._begin_sheet(attributes)
        elif tag.startswith(_TABLE):
            self._start_part(tag.removeprefix(_TABLE), attributes)
        elif tag == f"{_STYLE}style":
            self._style = attributes.get(f"{_STYLE}name", "")
        elif tag == f"{_STYLE}table-properties" and attributes.get(f"{_TABLE}display") == "false":
            self._hidden_styles.add(self._style)

    def end(self, tag: str) -> None:
        if self._silent:
            self._silent -= 1
        elif tag == f"{_TABLE}table":
            self._tables -= 1
        elif self._tables == 1 and tag == f"{_TABLE}table-row":
            self._keep_row()
        elif self._tables == 1 and tag == f"{_TABLE}table-cell":
            self._keep_cell()

    def data(self, text: str) -> None:
        if self._cell is not None and not self._silent:
            self._add(_SPACE.sub(" ", text))

    def _add(self, text: str) -> None:
        if self._letters < TEXT_LIMIT:
            self._pieces.append(text)
            self._letters += len(text)

    def _start_part(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._tables != 1:
            return
        match name:
            case "table-column":
                self._pass_columns(attributes)
            case "table-row":
                self._begin_row(attributes)
            case "table-cell" if len(self.sheets[-1].rows) >= ROWS_LIMIT:
                # Of what no page shows, only how far it reaches is of interest.
                self._filled = self._filled or _KIND in attributes
            case "table-cell":
                self._cell, self._pieces, self._letters = dict(attributes), [], 0
            case "covered-table-cell":
                # What it may hold is behind the cell that covers it.
                self._cell = None
                self._column += _number(attributes, "number-columns-repeated")

    def _start_text(self, name: str) -> None:
        if (name == "p" and self._pieces) or name == "line-break":
            self._add("\n")
        elif name in {"s", "tab"}:
            self._add(" ")

    def _begin_sheet(self, attributes: Mapping[str, str]) -> None:
        hidden = attributes.get(f"{_TABLE}style-name", "") in self._hidden_styles
        self.sheets.append(_Sheet(attributes.get(f"{_TABLE}name", ""), hidden))
        if len(self.sheets) > division.LESSONS_LIMIT:
            raise too_many_sheets(len(self.sheets))
        self._row, self._rows_alike, self._column = 0, 0, 0

    def _pass_columns(self, attributes: Mapping[str, str]) -> None:
        first, self._column = self._column, self._column + _number(attributes, "number-columns-repeated")
        if _is_hidden(attributes):
            self.sheets[-1].looks.hidden_columns.update(range(first, min(self._column, _COLUMNS_OF_CALC)))

    def _begin_row(self, attributes: Mapping[str, str]) -> None:
        self._row += self._rows_alike
        self._rows_alike = _number(attributes, "number-rows-repeated")
        self._row_hidden = _is_hidden(attributes)
        self._column, self._cells, self._filled = 0, {}, False

    def _keep_cell(self) -> None:
        if self._cell is None:
            return
        cell, self._cell = self._cell, None
        first, self._column = self._column, self._column + _number(cell, "number-columns-repeated")
        value = _value(cell, "".join(self._pieces).strip()[:TEXT_LIMIT])
        if value is not None:
            last = min(self._column, first + COLUMNS_LIMIT + 1 - len(self._cells))
            self._cells |= dict.fromkeys(range(first, last), value)
        bottom = self._row + _number(cell, "number-rows-spanned") - 1
        right = first + _number(cell, "number-columns-spanned") - 1
        sheet = self.sheets[-1]
        if (bottom > self._row or right > first) and len(sheet.merged) < CELLS_LIMIT:
            sheet.merged.append(Merged(self._row, first, bottom, right))

    def _keep_row(self) -> None:
        sheet = self.sheets[-1]
        if sheet.hidden or (sheet.first is None and not self._cells):
            return
        if sheet.first is None:
            sheet.first = self._row
        if self._cells or self._filled:
            sheet.last = self._row + self._rows_alike - 1
        alike = min(self._rows_alike, ROWS_LIMIT - len(sheet.rows))
        sheet.rows += [self._cells] * alike
        if self._row_hidden:
            sheet.looks.hidden_rows.update(range(self._row, self._row + alike))
        self._kept += len(self._cells) if alike else 0
        if self._kept > CELLS_LIMIT:
            raise too_many_cells()


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    return attributes.get(f"{_TABLE}visibility", "visible") != "visible"


def _number(attributes: Mapping[str, str], name: str) -> int:
    """How often, or over how many; 1 where nothing is said."""
    text = attributes.get(f"{_TABLE}{name}", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _value(cell: Mapping[str, str], text: str) -> Value:
    """A word, or what else is shown; programs that write no text for figures leave their bare value."""
    kind = cell.get(_KIND, "")
    if cell.get(_ERROR) == "error":
        return None
    if text:
        return text if kind in {"", "string"} else Displayed(text)
    bare = next((cell[name] for name in _BARE if name in cell), "")
    match kind:
        case "float" | "percentage" | "currency":
            return _figure(bare, per_cent=kind == "percentage")
        case "boolean":
            return bare == "true"
        case "time" if (told := _TIME.fullmatch(bare)) is not None:
            hours, minutes, seconds = map(int, told.groups())
            return dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return Displayed(bare.replace("T", " ")) if kind == "date" and bare else bare or None


def _figure(text: str, *, per_cent: bool) -> Value:
    try:
        value = float(text)
    except ValueError:
        return None
    return Displayed(f"{value * 100:.12g}%") if per_cent else value
