"""Rows of pieces of text that stand below each other become a table."""

from lxml import etree

from tms.content.pdf.lines import Line, Piece
from tms.content.pdf.text import HYPHEN
from tms.content.safe_xml import Element


def read_table(rows: list[Line]) -> Element:
    """The table; a line that has nothing in its first column goes on with the cells of the row above it."""
    columns = _columns(rows)
    cells: list[list[str]] = []
    bold: list[bool] = []
    previous: Line | None = None
    for row in rows:
        written = [""] * len(columns)
        for piece in row.pieces:
            place = _column_of(piece, columns)
            written[place] = f"{written[place]} {' '.join(piece.text.split())}".strip()
        close = previous is not None and previous.baseline - row.baseline < 1.35 * row.size
        if cells and close and (not written[0] or len(row.pieces) < len(rows[0].pieces)):
            cells[-1] = [_together(above, below) for above, below in zip(cells[-1], written, strict=True)]
        else:
            cells.append(written)
            bold.append(row.bold)
        previous = row
    table = etree.Element("table")
    headed = bold[0] and not all(bold)
    for number, row_cells in enumerate(cells):
        line = etree.SubElement(table, "tr")
        for cell in row_cells:
            etree.SubElement(line, "th" if headed and number == 0 else "td").text = cell.replace(HYPHEN, "-")
    return table


def _columns(rows: list[Line]) -> list[tuple[float, float]]:
    """Strips that no piece leaves, from the left (from the right where the writing runs that way)."""
    spans = sorted((piece.left, piece.right) for row in rows for piece in row.pieces if len(row.pieces) > 1)
    merged: list[tuple[float, float]] = []
    for left, right in spans:
        if merged and left < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged[::-1] if rows[0].rtl else merged


def _column_of(piece: Piece, columns: list[tuple[float, float]]) -> int:
    """The column that it stands in, else the nearest."""
    left, right = piece.left, piece.right
    for place, column in enumerate(columns):
        if column[0] <= left and right <= column[1]:
            return place
    distances = [max(low - right, left - high, 0.0) + abs(left - low) / 1000 for low, high in columns]
    return distances.index(min(distances))


def _together(above: str, below: str) -> str:
    if above.endswith(HYPHEN):
        return above[:-1] + below
    return f"{above} {below}".strip()
