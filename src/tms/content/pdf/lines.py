"""Runs become lines: pieces of text on one height, in the order in which they are read, across columns."""

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tms.content.pdf import directions
from tms.content.pdf.text import HYPHEN, SLANTED, Run

ENDS_SENTENCE = tuple(".!?:;…。！？؟۔।")
_SAME_LINE = 0.3
"""Of the size: how far the heights of two runs on one line may lie apart."""
_MOST_LARGER = 2.0
_GAP = 0.9
"""Of the size: a wider gap divides columns, cells, or a mark from its item."""
_SPACE = 0.18
"""Of the size: a gap of this width is a space that the file did not write."""
_RAISED = 0.85
_CLEARLY = 2
_FEWEST_ROWS = 4
_FILLED = 0.55
_LONG = 15
"""Signs: more than that are hardly one word."""
_CANDIDATES = 8
_MOST_CROSSING = 0.3
_DEEPEST = 12
"""How often columns may be divided again."""
ASIDE = 1 << _DEEPEST + 2
"""Columns of text that runs in another direction are numbered from multiples of this."""


@dataclass(slots=True)
class Piece:
    """Runs that stand close together on one line; a line of a column, or a cell of a table."""

    runs: list[Run]
    left: float
    right: float
    baseline: float
    size: float

    @property
    def text(self) -> str:
        """The text as it is read."""
        return join(self.runs)


@dataclass(slots=True)
class Line:
    """One line of text: usually one piece, several where it is a row of cells. `page` counts from 1.

    `start` and `end` are where it begins and ends in the direction of its writing, `edge` where its column ends; for
    writing from right to left all three are mirrored. `letters` is the text without all else, once that was asked for. `level` is that of a heading, 0 for other text.
    """

    page: int
    pieces: list[Piece]
    baseline: float
    size: float
    column: int = 0
    start: float = 0.0
    end: float = 0.0
    edge: float = 0.0
    level: int = 0
    confidence: float = 1.0
    text: str = ""
    letters: str | None = None
    mono: bool = False
    bold: bool = False
    rtl: bool = False


@dataclass(slots=True)
class PageText:
    """What stands on a page: its lines in reading order, and its size as shown."""

    number: int
    width: float
    height: float
    lines: list[Line] = field(default_factory=list)


class _Way(NamedTuple):
    """How a page with letters from the right is read, and where most of its lines begin and end."""

    from_right: bool
    left: float
    right: float


def join(runs: list[Run]) -> str:
    """The text of runs that follow each other, with spaces where there are gaps."""
    previous = runs[0]
    text = previous.text
    for run in runs[1:]:
        if text[-1:] != " " and run.text[:1] != " " and needs_space(previous, run):
            text += " "
        text += run.text
        previous = run
    return text


def needs_space(previous: Run, run: Run) -> bool:
    """Whether the gap between two runs of a line is a space."""
    size = min(previous.size, run.size)
    return run.left - previous.right > _SPACE * size or previous.left - run.right > _SPACE * size


def had_room(last: Line, line: Line) -> bool:
    """Whether the first word of this line had room behind the last one: then a new paragraph was meant."""
    words = line.text.split(maxsplit=1)
    if not words or not last.edge:
        return False
    width = (line.end - line.start) / max(1, len(line.text)) * (len(words[0]) + 1.5)
    return last.end + width < last.edge


def lines_of(page: PageText, runs: list[Run], *, aside: int = 0) -> list[Line]:
    """The lines of a page, column by column; slanted text comes last. `aside` is by how many quarters the page was turned for them."""
    straight: list[Run] = runs
    slanted: list[Run] = []
    if any(run.vertical or run.turned for run in runs):
        straight = [run for run in runs if not run.turned]
        slanted = [run for run in runs if run.turned == SLANTED]
        level = [run for run in straight if not run.vertical]
        if 2 * sum(len(run.text) for run in level) < sum(len(run.text) for run in straight):
            straight = [run for run in straight if run.vertical] + level
    pieces = pieces_of(straight)
    way = _way_of(runs, pieces)
    rows = _rows(pieces)
    lines = [line for group in _in_columns(rows, 0) for line in _settle(page.number, *group, way)]
    apart = [[Piece([run], 0.0, 0.0, 0.0, run.size)] for run in slanted]
    lines += _settle(page.number, apart, SLANTED * ASIDE, way)
    for line in lines if aside else ():
        line.column += aside * ASIDE
    return lines


def pieces_of(runs: list[Run]) -> list[Piece]:
    """Runs that follow each other on one line without a wide gap, joined; small raised ones belong to their neighbour."""
    pieces: list[Piece] = []
    for run in runs:
        last = pieces[-1] if pieces else None
        if last is not None and _belongs(last, run):
            if run.size < _RAISED * last.size and run.baseline > last.baseline + 0.1 * last.size:
                run.raised = True
            elif last.size < _RAISED * run.size and last.baseline > run.baseline + 0.1 * run.size:
                last.runs[0].raised = True
            last.runs.append(run)
            last.left = min(last.left, run.left)
            last.right = max(last.right, run.right)
            if run.size > last.size * 1.05:
                last.size, last.baseline = run.size, run.baseline
        else:
            pieces.append(Piece([run], run.left, run.right, run.baseline, run.size))
    return pieces


