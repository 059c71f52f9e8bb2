"""What is to become of an outline: rows merged, split at their sub-headings, renamed or skipped. Nothing in here asks the database.

A row of the outline has parts: what stands before its first sub-heading, and what stands below each sub-heading. A lesson
is made of pieces, each a run of parts of one row. A plan uses every part exactly once, in a lesson or among what is
skipped, so that nothing is lost by an oversight.
"""

import html as escaping
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping

from tms.content import blocks
from tms.content.blocks import Heading
from tms.content.errors import PlanError
from tms.content.lessons.division import WORDS_PER_MINUTE, count_words
from tms.courses import html as lesson_html
from tms.courses.html import Sanitised
from tms.platform.errors import FieldError

TITLE_LIMIT = 255
SUB_HEADING = 2
"""The level of a heading right below a lesson's title."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an outline with its content and the sub-headings at which it can be split."""

    id: UUID
    title: str
    level: int
    content: str
    minutes: int
    headings: tuple[Heading, ...]

    @classmethod
    def of(cls, row: RowMapping) -> "Row":
        """From a row of `upload_lessons`."""
        found = tuple(blocks.headings(row["content"]))
        return cls(row["id"], row["title"], row["level"], row["content"], row["minutes"], found)


@dataclass(frozen=True, slots=True)
class Piece:
    """Parts `first` to `last` of a row: part 0 is what stands before its first sub-heading, part n below the n-th."""

    row: UUID
    first: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lesson to be made of these pieces, one after the other; without a title it has that of the first."""

    pieces: Sequence[Piece]
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A lesson ready to become a section. `path`: the headings above it in the document, then its own title."""

    title: str
    content: Sanitised
    minutes: int
    path: tuple[str, ...]


def drafts(
    rows: Sequence[Row], lessons: Sequence[Wanted] | None, skipped: Sequence[Piece] = ()
) -> list[Draft]:
    """The lessons of the plan; without one, every row as it is. Raises `PlanError` for a plan that does not add up."""
    if lessons is None:
        lessons = [Wanted([Piece(row.id)]) for row in rows if row.id not in {one.row for one in skipped}]
    known = {row.id: row for row in rows}
    _check(known, lessons, skipped)
    above = _paths(rows)
    return [_draft(known, above, wanted) for wanted in lessons]


def _paths(rows: Sequence[Row]) -> dict[UUID, tuple[str, ...]]:
    """For each row the titles of the rows above it: the last ones before it of every smaller level."""
    found: dict[UUID, tuple[str, ...]] = {}
    open_rows: list[Row] = []
    for row in rows:
        open_rows = [above for above in open_rows if above.level < row.level]
        found[row.id] = tuple(above.title for above in open_rows)
        open_rows.append(row)
    return found


def _check(known: Mapping[UUID, Row], lessons: Sequence[Wanted], skipped: Sequence[Piece]) -> None:
    left = {(row.id, part) for row in known.values() for part in range(len(row.headings) + 1)}
    for field, piece in _fields(lessons, skipped):
        row = known.get(piece.row)
        if row is None:
            raise _fault(f"{field}.row", "is no row of this outline")
        last = len(row.headings) if piece.last is None else piece.last
        if not piece.first <= last <= len(row.headings):
            raise _fault(field, f"the parts of this row are 0 to {len(row.headings)}")
        for part in range(piece.first, last + 1):
            if (row.id, part) not in left:
                raise _fault(field, f"part {part} of this row is used twice")
            left.remove((row.id, part))
    if left:
        row = known[min(left, key=lambda one: (list(known).index(one[0]), one[1]))[0]]
        raise _fault("lessons", f"parts of the row “{row.title}” are neither in a lesson nor among `skip`")


def _fields(lessons: Sequence[Wanted], skipped: Sequence[Piece]) -> Iterator[tuple[str, Piece]]:
    for at, wanted in enumerate(lessons):
        for number, piece in enumerate(wanted.pieces):
            yield f"lessons.{at}.pieces.{number}", piece
    for at, piece in enumerate(skipped):
        yield f"skip.{at}", piece


def _fault(field: str, message: str) -> PlanError:
    return PlanError(fields=[FieldError(field, message)])


def _draft(known: Mapping[UUID, Row], above: Mapping[UUID, tuple[str, ...]], wanted: Wanted) -> Draft:
    row = known[wanted.pieces[0].row]
    first = wanted.pieces[0].first
    own = row.title if first == 0 else row.headings[first - 1].title
    title = wanted.title or own[:TITLE_LIMIT].rstrip()
    content = "".join(
        _content(known[piece.row], piece, leads=at == 0) for at, piece in enumerate(wanted.pieces)
    )
    path = (*above[row.id], title) if first == 0 else (*above[row.id], row.title, title)
    whole = len(wanted.pieces) == 1 and content == row.content
    return Draft(title, lesson_html.sanitise(content), row.minutes if whole else _minutes(content), path)


def _content(row: Row, piece: Piece, *, leads: bool) -> str:
    """The piece's HTML. The heading of the piece that leads a lesson is the lesson's title; others keep theirs."""
    last = len(row.headings) if piece.last is None else piece.last
    begins = row.headings[piece.first - 1] if piece.first else None
    ends = row.headings[last].start if last < len(row.headings) else len(row.content)
    if begins is None:
        heading = (
            "" if leads else f"<h{SUB_HEADING}>{escaping.escape(row.title, quote=False)}</h{SUB_HEADING}>"
        )
        return heading + row.content[:ends]
    return row.content[begins.end if leads else begins.start : ends]


def _minutes(content: str) -> int:
    return max(1, round(count_words(blocks.text(content)) / WORDS_PER_MINUTE))
