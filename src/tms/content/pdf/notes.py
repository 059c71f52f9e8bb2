"""Footnotes: what stands at the foot of a page behind a raised mark goes with the place in the text that has the same mark."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from lxml import etree

from tms.content.lessons.document import PAGE
from tms.content.lessons.markup import ID_PREFIX
from tms.content.pdf import phrases
from tms.content.pdf.lines import Line, PageText, had_room
from tms.content.pdf.text import HYPHEN, Run
from tms.content.safe_xml import Element

_MARK = re.compile(r"\d{1,3}|[*†‡§¶]{1,3}")
_BEFORE = re.compile(r"(?:[^\W\d_]{2}|[^\w\s])\s?$")
"""A mark stands behind a word or a sign of punctuation; behind one letter it is an exponent."""
_PITCH = 1.5
"""Of the size: lines of one note are not further apart."""
_LINES_OF_FOOT = 2
_LINES_OF_MARKS = 5
_ROOM = 2.0
_MOST_SPARE = 5
_APART = 1.15
"""Notes are set apart from the text: by smaller type, or by so much more than its own distance of lines."""


@dataclass(slots=True)
class Note:
    """A note of a page (from 1): its lines, whose first begins with `mark`, and the name that the text refers to."""

    page: int
    mark: str
    lines: list[Line]
    name: str = ""

    def element(self, tag: str, words: phrases.Words) -> Element:
        """The note without its mark."""
        element = etree.Element(tag)
        skip = len(self.mark)
        for number, line in enumerate(self.lines):
            phrases.write_line(element, line, words, first=number == 0, skip=0 if number else skip)
        phrases.strip_end(element)
        return element


def take(pages: list[PageText]) -> list[Note]:
    """Take the notes that the text refers to out of the pages; the runs that refer to them become links.

    What stands at the foot of the next column or page without a mark of its own may be the rest of a note.
    """
    taken: list[Note] = []
    last: Note | None = None
    spare: list[Run] = []
    for page in pages:
        if last is None and not any(map(_mark_of, page.lines)):
            spare = [run for line in page.lines[-_LINES_OF_MARKS:] for run in _marks_in(line)]
            continue
        notes: list[Note] = []
        rests: list[tuple[Note, list[Line]]] = []
        for column in _columns(page.lines):
            rest, own = _at_foot(column, last)
            if last is not None and rest:
                rests.append((last, rest))
            notes += own
            last = own[-1] if own else last
        notes, spare = _link(page, notes, spare)
        for note, rest in rests:
            if note.name:
                note.lines += rest
        lost = {
            id(line)
            for lines in (*(note.lines for note in notes), *(rest for _, rest in rests))
            for line in lines
        }
        page.lines = [line for line in page.lines if id(line) not in lost]
        taken += notes
        last = last if last is not None and last.name and last.lines[-1].page == page.number else None
    return taken


def _columns(lines: list[Line]) -> list[list[Line]]:
    columns: dict[int, list[Line]] = {}
    for line in lines:
        columns.setdefault(line.column, []).append(line)
    return list(columns.values())


def _at_foot(lines: list[Line], last: Note | None) -> tuple[list[Line], list[Note]]:
    """What may be the rest of the `last` note before, and notes: with which a column ends, but for a foot of the page far below.

    Notes stand behind a raised mark, the first of them set apart from the text.
    """
    tops = _tops(lines)
    rest: list[Line] = []
    notes: list[Note] = []
    end = 0
    for place, until in pairwise([*(at for at, line in enumerate(lines) if _mark_of(line)), len(lines)]):
        first = lines[place]
        if not notes or end != place:
            before: list[Line] = []
            if place and not _is_apart(lines[place - 1], first):
                before = _rest(lines, tops[place - 1], place, last)
                if not before:
                    continue
            rest, notes = before, []
        end = next((at for at in range(place + 1, until) if not _is_next(lines[at - 1], lines[at])), until)
        notes.append(Note(first.page, _mark_of(first), lines[place:end]))
    if notes and _is_end(lines, end):
        return rest, notes
    return _rest_alone(lines, tops, last), []


def _tops(lines: list[Line]) -> list[int]:
    """For each line, where those begin that follow each other closely up to it."""
    tops: list[int] = []
    for place, line in enumerate(lines):
        tops.append(tops[-1] if place and _is_next(lines[place - 1], line) else place)
    return tops


def _rest(lines: list[Line], top: int, end: int, last: Note | None) -> list[Line]:
    """These lines, if they may be the rest of the last note: they are set apart from the text, in the note's type."""
    if last is None or top == 0 or not _is_apart(lines[top - 1], lines[top]):
        return []
    size = last.lines[-1].size
    return lines[top:end] if abs(lines[top].size - size) < 0.05 * size else []


