"""Footnotes: what stands at the foot of a page behind a raised mark goes with the place in the text that has the same mark."""

import re
from dataclasses import dataclass
from itertools import pairwise

from lxml import etree

from tms.content.lessons.document import PAGE
from tms.content.lessons.markup import ID_PREFIX
from tms.content.pdf import phrases
from tms.content.pdf.lines import Line, PageText
from tms.content.pdf.text import Run
from tms.content.safe_xml import Element

_MARK = re.compile(r"\d{1,3}|[*†‡§¶]{1,3}")
_BEFORE = re.compile(r"(?:[^\W\d_]{2}|[^\w\s])\s?$")
"""A mark stands behind a word or a sign of punctuation; behind one letter it is an exponent."""
_PITCH = 1.5
"""Of the size: lines of one note are not further apart."""
_LINES_OF_FOOT = 2
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
    """Take the notes that the text refers to out of the pages; the runs that refer to them become links."""
    taken: list[Note] = []
    for page in pages:
        notes = _link(page, _at_foot(page.lines))
        lost = {id(line) for note in notes for line in note.lines}
        page.lines = [line for line in page.lines if id(line) not in lost]
        taken += notes
    return taken


def _at_foot(lines: list[Line]) -> list[Note]:
    """What may be notes: lines behind a raised mark with which a column of the page ends."""
    starts = [place for place, line in enumerate(lines) if _mark_of(line)]
    notes: list[Note] = []
    for place, until in pairwise([*starts, len(lines)]):
        first = lines[place]
        own = [first]
        for line in lines[place + 1 : until]:
            if not _is_next(own[-1], line):
                break
            own.append(line)
        follows = bool(notes) and notes[-1].lines[-1] is lines[place - 1]
        if follows or place == 0 or _is_apart(lines[place - 1], first):
            if not follows:
                notes = [note for note in notes if note.lines[0].column != first.column]
            notes.append(Note(first.page, _mark_of(first), own))
    return [note for note in notes if _ends_column(lines, notes, note)]


def _mark_of(line: Line) -> str:
    """The raised mark with which the line begins, if it does."""
    run = line.pieces[0].runs[0] if line.pieces else None
    return run.text.strip() if run is not None and run.raised and _MARK.fullmatch(run.text.strip()) else ""


def _is_next(last: Line, line: Line) -> bool:
    return (
        line.column == last.column
        and abs(line.size - last.size) < 0.05 * last.size
        and 0 < last.baseline - line.baseline < _PITCH * last.size
    )


def _is_apart(last: Line, line: Line) -> bool:
    """Whether a first note is set apart from the text before it."""
    return (
        last.column != line.column
        or last.size > 1.05 * line.size
        or last.baseline - line.baseline > _APART * _PITCH * line.size
    )


def _ends_column(lines: list[Line], notes: list[Note], note: Note) -> bool:
    """Whether nothing but notes, and at most a foot of the page far below them, follows in the column."""
    last = note.lines[-1]
    of_notes = {id(line) for one in notes for line in one.lines}
    below = [
        line
        for line in lines[lines.index(last) + 1 :]
        if line.column == last.column and id(line) not in of_notes
    ]
    return len(below) <= _LINES_OF_FOOT and all(
        last.baseline - line.baseline > _APART * _PITCH * last.size for line in below
    )


def _link(page: PageText, notes: list[Note]) -> list[Note]:
    """The notes that are referred to; each by the first mark behind that of the note before it."""
    if not notes:
        return []
    of_notes = {id(line) for note in notes for line in note.lines}
    marks = [run for line in page.lines if id(line) not in of_notes for run in _marks_in(line)]
    found: list[Note] = []
    for note in notes:
        place = next((at for at, run in enumerate(marks) if run.text.strip() == note.mark), None)
        if place is not None:
            note.name = f"{ID_PREFIX}note-{page.number}-{len(found) + 1}"
            marks[place].note = note.name
            marks = marks[place + 1 :]
            found.append(note)
    return found


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
    for note in reversed([note for note in notes if note.name not in linked]):
        paragraph = note.element("p", words)
        paragraph.set(PAGE, str(note.page))
        before = [block for block in root if int(block.get(PAGE) or note.page) <= note.page]
        root.insert(root.index(before[-1]) + 1 if before else 0, paragraph)
    items = {note.name: note.element("li", words) for note in notes if note.name in linked}
    for name, item in items.items():
        item.set("id", name)
    return items
