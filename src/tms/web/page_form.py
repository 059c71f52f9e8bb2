"""The form that makes lessons of pages, as browsers send it: `title.N`, `first.N` and `last.N` of each, and `rest`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pydantic import ValidationError

from tms.content.errors import PlanError
from tms.content.formats import FORMATS
from tms.content.schemas import PagesOut, PlanIn, UploadDetail
from tms.content.sniff import Kind
from tms.platform.errors import FieldError, InvalidError
from tms.web.outline_form import Fields, first

SPARE = 3
"""Empty lines at the end, for lessons that somebody adds."""
MOST_LESSONS = 2000
"""As the API takes in a plan."""
_SLIDES = frozenset(
    suffix for kind in (Kind.PPTX, Kind.PPTM, Kind.PPT, Kind.ODP) for suffix in FORMATS[kind].suffixes
)


@dataclass(frozen=True, slots=True)
class Line:
    """A lesson as it stands in the form, the pages as they were typed; `error` is what is wrong with it."""

    title: str = ""
    first: str = ""
    last: str = ""
    error: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nobody has filled it in."""
        return not (self.title.strip() or self.first.strip() or self.last.strip())


def word(file_name: str) -> str:
    """What the pages of a document are called: `slide` or `page`."""
    return "slide" if PurePosixPath(file_name).suffix.lower() in _SLIDES else "page"


def proposed(upload: UploadDetail, size: int | None) -> list[Line]:
    """Lessons to begin with: of `size` pages each, or as the headings have it, at the ends of pages."""
    if upload.pages is None:
        return []
    if size is not None:
        begins = list(range(upload.pages.first, upload.pages.last + 1, size))
        titles = [
            _told(word(upload.file_name), begin, min(begin + size - 1, upload.pages.last)) for begin in begins
        ]
    else:
        named: dict[int, str] = {}
        for row in upload.outline:
            named.setdefault(row.page_from or upload.pages.first, row.title)
        begins, titles = list(named), list(named.values())
    ends = [*(begin - 1 for begin in begins[1:]), upload.pages.last]
    return [Line(title, str(begin), str(end)) for title, begin, end in zip(titles, begins, ends, strict=True)]


def _told(unit: str, begin: int, end: int) -> str:
    return f"{unit.capitalize()} {begin}" if begin == end else f"{unit.capitalize()}s {begin} to {end}"


def lines(form: Fields) -> list[Line]:
    """The lessons that the form has, without what nobody has filled in."""
    found = []
    number = 1
    while f"first.{number}" in form:
        line = Line(*(first(form, f"{name}.{number}") for name in ("title", "first", "last")))
        if not line.is_empty:
            found.append(line)
        number += 1
    return found


def plan(form: Fields, pages: PagesOut | None) -> PlanIn:
    """What the form says; raises `PlanError`, whose fields name lessons by their number in `lines`."""
    if pages is None:
        raise PlanError("This document has no pages by which it could be divided.")
    found = lines(form)
    if not found:
        raise PlanError("No lesson is named; discard the document if none of it is wanted.")
    if len(found) > MOST_LESSONS:
        raise PlanError(f"These are {len(found):,} lessons, more than {MOST_LESSONS:,}; make longer ones.")
    ranges = [_range(line, following, pages, at) for at, (line, following) in enumerate(_with_next(found))]
    rest = _rest(ranges, pages) if first(form, "rest") == "skip" else []
    try:
        return PlanIn.model_validate(
            {
                "lessons": [
                    {
                        "title": line.title if line.title.strip() else None,
                        "pieces": [{"fromPage": begin, "toPage": end}],
                    }
                    for line, (begin, end) in zip(found, ranges, strict=True)
                ],
                "skip": [{"fromPage": begin, "toPage": end} for begin, end in rest],
            }
        )
    except ValidationError as error:
        at = next((str(one["loc"][1]) for one in error.errors() if one["loc"][0] == "lessons"), "0")
        message = "its title is too long or has characters that cannot be shown"
        raise PlanError(fields=[FieldError(f"lessons.{at}", message)]) from error


def _with_next(found: Sequence[Line]) -> Iterable[tuple[Line, Line | None]]:
    return zip(found, [*found[1:], None], strict=True)


def _range(line: Line, following: Line | None, pages: PagesOut, at: int) -> tuple[int, int]:
    """First and last page of a lesson; without a last one it goes on to the next lesson."""
    begin = _number(line.first, f"lessons.{at}", "its first page")
    if line.last.strip():
        return begin, _number(line.last, f"lessons.{at}", "its last page")
    if following is None or not following.first.strip():
        return begin, pages.last
    return begin, max(begin, _number(following.first, f"lessons.{at + 1}", "its first page") - 1)


def _number(typed: str, field: str, name: str) -> int:
    typed = typed.strip()
    if not typed.isascii() or not typed.isdigit() or not 1 <= len(typed) <= 6 or int(typed) == 0:
        raise PlanError(fields=[FieldError(field, f"{name} is not a number")])
    return int(typed)


def _rest(ranges: Iterable[tuple[int, int]], pages: PagesOut) -> list[tuple[int, int]]:
    """The pages that are in no lesson."""
    left = []
    expected = pages.first
    for begin, end in sorted(ranges):
        if begin > expected:
            left.append((expected, begin - 1))
        expected = max(expected, end + 1)
    if expected <= pages.last:
        left.append((expected, pages.last))
    return left


def with_errors(found: Sequence[Line], error: InvalidError) -> tuple[list[Line], list[str]]:
    """The lines with what is wrong with each, and what is wrong with the whole."""
    told = list(found)
    general = [] if error.fields else [error.detail.rstrip(".")]
    for one in error.fields:
        place = one.field.split(".")[1:2]
        if one.field.startswith("lessons.") and place and place[0].isdigit() and int(place[0]) < len(told):
            told[int(place[0])] = replace(told[int(place[0])], error=one.message)
        else:
            general.append(one.message)
    return told, general


def lines_of(plan: PlanIn) -> list[Line]:
    """The lines that say what the plan says, as far as it was made by this form."""
    return [
        Line(lesson.title or "", str(lesson.pieces[0].from_page or ""), str(lesson.pieces[0].to_page or ""))
        for lesson in plan.lessons or ()
    ]