def _belongs(piece: Piece, run: Run) -> bool:
    size = max(run.size, piece.size)
    height = abs(run.baseline - piece.baseline)
    if height > _SAME_LINE * size and (height >= 0.6 * size or not _is_raised(piece, run)):
        return False
    if piece.runs[-1].text[-1:] == HYPHEN:
        return False
    gap = max(run.left - piece.right, piece.left - run.right)
    return -2 * size < gap < _GAP * size


def _is_raised(piece: Piece, run: Run) -> bool:
    """Whether the run may be a mark behind the piece, or the piece a mark before the run."""
    if run.size < _RAISED * piece.size:
        return True
    return piece.size < _RAISED * run.size and len(piece.runs) == 1 and piece.baseline > run.baseline


def _rows(pieces: list[Piece]) -> list[list[Piece]]:
    """Pieces by height, from the top; within a row as the file sets them."""
    order = sorted(range(len(pieces)), key=lambda place: -pieces[place].baseline)
    rows: list[list[tuple[int, Piece]]] = []
    for place in order:
        piece = pieces[place]
        row = rows[-1] if rows else None
        if row is not None and _on_one_height(row[0][1], piece):
            row.append((place, piece))
        else:
            rows.append([(place, piece)])
    return [[piece for _, piece in sorted(row, key=lambda found: found[1].left)] for row in rows]


def _on_one_height(one: Piece, other: Piece) -> bool:
    """Whether both stand on one line; very large type, as of a watermark, does not draw the lines beside it together."""
    apart = abs(one.baseline - other.baseline) / _SAME_LINE
    return apart <= max(one.size, other.size) and apart <= _MOST_LARGER * min(one.size, other.size)


def _in_columns(rows: list[list[Piece]], column: int, depth: int = 0) -> list[tuple[list[list[Piece]], int]]:
    """The rows in the order in which they are read, each group with the number of its column.

    Where a strip stays empty over many rows and the text on both sides of it fills its width, the left side is read first;
    rows that cross the strip, such as titles, stand between. Cells of a table do not fill their width.
    """
    gutter = _gutter(rows) if depth < _DEEPEST else None
    if gutter is None:
        return [(rows, column)] if rows else []
    groups: list[tuple[list[list[Piece]], int]] = []
    sides: tuple[list[list[Piece]], list[list[Piece]]] = ([], [])

    def finish() -> None:
        for number, side in enumerate(sides):
            groups.extend(_in_columns(list(side), column * 2 + number + 1, depth + 1))
            side.clear()

    for row in rows:
        if any(piece.left < gutter < piece.right for piece in row):
            finish()
            groups.append(([row], column))
            continue
        for side, pieces in (
            (sides[0], [piece for piece in row if piece.right <= gutter]),
            (sides[1], [piece for piece in row if piece.left >= gutter]),
        ):
            if pieces:
                side.append(pieces)
    finish()
    return groups


def _gutter(rows: list[list[Piece]]) -> float | None:
    """Where the right one of two columns begins; their lines need not stand on the same heights."""
    pieces = [piece for row in rows for piece in row]
    starts = Counter(round(piece.left) for piece in pieces)
    first = min(starts, default=0)
    for start, count in starts.most_common(_CANDIDATES):
        if count >= _FEWEST_ROWS and start > first and _divides(pieces, start - 1):
            return start - 1
    return None


def _divides(pieces: list[Piece], gutter: float) -> bool:
    before = [piece for piece in pieces if piece.right <= gutter]
    after = [piece for piece in pieces if piece.left >= gutter]
    crossing = len(pieces) - len(before) - len(after)
    if min(len(before), len(after)) < _FEWEST_ROWS or crossing > _MOST_CROSSING * len(pieces):
        return False
    beside = min(_beside(before, after), _beside(after, before))
    return beside >= _FEWEST_ROWS and _fills(before) and _fills(after)


def _beside(pieces: list[Piece], others: list[Piece]) -> int:
    """How many of the pieces stand no higher and no lower than the others."""
    heights = [other.baseline for other in others]
    lowest, highest = min(heights), max(heights)
    return sum(lowest <= piece.baseline <= highest for piece in pieces)


