"""How the cells of an Excel 97-2003 workbook look, by the few kinds of records that say so ([MS-XLS] 2.4)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tms.content.tables import compound
from tms.content.tables.figures import BUILT_IN
from tms.content.tables.looks import Looks
from tms.content.tables.rendering import CELLS_LIMIT, ROWS_LIMIT

Reach: TypeAlias = dict[str, tuple[int, int]]
"""The last row and the last column with a cell, from 1, by the names of sheets."""

BYTES_LIMIT = 64 * 1024 * 1024
"""No workbook of these rows and columns is larger that people should read."""
STYLES_LIMIT = 65_000
_EXCEL_97 = 0x0600
_BEGIN, _END, _ENCRYPTED = 0x0809, 0x000A, 0x002F
_FORMAT, _STYLE, _SHEET = 0x041E, 0x00E0, 0x0085
_ROW, _COLUMNS, _FIGURES = 0x0208, 0x007D, 0x00BD
# Formulas, numbers in two layouts: what a number format changes. Then truth values and words in three layouts.
_FIGURE = frozenset({0x0006, 0x0203, 0x027E})
_OTHER_CELL = frozenset({0x0205, 0x00FD, 0x0204, 0x00D6})


@dataclass(slots=True)
class _Globals:
    """What holds for all sheets; `sheets` are places in the stream by name."""

    formats: dict[int, str] = field(default_factory=lambda: dict(BUILT_IN))
    styles: list[int] = field(default_factory=list)
    sheets: dict[str, int] = field(default_factory=dict)


def read(path: Path) -> tuple[dict[str, Looks], Reach]:
    """The looks of the sheets by their names, and how far they reach.

    A damaged, encrypted, older or very large workbook has none: whoever reads its cells will say what is wrong with it.
    """
    if path.stat().st_size > BYTES_LIMIT:
        return {}, {}
    try:
        stream = compound.stream(path.read_bytes(), "Workbook")
        if stream is None:
            return {}, {}
        # Sheets that share records would have them read as often as there are sheets.
        records = iter(range(len(stream) // 4))
        known = _globals(stream, records)
        if known is None:
            return {}, {}
        # A book of more cells than this is either refused or wider than a page; its last ones are shown as they are.
        left = iter(range(2 * CELLS_LIMIT))
        found = {name: _looks(stream, at, known, left, records) for name, at in known.sheets.items()}
    except (ValueError, struct.error):
        return {}, {}
    return {name: looks for name, (looks, _) in found.items()}, {
        name: far for name, (_, far) in found.items()
    }


def _records(stream: bytes, at: int, left: Iterator[int]) -> Iterator[tuple[int, int, int]]:
    """Kind, place and size of each record up to the end of the part that begins at `at`; of parts within it, none."""
    depth = 0
    while at + 4 <= len(stream):
        if next(left, None) is None:
            raise ValueError("parts that overlap")
        kind, size = struct.unpack_from("<HH", stream, at)
        if kind == _BEGIN:
            depth += 1
        elif kind == _END:
            depth -= 1
            if depth <= 0:
                return
        if depth == 1:
            yield kind, at + 4, size
        at += 4 + size


def _globals(stream: bytes, records: Iterator[int]) -> _Globals | None:
    found = _Globals()
    for kind, at, size in _records(stream, 0, records):
        if kind == _ENCRYPTED:
            return None
        if kind == _BEGIN and struct.unpack_from("<H", stream, at)[0] != _EXCEL_97:
            return None
        if kind == _FORMAT:
            number, letters, wide = struct.unpack_from("<HHB", stream, at)
            found.formats[number] = _text(stream, at + 5, letters, wide)
        elif kind == _STYLE and len(found.styles) < STYLES_LIMIT:
            found.styles.append(struct.unpack_from("<H", stream, at + 2)[0])
        elif kind == _SHEET and size >= 8:
            place, letters, wide = struct.unpack_from("<IxxBB", stream, at)
            found.sheets[_text(stream, at + 8, letters, wide)] = place
    return found


def _text(stream: bytes, at: int, letters: int, wide: int) -> str:
    if wide & 1:
        return stream[at : at + 2 * letters].decode("utf-16-le", "replace")
    return stream[at : at + letters].decode("latin-1")


def _looks(
    stream: bytes, place: int, known: _Globals, left: Iterator[int], records: Iterator[int]
) -> tuple[Looks, tuple[int, int]]:
    """Formats as far as a page shows rows, counted from the first one with a cell, and while cells are `left`."""
    codes = [known.formats.get(number) for number in known.styles]
    found = Looks()
    first, last_row, last_column = -1, 0, 0
    for kind, at, size in _records(stream, place, records):
        if kind in _FIGURE or kind in _OTHER_CELL or kind == _FIGURES:
            row, column = struct.unpack_from("<HH", stream, at)
            styles = (
                [
                    style
                    for (style,) in struct.iter_unpack("<H4x", stream[at + 4 : at + 4 + (size - 6) // 6 * 6])
                ]
                if kind == _FIGURES
                else struct.unpack_from("<H", stream, at + 4)
            )
            first = row if first < 0 else first
            last_row, last_column = max(last_row, row + 1), max(last_column, column + len(styles))
            if kind in _OTHER_CELL or row >= first + ROWS_LIMIT:
                continue
            for number, style in enumerate(styles, start=column):
                if style < len(codes) and (code := codes[style]) is not None and next(left, None) is not None:
                    found.codes[row, number] = code
        elif kind == _ROW:
            row, marks = struct.unpack_from("<H10xI", stream, at)
            if marks & 0x20:
                found.hidden_rows.add(row)
        elif kind == _COLUMNS:
            begin, end, marks = struct.unpack_from("<HH4xH", stream, at)
            if marks & 1:
                found.hidden_columns.update(range(begin, min(end, 255) + 1))
    return found, (last_row, last_column)
