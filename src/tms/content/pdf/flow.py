"""Pictures among the lines of a page: each before the first line of its own column that stands below its middle."""

from collections.abc import Sequence

from tms.content.pdf.blocks import Figure
from tms.content.pdf.lines import ASIDE, Line, PageText, lines_of
from tms.content.pdf.places import Box
from tms.content.pdf.text import Run, upright

_MOST_PARTS = 100


def put_back(page: PageText, runs: Sequence[Run]) -> None:
    """Words of a figure that is not shown, as text where they stand; those that run across the page come last."""
    lines = lines_of(page, [run for run in runs if not run.turned])
    across = [run for run in runs if run.turned]
    if across:
        page.lines += lines_of(page, list(map(upright, across)), aside=across[0].turned)
    if lines:
        place = next(
            (at for at, line in enumerate(page.lines) if line.baseline < lines[0].baseline), len(page.lines)
        )
        page.lines[place:place] = lines


def with_figures(lines: Sequence[Line], figures: Sequence[Figure]) -> list[Line | Figure]:
    """Lines in their order, with the figures where they are seen."""
    if not figures:
        return list(lines)
    parts = _parts(lines)
    own: list[list[Figure]] = [[] for _ in parts]
    for figure in sorted(figures, key=lambda one: -one.height):
        own[_part_of(figure, parts)].append(figure)
    ordered: list[Line | Figure] = []
    for (_, part), waiting in zip(parts, own, strict=True):
        place = 0
        for line in part:
            while place < len(waiting) and waiting[place].height > line.baseline:
                ordered.append(waiting[place])
                place += 1
            ordered.append(line)
        ordered += waiting[place:]
    return ordered


def _parts(lines: Sequence[Line]) -> list[tuple[Box | None, list[Line]]]:
    """The lines by their columns, in the order in which they are read, each with the part of the page that it takes."""
    parts: list[tuple[Box | None, list[Line]]] = []
    for line in lines:
        if not parts or parts[-1][1][-1].column != line.column:
            parts.append((None, []))
        box, own = parts[-1]
        own.append(line)
        for piece in line.pieces if line.column < ASIDE else ():
            place = Box(piece.left, piece.baseline, piece.right, piece.baseline + piece.size)
            box = place if box is None else box.with_(place)
        parts[-1] = (box, own)
    return parts if 0 < len(parts) <= _MOST_PARTS else [(None, list(lines))]


def _part_of(figure: Figure, parts: list[tuple[Box | None, list[Line]]]) -> int:
    """Which part a figure goes into: the first one of its column that reaches below its middle, else the last of its column."""
    beside = [
        place
        for place, (box, _) in enumerate(parts)
        if box is not None and min(box.right, figure.box.right) - max(box.left, figure.box.left) > 0
    ]
    below = [place for place in beside if parts[place][1][-1].baseline < figure.height]
    if below:
        return below[0]
    return beside[-1] if beside else len(parts) - 1
