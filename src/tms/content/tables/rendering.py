"""A sheet as a lesson: a heading and a table, as much of it as a page can show."""

import datetime as dt
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeAlias, TypeVar

from lxml import etree

from tms.content.errors import DocumentTooComplexError
from tms.content.lessons import division, titles
from tms.content.safe_xml import Element
from tms.content.tables import figures
from tms.content.tables.looks import Looks

ROWS_LIMIT = 1000
COLUMNS_LIMIT = 50
CELLS_LIMIT = 400_000
TEXT_LIMIT = 32_767
_NAMED_BY_PROGRAM = re.compile(
    r"(Sheet|Tabelle|Feuil|Feuille|Hoja|Foglio|Planilha|Blad|Arkusz|Лист|Sayfa|工作表|シート)\s?\d*"
)


_Cell = TypeVar("_Cell")


class Displayed(NamedTuple):
    """A value that is no word, as the file itself says that it is shown."""

    text: str


Value: TypeAlias = (
    str | int | float | bool | dt.datetime | dt.date | dt.time | dt.timedelta | Displayed | None
)


class Merged(NamedTuple):
    """Cells shown as one; rows and columns count from 0, the last ones are within."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Sheet:
    """A sheet from its first cell on; `height` is the number of rows that it has in truth, `rows` may stop at `ROWS_LIMIT`.

    What is merged and how cells look is counted from that cell, too.
    """

    title: str
    rows: Sequence[Sequence[Value]]
    height: int
    merged: Sequence[Merged] = ()
    looks: Looks = field(default_factory=Looks)


@dataclass(slots=True)
class Book:
    """The manuscript of several sheets; raises `DocumentTooComplexError` when they are too much together."""

    root: Element = field(default_factory=lambda: etree.Element("div"))
    warnings: list[str] = field(default_factory=list)
    _cells: int = 0

    def add(self, sheet: Sheet) -> None:
        """Add a sheet, or say why there is nothing of it to be shown."""
        codes = sheet.looks.codes
        rows = [row[: COLUMNS_LIMIT + 1] for row in sheet.rows[:ROWS_LIMIT]]
        texts = [
            [text_of(value, codes.get((top, left))) for left, value in enumerate(row)]
            for top, row in enumerate(rows)
        ]
        if not any(map(any, texts)):
            self.warnings.append(f"The sheet “{sheet.title}” is empty and was left out.")
            return
        width = max(number for row in texts for number, text in enumerate(row, 1) if text)
        if width > COLUMNS_LIMIT:
            self.warnings.append(
                f"The sheet “{sheet.title}” has more than {COLUMNS_LIMIT} columns; the first {COLUMNS_LIMIT} were taken."
            )
        if sheet.height > ROWS_LIMIT:
            self.warnings.append(
                f"The sheet “{sheet.title}” has {sheet.height:,} rows; the first {ROWS_LIMIT:,} were taken."
            )
        while texts and not any(texts[-1]):
            texts.pop()
        shown = _Shown.of(sheet, texts, min(width, COLUMNS_LIMIT))
        if shown.says_less_than(texts):
            self.warnings.append(
                f"The sheet “{sheet.title}” has hidden rows or columns, which were left out; show them if students should "
                "read them."
            )
        texts = shown.of_rows(texts)
        if not any(map(any, texts)):
            return
        self._count(len(shown.columns) * len(texts))
        etree.SubElement(self.root, "h1").text = sheet.title
        headed = _has_head(shown.of_rows(rows)[0], texts)
        self.root.append(_table(texts, len(shown.columns), shown.of_areas(sheet.merged), headed=headed))

    def _count(self, cells: int) -> None:
        self._cells += cells
        if self._cells > CELLS_LIMIT:
            raise too_many_cells()


def too_many_cells() -> DocumentTooComplexError:
    """The refusal of a book of more than `CELLS_LIMIT` cells."""
    return DocumentTooComplexError(
        f"The sheets have more than {CELLS_LIMIT:,} cells together; keep those that people should read."
    )


def too_many_sheets(number: int) -> DocumentTooComplexError:
    """The refusal of a book of so many sheets."""
    return DocumentTooComplexError(
        f"The workbook has {number:,} sheets, more than {division.LESSONS_LIMIT:,}; divide it into several."
    )


def title_of(name: str, filename: str, *, alone: bool) -> str:
    """The title of a sheet; the only one of its book that only a program has named is called as the file is."""
    chosen = titles.name_of(filename) if alone and _NAMED_BY_PROGRAM.fullmatch(name) else name
    return titles.shorten(titles.plain_line(chosen)) or "Sheet"


class _Shown(NamedTuple):
    """The rows and columns that are not hidden, by the numbers that they have in the sheet."""

    rows: list[int]
    columns: list[int]

    @classmethod
    def of(cls, sheet: Sheet, texts: list[list[str]], width: int) -> Self:
        rows = [row for row in range(len(texts)) if row not in sheet.looks.hidden_rows]
        return cls(rows, [column for column in range(width) if column not in sheet.looks.hidden_columns])

    def says_less_than(self, texts: list[list[str]]) -> bool:
        rows, columns = set(self.rows), set(self.columns)
        return any(
            text and (top not in rows or left not in columns)
            for top, row in enumerate(texts)
            for left, text in enumerate(row[:COLUMNS_LIMIT])
        )

    def of_rows(self, rows: Sequence[Sequence[_Cell]]) -> list[list[_Cell]]:
        return [[rows[top][left] for left in self.columns if left < len(rows[top])] for top in self.rows]

    def of_areas(self, merged: Sequence[Merged]) -> Iterator[Merged]:
        """What is left of areas of merged cells, counted without hidden rows and columns."""
        for area in merged:
            top, left = bisect_left(self.rows, area.top), bisect_left(self.columns, area.left)
            bottom, right = bisect_right(self.rows, area.bottom), bisect_right(self.columns, area.right)
            if top < bottom and left < right:
                yield Merged(top, left, bottom - 1, right - 1)


def text_of(value: Value, code: str | None = None) -> str:
    """A value as people read it: as its number format shows it; without one, dates and times as ISO 8601 writes them."""
    if code is not None and not isinstance(value, bool | str | Displayed | None):
        shown = figures.written(value, code)
        if shown is not None:
            return shown
    match value:
        case Displayed(text):
            return text
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return _number(value)
        case dt.datetime() | dt.time() | dt.timedelta():
            return _moment(value)
    return "" if value is None else str(value)[:TEXT_LIMIT].strip()


def _moment(value: dt.datetime | dt.time | dt.timedelta) -> str:
    if isinstance(value, dt.timedelta):
        return _duration(value)
    if isinstance(value, dt.datetime) and value.time() == dt.time.min:
        return value.date().isoformat()
    precision = "minutes" if value.second == 0 else "seconds"
    return value.isoformat(timespec=precision).replace("T", " ")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.12g}"


def _duration(value: dt.timedelta) -> str:
    """Hours, as many as there are, minutes, and seconds where there are any: `42:05`."""
    seconds = round(abs(value).total_seconds())
    sign = "-" if value < dt.timedelta(0) and seconds else ""
    rest = f":{seconds % 60:02d}" if seconds % 60 else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}{rest}"


def _has_head(row: Sequence[Value], texts: list[list[str]]) -> bool:
    """Whether the first row names the columns: words alone, and something below them."""
    first = [value for value in row if value not in {None, ""}]
    return len(texts) > 1 and bool(first) and all(isinstance(value, str) for value in first)


def _table(texts: list[list[str]], width: int, merged: Iterable[Merged], *, headed: bool) -> Element:
    spans, covered = _spans(merged, len(texts), width)
    table = etree.Element("table")
    for top, row in enumerate(texts):
        line = etree.SubElement(table, "tr")
        for left in range(width):
            if (top, left) in covered:
                continue
            cell = etree.SubElement(line, "th" if headed and top == 0 else "td")
            _write(cell, row[left] if left < len(row) else "")
            height, breadth = spans.get((top, left), (1, 1))
            if height > 1:
                cell.set("rowspan", str(height))
            if breadth > 1:
                cell.set("colspan", str(breadth))
    return table


def _spans(
    merged: Iterable[Merged], height: int, width: int
) -> tuple[dict[tuple[int, int], tuple[int, int]], set[tuple[int, int]]]:
    """How far cells reach, and which ones those cover; of ranges that overlap, the first counts."""
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    taken: set[tuple[int, int]] = set()
    # Ranges that do not overlap have no more cells together than the table.
    left_to_see = 2 * height * width
    for area in merged:
        bottom, right = min(area.bottom, height - 1), min(area.right, width - 1)
        left_to_see -= max(0, bottom - area.top + 1) * max(0, right - area.left + 1)
        if left_to_see < 0:
            break
        cells = [
            (row, column) for row in range(area.top, bottom + 1) for column in range(area.left, right + 1)
        ]
        if cells and taken.isdisjoint(cells):
            spans[area.top, area.left] = (bottom - area.top + 1, right - area.left + 1)
            taken.update(cells)
    return spans, taken - spans.keys()


def _write(cell: Element, text: str) -> None:
    first, *others = text.splitlines() or [""]
    cell.text = printable(first)
    for line in others:
        etree.SubElement(cell, "br").tail = printable(line)


def printable(text: str) -> str:
    """The text without what XML cannot hold."""
    return "".join(
        character
        for character in text
        if character >= " " and not "\ud800" <= character <= "\udfff" and character not in "\ufffe\uffff"
    )
