"""The form of an outline, as browsers send it, as a plan.

For the row at place N: `title.N`; `do.N`, which is `own` (a lesson of its own), `merge` (with the one above) or `skip`;
`split.N`, once for each of its parts at which a new lesson begins; and `title.N.P`, what the lesson that begins at its
part P is called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from fastapi import Request
from pydantic import ValidationError

from tms.content.errors import PlanError
from tms.content.schemas import LessonIn, OutlineRowOut, PieceIn, PlanIn
from tms.web import visitor as door
from tms.web.errors import FormExpiredError
from tms.web.sessions import Visitor

MOST_FIELDS = 50_000
OUTLINE_BYTES = 4 * 1024 * 1024
CHOICE = "choice."
_DIGITS = 6
"""Numbers of parts have no more."""

Fields = Mapping[str, Sequence[str]]


async def fields(request: Request, visitor: Visitor) -> Fields:
    """The fields of a form of ours that may have many; raises `FormExpiredError` where it is none."""
    try:
        found = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise FormExpiredError("Go back, load the page again and repeat what you did.") from error
    door.check_form(request, visitor, first(found, "csrf"))
    return found


def first(form: Fields, name: str) -> str:
    """The field's first value, or nothing."""
    return next(iter(form.get(name, ())), "")


def plan(form: Fields, outline: Sequence[OutlineRowOut]) -> PlanIn:
    """What the form says of the outline; raises `PlanError` for what no form of ours sends."""
    try:
        if "plan" in form:
            return PlanIn.model_validate_json(first(form, "plan"))
        return _plan(form, outline)
    except ValidationError as error:
        raise PlanError("A title is empty, too long, or has characters that cannot be shown.") from error


def _plan(form: Fields, outline: Sequence[OutlineRowOut]) -> PlanIn:
    lessons: list[LessonIn] = []
    skipped: list[PieceIn] = []
    for place, row in enumerate(outline, start=1):
        wish = first(form, f"do.{place}")
        if wish == "skip":
            skipped.append(_piece(row, 0, _last(row)))
            continue
        begins = _splits(form, place, _last(row))
        ends = [*(begin - 1 for begin in begins[1:]), _last(row)]
        pieces = [_piece(row, begin, end) for begin, end in zip(begins, ends, strict=True)]
        if wish == "merge" and lessons:
            lessons[-1].pieces.append(pieces[0])
        else:
            lessons.append(_lesson(first(form, f"title.{place}") or row.title, pieces[0]))
        lessons += [
            _lesson(first(form, f"title.{place}.{begin}"), piece)
            for begin, piece in zip(begins[1:], pieces[1:], strict=True)
        ]
    return PlanIn(lessons=lessons, skip=skipped)


def _lesson(title: str, piece: PieceIn) -> LessonIn:
    """Without a title it is called like its sub-heading."""
    pieces = [piece.model_dump(by_alias=True, mode="json")]
    return LessonIn.model_validate({"title": title if title.strip() else None, "pieces": pieces})


def _splits(form: Fields, place: int, last: int) -> list[int]:
    """The parts at which lessons begin; the first one does anyhow."""
    told = form.get(f"split.{place}", ())
    asked = {int(value) for value in told if value.isascii() and value.isdigit() and len(value) <= _DIGITS}
    return [0, *sorted(part for part in asked if 1 <= part <= last)]


def _last(row: OutlineRowOut) -> int:
    """The number of its last part."""
    return max([0, *(one.part for one in row.headings), *(one.part for one in row.pages)])


def _piece(row: OutlineRowOut, begin: int, end: int) -> PieceIn:
    return PieceIn.model_validate({"row": str(row.id), "fromPart": begin, "toPart": end})


@dataclass(frozen=True, slots=True)
class Split:
    """A place at which a row can be split; `heading` is empty where a page begins without one.

    `title` is what the lesson that begins there would be called, `chosen` whether one does.
    """

    part: int
    level: int
    heading: str
    page: int | None
    excerpt: str
    title: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """A row of the outline as it stands in the form; `fate` is `own`, `merge` or `skip`."""

    row: OutlineRowOut
    title: str
    fate: str
    splits: list[Split]


def filled(form: Fields, outline: Sequence[OutlineRowOut], unit: str) -> list[Filled]:
    """The rows with what the form says of them, or as they were read; `unit` is what their pages are called."""
    return [
        Filled(
            row,
            first(form, f"title.{place}") or row.title,
            first(form, f"do.{place}") or "own",
            _places(form, row, place, unit),
        )
        for place, row in enumerate(outline, start=1)
    ]


def _places(form: Fields, row: OutlineRowOut, place: int, unit: str) -> list[Split]:
    chosen = set(_splits(form, place, _last(row)))
    headings = {one.part: one for one in row.headings}
    pages = {one.part: one for one in row.pages}
    found = []
    for part in sorted(headings.keys() | pages.keys()):
        heading, page = headings.get(part), pages.get(part)
        number = heading.page if heading else page.page if page else None
        title = heading.title[:255] if heading else f"{row.title[:230]}, {unit} {number}"
        found.append(
            Split(
                part,
                level=heading.level if heading else 0,
                heading=heading.title if heading else "",
                page=number,
                excerpt=page.excerpt if page else "",
                title=first(form, f"title.{place}.{part}") or title,
                chosen=part in chosen,
            )
        )
    return found


def fields_of(plan: PlanIn, outline: Sequence[OutlineRowOut]) -> Fields:
    """The form that says what the plan says, as far as it was made by one of these."""
    places = {row.id: place for place, row in enumerate(outline, start=1)}
    found: dict[str, list[str]] = {}
    for piece in plan.skip:
        if piece.row in places:
            found[f"do.{places[piece.row]}"] = ["skip"]
    for lesson in plan.lessons or ():
        for number, piece in enumerate(lesson.pieces):
            if piece.row not in places:
                continue
            place = places[piece.row]
            if piece.from_part:
                found.setdefault(f"split.{place}", []).append(str(piece.from_part))
                found[f"title.{place}.{piece.from_part}"] = [lesson.title or ""]
            elif number:
                found[f"do.{place}"] = ["merge"]
            else:
                found[f"title.{place}"] = [lesson.title or ""]
    return found


def with_choices(plan: PlanIn, form: Fields) -> PlanIn:
    """`choice.ID` of each section that was edited by hand: `keep` or `replace` it."""
    chosen = {
        name.removeprefix(CHOICE): values[0] for name, values in form.items() if name.startswith(CHOICE)
    }
    asked = plan.model_dump(by_alias=True, mode="json") | {
        "keepEdited": [section for section, choice in chosen.items() if choice == "keep"],
        "replaceEdited": [section for section, choice in chosen.items() if choice == "replace"],
    }
    try:
        return PlanIn.model_validate(asked)
    except ValidationError as error:
        raise PlanError("Go back, load the page again and repeat what you did.") from error
