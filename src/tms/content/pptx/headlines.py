"""What a slide without a title is called, as presentations have them that went through other programs and formats.

LibreOffice saves the titles of section headers as mere text boxes in PowerPoint 97-2003 presentations.
"""

from typing import NamedTuple

from tms.content.pptx.text import plain
from tms.content.safe_xml import Element, local

LETTERS_LIMIT = 100
HEADING_LETTERS = 2800
"""Hundredths of a point: from here on letters are those of a heading, where the words of slides have 18 to 24 points."""
CLEARLY = 1.2
"""By so much they are larger than others."""
FURNITURE = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})
"""Placeholders of what each slide has: date, footer, number."""
_SENTENCE_ENDS = (".", ",", ";", "!", "。")


class _Placed(NamedTuple):
    """A shape, where it begins and ends from the top (EMU), and the size of its largest letters; 0 where that is not told."""

    shape: Element
    top: int
    bottom: int
    letters: int
    words: str


def is_hidden(shape: Element) -> bool:
    """Whether the author hid a shape or a group of them."""
    own = next((child for child in shape if local(child).startswith("nv")), None)
    described = None if own is None else own.find("{*}cNvPr")
    return described is not None and described.get("hidden") in {"1", "true"}


def find(tree: Element) -> Element | None:
    """The text box that is the heading of a slide's shapes: one short line, not a sentence, in letters larger than all
    others and of a heading's size; else with nothing above or beside it, something below, and no larger letters there.
    """
    placed = [found for shape in tree if (found := _place(shape)) is not None]
    shown = [one for one in placed if one.words or local(one.shape) != "sp"]
    lines = [one for one in shown if _is_line(one)]
    if not lines:
        return None
    line = max(lines, key=lambda one: one.letters)
    if line.letters >= HEADING_LETTERS and all(one is line or _is_smaller(one, line) for one in shown):
        return line.shape
    line = min(lines, key=lambda one: one.top)
    others = [one for one in shown if one is not line]
    return line.shape if others and all(_is_below(one, line) for one in others) else None


def _is_line(one: _Placed) -> bool:
    body = one.shape.find("{*}txBody")
    if local(one.shape) != "sp" or body is None or one.shape.find("{*}nvSpPr/{*}nvPr/{*}ph") is not None:
        return False
    written = [paragraph for paragraph in body.iterfind("{*}p") if "".join(paragraph.itertext()).strip()]
    return len(written) == 1 and len(one.words) <= LETTERS_LIMIT and not one.words.endswith(_SENTENCE_ENDS)


def _is_smaller(one: _Placed, line: _Placed) -> bool:
    return one.letters * CLEARLY <= line.letters


def _is_below(one: _Placed, line: _Placed) -> bool:
    if local(one.shape) == "pic":
        # A sign of the house may stand beside a heading; what is below a picture is its caption.
        return one.bottom > line.top
    return one.top >= line.bottom and not one.letters > line.letters > 0


def _place(shape: Element) -> _Placed | None:
    """Groups and frames are placed as a whole. Connectors and the like say nothing, and what has no place is anywhere."""
    holder = shape.find("{*}nvSpPr/{*}nvPr/{*}ph")
    is_furniture = holder is not None and holder.get("type") in FURNITURE
    if is_furniture or is_hidden(shape) or local(shape) not in {"sp", "pic", "graphicFrame", "grpSp"}:
        return None
    frame = shape.find("{*}xfrm")
    if frame is None:
        frame = next((found for part in shape if (found := part.find("{*}xfrm")) is not None), None)
    offset = None if frame is None else frame.find("{*}off")
    extent = None if frame is None else frame.find("{*}ext")
    if offset is None or extent is None:
        return None
    top = _number(offset.get("y"))
    letters = max((_number(run.get("sz")) for run in shape.iter("{*}rPr")), default=0)
    body = shape.find("{*}txBody")
    words = "" if body is None else plain(body)
    return _Placed(shape, top, top + _number(extent.get("cy")), letters, words)


def _number(text: str | None) -> int:
    digits = (text or "").removeprefix("-")
    return int(text or 0) if digits.isascii() and digits.isdigit() and len(digits) < 12 else 0