def _fills(pieces: list[Piece]) -> bool:
    """Whether the text is as wide as its column, and made of more than figures and names: of words, or long and set to one edge."""
    width = max(piece.right for piece in pieces) - min(piece.left for piece in pieces)
    if width <= 0 or statistics.median(piece.right - piece.left for piece in pieces) <= _FILLED * width:
        return False
    ((edge, _),) = Counter(round(piece.right) for piece in pieces).most_common(1)
    texts = [(piece.text, piece.right) for piece in pieces]
    wordy = sum(
        len(text.split()) > 3 or (len(text) > _LONG and abs(right - edge) < 1) for text, right in texts
    )
    return wordy > 0.5 * len(pieces)


def _settle(page: int, rows: list[list[Piece]], column: int, way: _Way | None) -> list[Line]:
    """The lines of a column. `way` is how a page is read that has letters from the right."""
    lines = [line for row in rows if (line := _line(page, row, column)) is not None]
    if way is not None:
        for line in lines:
            _direct(line, way)
    for rtl in (False, True) if way is not None else (False,):
        same = [line for line in lines if line.rtl is rtl]
        edge = max((line.end for line in same), default=0.0)
        for line in same:
            line.edge = edge
    return lines


def _way_of(runs: list[Run], pieces: list[Piece]) -> _Way | None:
    """A page is read as most of its letters are; where both are many, from the edge at which more lines begin."""
    text = "".join([run.text for run in runs])
    if not pieces or not directions.has_letters_from_right(text):
        return None
    ((left, at_left),) = Counter(round(piece.left) for piece in pieces).most_common(1)
    ((right, at_right),) = Counter(round(piece.right) for piece in pieces).most_common(1)
    from_left, from_right = directions.letters(text)
    if max(from_left, from_right) < _CLEARLY * min(from_left, from_right) and at_left != at_right:
        return _Way(at_right > at_left, left, right)
    return _Way(from_right > from_left, left, right)


def _direct(line: Line, way: _Way) -> None:
    """Read a line with letters from the right: that way if it has no others, if it stands at that edge alone, or if the page is read so."""
    from_left, from_right = directions.letters(line.text)
    if not from_right:
        return
    at_left = abs(line.start - way.left) < 0.5 * line.size
    at_right = abs(line.end - way.right) < 0.5 * line.size
    line.rtl = not from_left or (at_right if at_left != at_right else way.from_right)
    for piece in line.pieces:
        piece.runs = (_from_the_right if line.rtl else _from_the_left)(piece.runs)
    if line.rtl:
        line.start, line.end = -line.end, -line.start
        line.pieces.sort(key=lambda piece: -piece.right)
    line.text = "  ".join([piece.text.strip() for piece in line.pieces])


def _line(page: int, row: list[Piece], column: int) -> Line | None:
    """The line that a row is, unless nothing is written on it."""
    text = "  ".join([piece.text.strip() for piece in row])
    if not text or text.isspace():
        return None
    first = row[0]
    line = Line(page, row, first.baseline, first.size, column, first.left, first.right, text=text)
    if len(row) == 1 == len(first.runs):
        font = first.runs[0].font
        line.mono, line.bold = font.mono, font.bold
    else:
        fonts = {run.font for piece in row for run in piece.runs if not run.text.isspace()}
        line.mono = all(font.mono for font in fonts)
        line.bold = all(font.bold for font in fonts)
    if len(row) > 1:
        line.size = max(piece.size for piece in row)
        line.start, line.end = min(piece.left for piece in row), max(piece.right for piece in row)
    return line


def _from_the_right(runs: list[Run]) -> list[Run]:
    """The runs of a line that is read from the right; words of another direction keep their own order."""
    ordered: list[Run] = []
    foreign: list[Run] = []
    for run in sorted(runs, key=lambda run: -run.right):
        if directions.has_letters_from_right(run.text):
            ordered += [*_turned(foreign), run]
            foreign = []
        else:
            foreign.append(run)
    return ordered + _turned(foreign)


def _from_the_left(runs: list[Run]) -> list[Run]:
    """The runs of a line that is read from the left; phrases from the right keep their own order, with the numbers in them."""
    ordered: list[Run] = []
    phrase: list[Run] = []
    waiting: list[Run] = []
    for run in sorted(runs, key=lambda run: run.left):
        if directions.has_letters_from_right(run.text):
            phrase += [*waiting, run]
            waiting = []
        elif phrase and not directions.letters(run.text)[0]:
            waiting.append(run)
        else:
            ordered += [*_turned(phrase), *waiting, run]
            phrase, waiting = [], []
    return [*ordered, *_turned(phrase), *waiting]


def _turned(runs: list[Run]) -> list[Run]:
    """Runs that are read against their line: those seen first come last, and spaces at their ends stay on their sides."""
    turned = runs[::-1]
    if not any(any(directions.letters(run.text)) for run in runs):
        return turned
    first, last = turned[0], turned[-1]
    before, after = first.text[:1] == " ", last.text[-1:] == " "
    first.text = " " * after + first.text.lstrip(" ")
    last.text = last.text.rstrip(" ") + " " * before
    return turned
