"""Lines of CSV (RFC 4180) that spreadsheets show and do not execute."""

import csv
import io
from collections.abc import Iterable

# What makes a cell a formula, also in the wide spellings of East Asian input; and what some programs strip before that.
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_CONTROL = frozenset("\t\r\n")

BOM = "\ufeff"
"""First of all, since without it spreadsheets take UTF-8 for something else."""


def harmless(value: str) -> str:
    """The value, after an apostrophe where a spreadsheet would take it for a formula."""
    text = value.lstrip()
    if value[:1] in _CONTROL or text[:1] in _FORMULA:
        return f"'{value}"
    return value


def lines(rows: Iterable[Iterable[object]]) -> str:
    """Rows as text; none is an empty cell."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(
        [["" if cell is None else harmless(str(cell)) for cell in row] for row in rows]
    )
    return buffer.getvalue()
