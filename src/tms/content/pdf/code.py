"""Lines in a font whose signs are all of one width become code as it was typed."""

import statistics

from tms.content.pdf.lines import Line
from tms.content.pdf.text import HYPHEN


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
        text = ""
        for piece in line.pieces:
            for run in piece.runs:
                column = round((run.left - margin) / width)
                if text[-1:] == " " and len(bare := text.rstrip(" ")) < column:
                    text = bare
                text += " " * (column - len(text)) + run.text
        written.append(text.replace(HYPHEN, "-").rstrip())
    return "\n".join(written)


def _width_of_sign(lines: list[Line]) -> float:
    widths = [
        (run.right - run.left) / len(run.text.rstrip())
        for line in lines
        for piece in line.pieces
        for run in piece.runs
        if len(run.text.strip()) > 2
    ]
    return statistics.median(widths) if widths else 0.6 * lines[0].size
