"""A sheet as a lesson: a heading and a table, as much of it as a page can show."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from lxml import etree

from tms.content.errors import DocumentTooComplexError
from tms.content.safe_xml import Element
from tms.content.tables import figures

ROWS_LIMIT = 1000
COLUMNS_LIMIT = 50
CELLS_LIMIT = 400_000
TEXT_LIMIT = 32_767
_NO_CODES: Mapping[tuple[int, int], str] = MappingProxyType({})
Value: TypeAlias = str | int | float | bool | dt.datetime | dt.date | dt.time | dt.timedelta | None


class Merged(NamedTuple):
    """Cells shown as one; rows and columns count from 0, the last ones are within."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Book:
    """The manuscript of several sheets; raises `DocumentTooComplexError` when they are too much together."""

    root: Element = field(default_factory=lambda: etree.Element("div"))
    warnings: list[str] = field(default_factory=list)
    _cells: int = 0

    def add(
        self,
        title: str,
        rows: Sequence[Sequence[Value]],
        *,
        height: int,
        merged: Sequence[Merged] = (),
        codes: Mapping[tuple[int, int], str] = _NO_CODES,
    ) -> None:
        """Add a sheet; `height` is the number of rows that it has in truth, `rows` may stop at `ROWS_LIMIT`.

        `codes` are the number formats of cells by row and column, both from 0.
        """
        texts = [
            [text_of(value, codes.get((top, left))) for left, value in enumerate(row[: COLUMNS_LIMIT + 1])]
            for top, row in enumerate(rows[:ROWS_LIMIT])
        ]
        width = max((number for row in texts for number, text in enumerate(row, 1) if text), default=0)
        if width == 0:
            self.warnings.append(f"The sheet “{title}” is empty and was left out.")
            return
        if width > COLUMNS_LIMIT:
            self.warnings.append(
                f"The sheet “{title}” has more than {COLUMNS_LIMIT} columns; the first {COLUMNS_LIMIT} were taken."
            )
        if height > ROWS_LIMIT:
            self.warnings.append(
                f"The sheet “{title}” has {height:,} rows; the first {ROWS_LIMIT:,} were taken."
            )
        width = min(width, COLUMNS_LIMIT)
        while texts and not any(texts[-1]):
            texts.pop()
        self._count(width * len(texts))
        etree.SubElement(self.root, "h1").text = title
        self.root.append(_table(texts, width, merged, headed=_has_head(rows, texts)))

    def _count(self, cells: int) -> None:
        self._cells += cells
        if self._cells > CELLS_LIMIT:
            raise DocumentTooComplexError(
                f"The sheets have more than {CELLS_LIMIT:,} cells together; keep those that people should read."
            )


def text_of(value: Value, code: str | None = None) -> str:
    """A value as people read it: as its number format shows it; without one, dates and times as ISO 8601 writes them."""
    if code is not None and not isinstance(value, bool | str | None):
        shown = figures.written(value, code)
        if shown is not None:
            return shown
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return _number(value)
        case dt.datetime() if value.time() == dt.time.min:
            return value.date().isoformat()
        case dt.datetime() | dt.time():
            precision = "minutes" if value.second == 0 else "seconds"
            return value.isoformat(timespec=precision).replace("T", " ")
    return "" if value is None else str(value)[:TEXT_LIMIT].strip()


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.12g}"


def _has_head(rows: Sequence[Sequence[Value]], texts: list[list[str]]) -> bool:
    """Whether the first row names the columns: words alone, and something below them."""
    first = [value for value in rows[0] if value not in {None, ""}]
    return len(texts) > 1 and bool(first) and all(isinstance(value, str) for value in first)


def _table(texts: list[list[str]], width: int, merged: Sequence[Merged], *, headed: bool) -> Element:
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
    merged: Sequence[Merged], height: int, width: int
) -> tuple[dict[tuple[int, int], tuple[int, int]], set[tuple[int, int]]]:
    """How far cells reach, and which ones those cover; of ranges that overlap, the first counts."""
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    covered: set[tuple[int, int]] = set()
    for area in merged:
        top, left = max(area.top, 0), max(area.left, 0)
        bottom, right = min(area.bottom, height - 1), min(area.right, width - 1)
        if top > bottom or left > right or len(covered) > CELLS_LIMIT:
            continue
        cells = {(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)}
        if cells & (covered | spans.keys()):
            continue
        spans[top, left] = (bottom - top + 1, right - left + 1)
        covered |= cells - {(top, left)}
    return spans, covered


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
