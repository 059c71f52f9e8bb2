"""What stands on page after page and is no part of the text: running heads, feet, page numbers; and printed contents."""

import itertools
import re
from collections import defaultdict

from tms.content.pdf.lines import Line, PageText

_OUTER = 0.15
"""Of a page's height, at its top and bottom, where running heads and feet stand."""
_ROWS = 2
_LARGER = 1.12
_LEAST_CHAIN = 3
_NUMBER = "#"
_OUTER_NUMBER = re.compile(r"^[\W_]*(?:\d+|[ivxlc]{1,6})\b|\b(?:\d+|[ivxlc]{1,6})[\W_]*$", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|seite|página|pagina|стр\.?|p\.)\s*)?(?:\d{1,4}|[ivxlc]{1,6})(?:\s*(?:of|/|von|de|sur|di|из)\s*\d{1,4})?[\W_]*",
    re.IGNORECASE,
)
_LEADERS = re.compile(r"\s*(?:\d{1,4}|[ivxlc]{1,6})?\s*(?:\s?[.·…_]){4,}", re.IGNORECASE)
"""Dots and a page number, read backwards: from the end of a line there is but one way to find them."""
_LEAST_ENTRIES = 3


def drop_running_heads(pages: list[PageText], body: float) -> bool:
    """Take running heads, feet and page numbers out of the pages; says whether there were any.

    `body` is the size of the text: what is larger is a heading that happens to stand at the top of several pages.
    """
    seen: dict[tuple[str, int, int], list[Line]] = defaultdict(list)
    for page in pages:
        for line in _outer_lines(page):
            if line.size <= _LARGER * body:
                seen[_key(line)].append(line)
    numbers: list[list[Line]] = []
    others: list[list[Line]] = []
    for (text, _, _), found in seen.items():
        if re.search(r"[\w#]", text) and _comes_back(found, len(pages)):
            (numbers if text == _NUMBER else others).append(found)
    numbered = {line.page for found in numbers for line in found}
    others = [found for found in others if not _count(found, numbered)]
    dropped = {id(line) for found in (*numbers, *others) for line in found}
    for page in pages:
        page.lines = [line for line in page.lines if id(line) not in dropped]
    return bool(dropped)


def _comes_back(found: list[Line], pages: int) -> bool:
    """Whether lines stand on page after page, or on half of them all."""
    on = [line.page for line in found]
    least = 2 if _PAGE_NUMBER.fullmatch(found[0].text.strip()) else _LEAST_CHAIN
    return _chain(on) >= least or len(set(on)) >= max(2, 0.5 * pages)


def _count(found: list[Line], numbered: set[int]) -> bool:
    """Whether lines that differ by their numbers count something, as "Exercise 3" does, and are part of the text.

    A running head has the same number on several pages, such as a chapter's, or that of its page. Where the `numbered` pages have their numbers
    apart, or the whole line is bold, a number that grows with the pages is not theirs.
    """
    told = [re.findall(r"\d+", line.text) for line in found]
    places = [
        (line.page, int(digits[-1])) for line, digits in zip(found, told, strict=True) if len(digits) == 1
    ]
    if len(places) < len(found) or len({number for _, number in places}) < len(found):
        return False
    steps = {(other[1] - one[1]) / max(1, other[0] - one[0]) for one, other in itertools.pairwise(places)}
    return len(steps) > 1 or all(line.bold for line in found) or all(line.page in numbered for line in found)


def _outer_lines(page: PageText) -> list[Line]:
    """The lines of the first and the last rows, as far as they stand near the page's edges."""
    rows = sorted({round(line.baseline) for line in page.lines})
    outer = {*rows[:_ROWS], *rows[-_ROWS:]}
    return [
        line
        for line in page.lines
        if round(line.baseline) in outer
        and not _OUTER * page.height < line.baseline < (1 - _OUTER) * page.height
    ]


def _key(line: Line) -> tuple[str, int, int]:
    """Equal for lines that stand at one height and differ at most in the number with which they begin or end."""
    text = " ".join(line.text.split()).casefold()
    masked = _NUMBER if _PAGE_NUMBER.fullmatch(text) else _OUTER_NUMBER.sub(_NUMBER, text)
    return masked, round(line.baseline / 4), round(line.size * 2)


def _chain(numbers: list[int]) -> int:
    """The length of the longest row of pages that are next to each other or, with left and right pages, every other."""
    longest = current = 1
    ordered = sorted(set(numbers))
    for previous, number in itertools.pairwise(ordered):
        current = current + 1 if number - previous <= 2 else 1
        longest = max(longest, current)
    return longest


def _entry(line: Line) -> str | None:
    """The title before dots that lead to a page number; None for any other line."""
    dots = _LEADERS.match(line.text[::-1])
    return line.text[: -dots.end()].strip() if dots else None


def take_contents(pages: list[PageText]) -> list[str]:
    """Take printed lists of contents, whose lines lead to page numbers, out of the pages; gives the titles in them."""
    titles: list[str] = []
    for page in pages:
        found = [
            (place, title) for place, line in enumerate(page.lines) if (title := _entry(line)) is not None
        ]
        if len(found) < _LEAST_ENTRIES or len(found) < 0.4 * len(page.lines):
            continue
        first, last = found[0][0], found[-1][0]
        if first > 0 and len(page.lines[first - 1].text.split()) <= 3:
            # The word "Contents" above them.
            first -= 1
        titles += [title for _, title in found if title]
        page.lines = page.lines[:first] + page.lines[last + 1 :]
    return titles
