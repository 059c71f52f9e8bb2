"""Which signs of a page the file sets with one instruction: the library knows of each sign, and is asked about few of them."""

import re
from itertools import compress
from operator import ne
from typing import NamedTuple

from tms.content.pdf import asking

_LINE = re.compile("[^\r\n\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
"""The library ends lines with a carriage return, but for those that end with a hyphen."""


class Spans(NamedTuple):
    """Of each span: its first sign, the sign behind its last, and the text object that sets it, if one does."""

    starts: list[int]
    ends: list[int]
    objects: list[int | None]


def spans_of(text_page: asking.Handle, text: str) -> Spans:
    """The spans of a page whose text this is, none of which goes on over the end of a line.

    A line whose first and last sign are set by one object is one span. To ask about every sign of the others costs no more than to
    search for the places where objects end, since nothing of it is done in Python.
    """
    lines = [found.span() for found in _LINE.finditer(text)]
    firsts = asking.objects_at(text_page, [start for start, _ in lines])
    lasts = asking.objects_at(text_page, [end - 1 for _, end in lines])
    spans = Spans([], [], [])
    starts, ends, objects = spans
    for (start, end), first, last in zip(lines, firsts, lasts, strict=True):
        starts.append(start)
        objects.append(first)
        if first != last:
            each = asking.objects_at(text_page, range(start, end))
            changes = list(compress(range(1, end - start), map(ne, each, each[1:])))
            objects += [each[place] for place in changes]
            changes = [start + place for place in changes]
            starts += changes
            ends += changes
        ends.append(end)
    return spans
