"""Lines in a font whose signs are all of one width become code as it was typed."""

import statistics

from tms.content.pdf.lines import Line
from tms.content.pdf.text import HYPHEN

_LAST_COLUMN = 500


def typed(lines: list[Line], leading: float) -> str:
    """Code as it was typed: places on the line become spaces, wide gaps empty lines."""
    usual = leading or 1.17 * lines[0].size
    width = _width_of_sign(lines)
    margin = min(piece.left for line in lines for piece in line.pieces)
    written: list[str] = []
    for number, line in enumerate(lines):
        if number and line.page == lines[number - 1].page:
            gap = lines[number - 1].baseline - line.baseline
            written += [""] * min(3, max(0, round(gap / max(usual, 1.0)) - 1))
        written.append(_on_grid(line, margin, width).replace(HYPHEN, "-").rstrip())
    return "\n".join(written)


def _on_grid(line: Line, margin: float, width: float) -> str:
    """The text of a line, each run at its column, or behind the one before it."""
    parts: list[str] = []
    end = length = 0
    for piece in line.pieces:
        for run in piece.runs:
            column = min(_LAST_COLUMN, round((run.left - margin) / width))
            start = column if column > end else length
            signs = run.text.rstrip(" ")
            if signs:
                parts += [" " * (start - end), signs]
                end = start + len(signs)
            length = start + len(run.text)
    return "".join(parts)


def _width_of_sign(lines: list[Line]) -> float:
    widths = [
        (run.right - run.left) / len(run.text.rstrip())
        for line in lines
        for piece in line.pieces
        for run in piece.runs
        if len(run.text.strip()) > 2
    ]
    size = lines[0].size
    return max(statistics.median(widths), 0.1 * size) if widths else 0.6 * size
