"""Which signs of a page the file sets with one instruction: the library knows of each sign, and is asked about few of them."""

import re
from typing import NamedTuple

from tms.content.pdf import asking

_LINE = re.compile("[^\r\n\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
"""The library ends lines with a carriage return, but for those that end with a hyphen."""
_WORD = re.compile("[^ ]+")


class Span(NamedTuple):
    """Signs from `start` up to `end`, and the text object that sets them, if one does."""

    start: int
    end: int
    text_object: int | None


def spans_of(text_page: int, text: str) -> list[Span]:
    """The spans of a page whose text this is, none of which goes on over the end of a line."""
    lines = [found.span() for found in _LINE.finditer(text)]
    firsts = asking.objects_at(text_page, [start for start, _ in lines])
    lasts = asking.objects_at(text_page, [end - 1 for _, end in lines])
    spans: list[Span] = []
    for (start, end), first, last in zip(lines, firsts, lasts, strict=True):
        if first == last is not None:
            spans.append(Span(start, end, first))
        else:
            spans += _divided(text_page, text, start, end)
    return spans


def _divided(text_page: int, text: str, start: int, end: int) -> list[Span]:
    """The spans of a line; most of them begin with a word."""
    places = [found.start() for found in _WORD.finditer(text, start, end)]
    places = sorted({start, *places, end - 1})
    objects = asking.objects_at(text_page, places)
    changes = [(start, objects[0])]
    place, before = start, objects[0]
    for next_place, after in zip(places, objects, strict=True):
        if after != before:
            _find_changes(text_page, place, before, next_place, after, changes)
        place, before = next_place, after
    ends = [change[0] for change in changes[1:]]
    return [
        Span(begins, ends_, found) for (begins, found), ends_ in zip(changes, [*ends, end], strict=True)
    ]


def _find_changes(
    text_page: int,
    place: int,
    before: int | None,
    next_place: int,
    after: int | None,
    changes: list[tuple[int, int | None]],
) -> None:
    """Add every place after `place`, up to `next_place`, where another object begins.

    That is looked for next to the later place, where words and spaces meet, and then in the middle.
    """
    middle = next_place - 1
    while next_place - place > 1:
        found = asking.object_at(text_page, middle)
        if found == before:
            place = middle
        elif found == after:
            next_place = middle
        else:
            _find_changes(text_page, place, before, middle, found, changes)
            place, before = middle, found
        middle = (place + next_place) // 2
    changes.append((next_place, after))