def _rest_alone(lines: list[Line], tops: list[int], last: Note | None) -> list[Line]:
    """The rest of the last note at a foot that has no notes of its own: in smaller type, behind a line that was full."""
    for end in range(len(lines), max(0, len(lines) - _LINES_OF_FOOT - 1), -1):
        if last is None or not _is_end(lines, end):
            break
        top = tops[end - 1]
        if _rest(lines, top, end, last) and lines[top - 1].size > 1.05 * lines[top].size:
            return lines[top:end] if _is_full(last.lines[-1], lines[top]) else []
    return []


def _is_full(last: Line, line: Line) -> bool:
    """Whether there was hardly room for another word, so that what follows may belong to it."""
    return (
        last.text.rstrip().endswith(HYPHEN)
        or last.edge - last.end < _ROOM * last.size
        or not had_room(last, line)
    )


def _mark_of(line: Line) -> str:
    """The raised mark with which the line begins, if it does."""
    run = line.pieces[0].runs[0] if line.pieces else None
    return run.text.strip() if run is not None and run.raised and _MARK.fullmatch(run.text.strip()) else ""


def _is_next(last: Line, line: Line) -> bool:
    return (
        abs(line.size - last.size) < 0.05 * last.size
        and 0 < last.baseline - line.baseline < _PITCH * last.size
    )


def _is_apart(last: Line, line: Line) -> bool:
    """Whether a first note is set apart from the text before it."""
    return last.size > 1.05 * line.size or last.baseline - line.baseline > _APART * _PITCH * line.size


def _is_end(lines: list[Line], end: int) -> bool:
    """Whether nothing but a foot of the page follows in the column, far below."""
    last, below = lines[end - 1], lines[end : end + _LINES_OF_FOOT + 1]
    return len(below) <= _LINES_OF_FOOT and all(
        last.baseline - line.baseline > _APART * _PITCH * last.size for line in below
    )


def _link(page: PageText, notes: list[Note], spare: list[Run]) -> tuple[list[Note], list[Run]]:
    """The notes that are referred to, each by the first mark behind that of the note before it, and the marks behind all of those.

    A note may begin on the page behind the one that refers to it, whose last marks are `spare`.
    """
    of_notes = {id(line) for note in notes for line in note.lines}
    marks = [run for line in page.lines if id(line) not in of_notes for run in _marks_in(line)]
    places: dict[str, list[int]] = {}
    for place, mark in enumerate(marks):
        places.setdefault(mark.text.strip(), []).append(place)
    found: list[Note] = []
    behind = 0
    for note in notes:
        at = places.get(note.mark, [])
        first = bisect_left(at, behind)
        run: Run | None = None
        if first < len(at):
            run = marks[at[first]]
            behind = at[first] + 1
        elif not found:
            run = next((one for one in spare if one.text.strip() == note.mark), None)
        if run is not None:
            note.name = f"{ID_PREFIX}note-{page.number}-{len(found) + 1}"
            run.note = note.name
            found.append(note)
    return found, marks[behind:][-_MOST_SPARE:]


def _marks_in(line: Line) -> list[Run]:
    return [
        run
        for piece in line.pieces
        for before, run in pairwise(piece.runs)
        if run.raised and _MARK.fullmatch(run.text.strip()) and _BEFORE.search(before.text)
    ]


def join(root: Element, notes: list[Note], words: phrases.Words) -> dict[str, Element]:
    """The notes by name, as items of a list; those whose marks were lost, as in tables, become paragraphs of their page again."""
    linked = {link.get("href", "")[1:] for link in root.iter("a")}
    place = len(root)
    for note in reversed([note for note in notes if note.name not in linked]):
        while place and int(root[place - 1].get(PAGE) or 0) > note.page:
            place -= 1
        paragraph = note.element("p", words)
        paragraph.set(PAGE, str(note.page))
        root.insert(place, paragraph)
    items = {note.name: note.element("li", words) for note in notes if note.name in linked}
    for name, item in items.items():
        item.set("id", name)
    return items
