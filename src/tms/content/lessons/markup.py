"""Puts the HTML that a reader made in order: pictures, links, figures, tables, direction of writing, empty paragraphs.

A reader gives one `div` of blocks. `p` may have a class: `title` (the document's own), `byline` (names and dates of a title
page), `caption` (below a picture), `table-caption` (above a table). The address of a picture that cannot be shown begins
with `UNUSABLE` and goes on with the reason. Ids begin with `ID_PREFIX`, and so do links to them, behind their `#`.
"""

import re
import unicodedata
from collections import Counter
from itertools import chain

from lxml import etree

from tms.content.safe_xml import Element

ID_PREFIX = "doc-"
UNUSABLE = "unusable:"
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
SHOWN = ("img", "table", "hr", "audio", "video")
"""Elements that are content although they hold no text."""
_APART = frozenset(
    (*HEADINGS, "p", "pre", "li", "td", "th", "dt", "dd", "br", "caption", "figcaption", "summary", "tr")
)
_SPAN_LIMIT = 1000
_DIRECTED = ("p", "li", "td", "th", "dt", "dd", "figcaption", "caption", *HEADINGS)
_EMPTIED = ("p", "pre", "blockquote", "li", "ul", "ol", "dl", *HEADINGS, "strong", "em", "u", "s")
_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_STRONG = _RIGHT_TO_LEFT | {"L"}
# Programs put the picture's file name where its author should have described it.
_FILE_NAME = re.compile(
    r"(?:[A-Za-z]:\\.*|\S*)\.(?:png|jpe?g|gif|bmp|webp|svg|tiff?|emf|wmf|heic)", re.IGNORECASE
)
_LINK = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)


def tidy(root: Element) -> Counter[str]:
    """Put the tree in order in place; counts what had to be left out (`link`, pictures by reason)."""
    left_out: Counter[str] = Counter()
    _settle_pictures(root, left_out)
    _settle_links(root, left_out)
    _drop_empty(root)
    _make_figures(root)
    _settle_tables(root)
    _set_direction(root)
    return left_out


def text_of(element: Element) -> str:
    """All text below the element."""
    return "".join(element.itertext())


def has_words(element: Element) -> bool:
    """Whether there is any text below the element but spaces."""
    return any(text.strip() for text in element.itertext())


def running_text(element: Element) -> str:
    """All text below the element, with a space between blocks and between cells, whose words stand apart."""
    pieces = []
    for event, part in etree.iterwalk(element, events=("start", "end"), tag="*"):
        if event == "start":
            pieces.append(part.text or "")
        else:
            pieces.append(" " if part.tag in _APART else "")
            pieces.append(part.tail or "" if part is not element else "")
    return "".join(pieces)


def unwrap(element: Element) -> None:
    """Put the element's content in its place. Takes no longer the more stands before it."""
    parent = element.getparent()
    if parent is None:
        return
    _add_before(element, element.text)
    for child in list(element):
        element.addprevious(child)
    tail, element.tail = element.tail, None
    _add_before(element, tail)
    parent.remove(element)


def _add_before(element: Element, text: str | None) -> None:
    """Add text right in front of the element."""
    before, parent = element.getprevious(), element.getparent()
    if text and before is not None:
        before.tail = (before.tail or "") + text
    elif text and parent is not None:
        parent.text = (parent.text or "") + text


def replace_by_text(element: Element, text: str) -> None:
    """Put words in the element's place."""
    for child in list(element):
        element.remove(child)
    element.text = text
    unwrap(element)


def _settle_pictures(root: Element, left_out: Counter[str]) -> None:
    for picture in list(root.iter("img")):
        alternative = " ".join(picture.get("alt", "").split())
        if _FILE_NAME.fullmatch(alternative):
            alternative = ""
        source = picture.get("src", "")
        if source.startswith(UNUSABLE):
            left_out[source] += 1
            replace_by_text(picture, f"[Picture: {alternative}]" if alternative else "[Picture]")
        else:
            picture.set("alt", alternative)


def _settle_links(root: Element, left_out: Counter[str]) -> None:
    for link in list(root.iter("a")):
        link.attrib.pop("target", None)
        target = link.get("href")
        if target is None or target.startswith("#"):
            continue
        if _LINK.fullmatch(target.strip()):
            link.set("href", target.strip())
        else:
            left_out["link"] += 1
            unwrap(link)


def append_text(element: Element, text: str) -> None:
    """Add text behind all that the element holds."""
    # The number of children would be counted anew for each piece of a long paragraph.
    last = next(element.iterchildren(reversed=True), None)
    if last is not None:
        last.tail = (last.tail or "") + text
    else:
        element.text = (element.text or "") + text


def _drop_empty(root: Element) -> None:
    """Empty paragraphs are how Word makes space; the style sheet does that here."""
    for element in list(root.iter(*_EMPTIED)):
        has_content = has_words(element) or next(element.iter(*SHOWN), None) is not None
        parent = element.getparent()
        if has_content or parent is None:
            continue
        anchors = [anchor for anchor in element.iter("a") if anchor.get("id")]
        if element.tag in {"strong", "em", "u", "s"} or anchors:
            element.tag = "span"
            unwrap(element)
        else:
            tail, element.tail = element.tail, None
            _add_before(element, tail)
            parent.remove(element)


def _make_figures(root: Element) -> None:
    for caption in [paragraph for paragraph in root.iter("p") if paragraph.get("class") == "caption"]:
        del caption.attrib["class"]
        picture = caption.getprevious()
        parent = caption.getparent()
        if parent is None or picture is None or not _is_picture_alone(picture):
            continue
        figure = etree.Element("figure")
        parent.insert(parent.index(picture), figure)
        caption.tag = "figcaption"
        figure.extend([*picture, caption])
        parent.remove(picture)


def _is_picture_alone(element: Element) -> bool:
    return (
        element.tag == "p"
        and not text_of(element).strip()
        and len(element) > 0
        and all(child.tag == "img" for child in element)
    )


def _settle_tables(root: Element) -> None:
    for caption in [paragraph for paragraph in root.iter("p") if paragraph.get("class") == "table-caption"]:
        del caption.attrib["class"]
        table = caption.getnext()
        if table is not None and table.tag == "table":
            caption.tag = "caption"
            table.insert(0, caption)
    for cell in root.iter("td", "th"):
        for span in ("colspan", "rowspan"):
            if not _is_span(cell.get(span, "1")):
                del cell.attrib[span]
        if cell.tag == "th" and not cell.get("scope"):
            cell.set("scope", "col")
        if len(cell) == 1 and cell[0].tag == "p" and not cell[0].attrib and not (cell.text or "").strip():
            unwrap(cell[0])


def _is_span(value: str) -> bool:
    return value.isdecimal() and len(value) <= 4 and 1 <= int(value) <= _SPAN_LIMIT


def _set_direction(root: Element) -> None:
    """The first strong character sets a paragraph's direction (Unicode annex 9, rules P2 and P3)."""
    for element in root.iter(*_DIRECTED):
        if element.get("dir"):
            continue
        for character in chain.from_iterable(element.itertext()):
            direction = unicodedata.bidirectional(character)
            if direction in _STRONG:
                if direction in _RIGHT_TO_LEFT:
                    element.set("dir", "rtl")
                break
