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
_OUTER_NUMBER = re.compile(r"^[\W_]*(?:\d+|[ivxlc]{1,6})\b|\b(?:\d+|[ivxlc]{1,6})[\W_]*$", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|seite|página|pagina|pagina|стр\.?|p\.)\s*)?(?:\d{1,4}|[ivxlc]{1,6})(?:\s*(?:of|/|von|de|sur|di|из)\s*\d{1,4})?[\W_]*",
    re.IGNORECASE,
)
_LEADERS = re.compile(r"(?:[.·…_]\s?){4,}\s*(?:\d{1,4}|[ivxlc]{1,6})?\s*$", re.IGNORECASE)
_LEAST_ENTRIES = 3


def drop_running_heads(pages: list[PageText], body: float) -> bool:
    """Take running heads, feet and page numbers out of the pages; says whether there were any.

    `body` is the size of the text: what is larger is a heading that happens to stand at the top of several pages.
    """
    seen: dict[tuple[str, int, int], list[tuple[int, Line]]] = defaultdict(list)
    for page in pages:
        for line in _outer_lines(page):
            if line.size > _LARGER * body:
                continue
            seen[_key(line)].append((page.number, line))
    dropped: set[int] = set()
    for (text, _, _), found in seen.items():
        numbers = [number for number, _ in found]
        least = 2 if _PAGE_NUMBER.fullmatch(found[0][1].text.strip()) else _LEAST_CHAIN
        if re.search(r"[\w#]", text) and (
            _chain(numbers) >= least or len(set(numbers)) >= max(2, 0.5 * len(pages))
        ):
            dropped.update(id(line) for _, line in found)
    for page in pages:
        page.lines = [line for line in page.lines if id(line) not in dropped]
    return bool(dropped)


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
    masked = "#" if _PAGE_NUMBER.fullmatch(text) else _OUTER_NUMBER.sub("#", text)
    return masked, round(line.baseline / 4), round(line.size * 2)


def _chain(numbers: list[int]) -> int:
    """The length of the longest row of pages that are next to each other or, with left and right pages, every other."""
    longest = current = 1
    ordered = sorted(set(numbers))
    for previous, number in itertools.pairwise(ordered):
        current = current + 1 if number - previous <= 2 else 1
        longest = max(longest, current)
    return longest


def take_contents(pages: list[PageText]) -> list[str]:
    """Take printed lists of contents, whose lines lead to page numbers, out of the pages; gives the titles in them."""
    titles: list[str] = []
    for page in pages:
        entries = [line for line in page.lines if _LEADERS.search(line.text)]
        if len(entries) < _LEAST_ENTRIES or len(entries) < 0.4 * len(page.lines):
            continue
        first, last = page.lines.index(entries[0]), page.lines.index(entries[-1])
        if first > 0 and len(page.lines[first - 1].text.split()) <= 3:
            # The word "Contents" above them.
            first -= 1
        titles += [title for line in entries if (title := _LEADERS.sub("", line.text).strip())]
        page.lines = page.lines[:first] + page.lines[last + 1 :]
    return titles
