"""Writing from the right, alone and among writing from the left (Unicode annex 9).

A page has its signs where they are seen. The library gives those of a word as they are read, and takes each line as running the one
way or the other, so that what runs against it may come word by word in the wrong order.
"""

import re
import unicodedata

from tms.content.pdf import asking

FROM_RIGHT = re.compile(
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""The blocks that hold the letters of Hebrew, Arabic and their kin (Unicode 15.1, DerivedBidiClass)."""
_ARABIC = re.compile("[\u0620-\u06ff]{2}")
_WORD = re.compile("[^ ]+")
_STOPS = frozenset(".,;:!?…،؛؟")
_KINDS_FROM_RIGHT = frozenset({"R", "AL"})


def letters(text: str) -> tuple[int, int]:
    """How many letters run from the left, and how many from the right."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    return kinds.count("L"), sum(kind in _KINDS_FROM_RIGHT for kind in kinds)


def has_letters_from_right(text: str) -> bool:
    """Whether there is a letter that is read from the right."""
    return FROM_RIGHT.search(text) is not None and letters(text)[1] > 0


def from_left(text_page: asking.Handle, text: str, start: int) -> str:
    """Text without letters from the right, which the library has turned with its line, as it is seen and read."""
    places = asking.origins(text_page, range(start, start + len(text)))[0]
    return "".join(text[at] for at in sorted(range(len(text)), key=places.__getitem__))


def from_right(text_page: asking.Handle, text: str, start: int) -> tuple[str, float, float]:
    """Text that is read from the right, with its left and right end: signs written as one in their order, spaces on their side."""
    signs = range(start, start + len(text))
    places = asking.origins(text_page, signs)[0]
    lefts, _, rights, _ = asking.loose_boxes(text_page, signs)
    core = text.strip(" ")
    begins = text.index(core)
    ends = begins + len(core)
    inner = list(places[begins:ends])
    spaces = [*places[:begins], *places[ends:]]
    before = " " if any(place > max(inner) for place in spaces) else ""
    after = " " if any(place < min(inner) for place in spaces) else ""
    if _ARABIC.search(core):
        core = _with_ligatures(core, inner)
    if len(core) > 1 and core[0] in _STOPS and inner[0] < min(inner[1:]):
        # Seen on the left, it ends the sentence.
        core = core[1:] + core[0]
    elif not letters(core)[0]:
        core = _words_from_right(core, inner)
    return f"{before}{core}{after}", min(lefts), max(rights)


def _words_from_right(text: str, places: list[float]) -> str:
    """The words one after the other to the left, which the library gives to the right in a line that runs that way."""
    words = [found.span() for found in _WORD.finditer(text)]
    words.sort(key=lambda word: -min(places[slice(*word)]))
    return " ".join(text[slice(*word)] for word in words)


def _with_ligatures(text: str, places: list[float]) -> str:
    """Signs that are written as one, such as lam and alef, in their order: turning a line around turned them too."""
    groups: list[str] = []
    for place, sign in enumerate(text):
        if place and places[place] == places[place - 1] and unicodedata.category(sign) == "Lo":
            groups[-1] = sign + groups[-1]
        else:
            groups.append(sign)
    return "".join(groups)
