"""Titles: of headings, of files, on one line and short enough to be stored."""

import copy
import unicodedata
from pathlib import PurePosixPath

from tms.content.lessons.markup import text_of
from tms.content.safe_xml import Element

TITLE_LIMIT = 255
UNTITLED = "Untitled document"
_DIRECTION_CONTROLS = dict.fromkeys(
    map(ord, "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)


def title_of(element: Element) -> str:
    """The element's text on one line, without control characters and marks of footnotes."""
    if not len(element):
        return plain_line(element.text or "")
    bare = copy.deepcopy(element)
    bare.tail = None
    for mark in list(bare.iter("sup")):
        if any(link.get("href", "").startswith("#") for link in mark.iter("a")):
            for child in list(mark):
                mark.remove(child)
            mark.text = None
    for line_end in bare.iter("br"):
        line_end.text = " "
    return plain_line(text_of(bare))


def plain_line(text: str) -> str:
    """The text on one line, composed (NFC), without control characters and direction marks."""
    if text.isprintable() and unicodedata.is_normalized("NFC", text):
        return " ".join(text.split())
    visible = "".join(
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp"} else character
        for character in text.translate(_DIRECTION_CONTROLS)
        if unicodedata.category(character) not in {"Cs", "Co", "Cn"}
    )
    return " ".join(unicodedata.normalize("NFC", visible).replace("\u00ad", "").split())


def shorten(title: str) -> str:
    """At most 255 characters, cut between words where there is one in the second half."""
    if len(title) <= TITLE_LIMIT:
        return title
    cut = title[: TITLE_LIMIT - 1]
    at_word = cut.rfind(" ")
    if at_word > TITLE_LIMIT // 2:
        cut = cut[:at_word]
    return cut.rstrip(" ,;:-") + "…"


def name_of(filename: str) -> str:
    """A title made of a file's name: without folder, extension and underscores."""
    stem = PurePosixPath(filename.replace("\\", "/")).name.rpartition(".")[0] or filename
    return shorten(plain_line(stem.replace("_", " "))) or UNTITLED
