"""What is to become of an outline: rows merged, split, renamed or skipped. Nothing in here asks the database.

A lesson is made of pieces of rows (`pieces`), one after the other. A plan uses every part of the outline exactly once, in a
lesson or among what is skipped, so that nothing is lost by an oversight.
"""

import html as escaping
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tms.content import blocks
from tms.content.lessons.division import WORDS_PER_MINUTE, count_words
from tms.content.lessons.document import CUT
from tms.content.pieces import Outline, Pages, Piece, Row, Wanted
from tms.courses import html as lesson_html
from tms.courses.html import Sanitised

TITLE_LIMIT = 255
SUB_HEADING = 2
"""The level of a heading right below a lesson's title."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A lesson ready to become a section. `path`: the headings above it in the document, then its own title."""

    title: str
    content: Sanitised
    minutes: int
    path: tuple[str, ...]


def drafts(
    rows: Sequence[Row], lessons: Sequence[Wanted] | None, skipped: Sequence[Piece | Pages] = ()
) -> list[Draft]:
    """The lessons of the plan; without one, every row as it is. Raises `PlanError` for a plan that does not add up."""
    outline = Outline(rows)
    if lessons is None:
        left_out = {piece.row for piece in outline.take(skipped, "skip", may_be_empty=True)}
        lessons = [Wanted([Piece(row.id)]) for row in rows if row.id not in left_out]
        skipped = ()
    taken = [outline.take(wanted.pieces, f"lessons.{at}.pieces") for at, wanted in enumerate(lessons)]
    outline.take(skipped, "skip", may_be_empty=True)
    outline.check_used()
    above = _paths(rows)
    return [
        _draft(outline.rows, above, wanted.title, pieces)
        for wanted, pieces in zip(lessons, taken, strict=True)
    ]


def _paths(rows: Sequence[Row]) -> dict[UUID, tuple[str, ...]]:
    """For each row the titles of the rows above it: the last ones before it of every smaller level."""
    found: dict[UUID, tuple[str, ...]] = {}
    open_rows: list[Row] = []
    for row in rows:
        open_rows = [above for above in open_rows if above.level < row.level]
        found[row.id] = tuple(above.title for above in open_rows)
        open_rows.append(row)
    return found


def _draft(
    known: Mapping[UUID, Row],
    above: Mapping[UUID, tuple[str, ...]],
    title: str | None,
    pieces: Sequence[Piece],
) -> Draft:
    first = pieces[0]
    row = known[first.row]
    title = title or _own_title(row, first.first)
    content = "".join(
        _content(known[piece.row], piece, title=title if at == 0 else None) for at, piece in enumerate(pieces)
    )
    path = (*above[row.id], title) if first.first == 0 else (*above[row.id], row.title, title)
    whole = len(pieces) == 1 and content == row.content
    return Draft(title, lesson_html.sanitise(content), row.minutes if whole else _minutes(content), path)


def _own_title(row: Row, part: int) -> str:
    """What a lesson that begins with the part is called in the document."""
    if part == 0:
        return row.title
    beginning = row.beginnings[part - 1]
    if beginning.title:
        return beginning.title[:TITLE_LIMIT].rstrip()
    page = f", page {beginning.page}"
    return row.title[: TITLE_LIMIT - len(page)].rstrip() + page


def _content(row: Row, piece: Piece, *, title: str | None) -> str:
    """The piece's HTML; `title` is that of the lesson that it leads, whose heading it then gives up, else None."""
    html = row.slice(piece.first, row.last(piece))
    gives_up = title is not None and (not piece.keeps_heading or title == _own_title(row, piece.first))
    if piece.first:
        beginning = row.beginnings[piece.first - 1]
        return html[beginning.end - beginning.start :] if gives_up else html
    # Where a text was cut into even parts, their titles are ours and not the document's.
    if gives_up or row.confidence <= CUT:
        return html
    return f"<h{SUB_HEADING}>{escaping.escape(row.title, quote=False)}</h{SUB_HEADING}>{html}"


def _minutes(content: str) -> int:
    return max(1, round(count_words(blocks.text(content)) / WORDS_PER_MINUTE))
