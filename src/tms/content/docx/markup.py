"""Puts the converter's HTML in order: code, lists, figures, tables, direction of writing, empty paragraphs."""

import re
import unicodedata
from collections import Counter

from lxml import etree

from tms.content.docx.conversion import ID_PREFIX, UNUSABLE
from tms.content.docx.package import Element
from tms.content.docx.preparation import START_MARK

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_MARK = f"{ID_PREFIX}{START_MARK}"
_SPAN_LIMIT = 1000
_DIRECTED = ("p", "li", "td", "th", "dt", "dd", "figcaption", "caption", *HEADINGS)
_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_STRONG = _RIGHT_TO_LEFT | {"L"}
_LINK = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)


def tidy(root: Element) -> Counter[str]:
    """Put the tree in order in place; counts what had to be left out (`picture` by reason, `link`)."""
    left_out: Counter[str] = Counter()
    _settle_checkboxes(root)
    _settle_pictures(root, left_out)
    _settle_links(root, left_out)
    _number_lists(root)
    _join_code(root)
    for code in root.iter("pre"):
        _flatten_code(code)
    _drop_empty(root)
    _make_figures(root)
    _settle_tables(root)
    _set_direction(root)
    return left_out


def text_of(element: Element) -> str:
    """All text below the element."""
    return "".join(element.itertext())


def unwrap(element: Element) -> None:
    """Put the element's content in its place."""
    parent = element.getparent()
    if parent is None:
        return
    place = parent.index(element)
    _add_text(parent, place, element.text)
    for child in reversed(list(element)):
        parent.insert(place, child)
    tail = element.tail
    element.tail = None
    _add_text(parent, parent.index(element), tail)
    parent.remove(element)


def _add_text(parent: Element, place: int, text: str | None) -> None:
    """Add text in front of the child at `place`."""
    if not text:
        return
    if place == 0:
        parent.text = (parent.text or "") + text
    else:
        before = parent[place - 1]
        before.tail = (before.tail or "") + text


def replace_by_text(element: Element, text: str) -> None:
    """Put words in the element's place."""
    for child in list(element):
        element.remove(child)
    element.text = text
    unwrap(element)


def _settle_checkboxes(root: Element) -> None:
    for box in list(root.iter("input")):
        replace_by_text(box, "☑" if box.get("checked") else "☐")


def _settle_pictures(root: Element, left_out: Counter[str]) -> None:
    for picture in list(root.iter("img")):
        alternative = " ".join(picture.get("alt", "").split())
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


def _number_lists(root: Element) -> None:
    """Show the numbers that Word shows: a list that was interrupted goes on counting."""
    for items in root.iter("ol"):
        expected = 1
        for place, item in enumerate(items.iterchildren("li")):
            number = _take_mark(item)
            if number is None:
                continue
            if number != expected and place == 0:
                items.set("start", str(number))
            elif number != expected:
                item.set("value", str(number))
            expected = number + 1
    for anchor in list(root.iter("a")):
        if anchor.get("id", "").startswith(_MARK):
            unwrap(anchor)


def _take_mark(item: Element) -> int | None:
    for anchor in item.iterchildren("a"):
        name = anchor.get("id", "")
        if name.startswith(_MARK):
            unwrap(anchor)
            return int(name.removeprefix(_MARK))
    return None


def _join_code(root: Element) -> None:
    """Lines of code that follow each other are one block; paragraphs that are whole blocks stay apart."""
    for line in list(root.iter("pre")):
        if line.get("class") != "line":
            continue
        previous = line.getprevious()
        parent = line.getparent()
        if (
            parent is None
            or previous is None
            or previous.get("class") != "line"
            or (previous.tail or "").strip()
        ):
            continue
        block, code = previous[0], line[0]
        _append_text(block, "\n" + (code.text or ""))
        block.extend(list(code))
        parent.remove(line)


def _append_text(element: Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _flatten_code(block: Element) -> None:
    block.attrib.pop("class", None)
    for line_end in list(block.iter("br")):
        replace_by_text(line_end, "\n")
    code = block[0]
    for element in list(code.iter("code", "strong", "em", "u")):
        if element is not code:
            unwrap(element)


def _drop_empty(root: Element) -> None:
    """Empty paragraphs are how Word makes space; the style sheet does that here."""
    for element in list(
        root.iter("p", "pre", "blockquote", "li", "ul", "ol", "dl", *HEADINGS, "strong", "em", "u", "s")
    ):
        has_content = text_of(element).strip() or next(element.iter("img", "table", "hr"), None) is not None
        parent = element.getparent()
        if has_content or parent is None:
            continue
        anchors = [anchor for anchor in element.iter("a") if anchor.get("id")]
        if element.tag in {"strong", "em", "u", "s"} or anchors:
            element.tag = "span"
            unwrap(element)
        else:
            element.text = None
            tail = element.tail
            _add_text(parent, parent.index(element), tail)
            element.tail = None
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
            if len(cell.get(span, "")) > 4 or int(cell.get(span, "1")) > _SPAN_LIMIT:
                del cell.attrib[span]
        if cell.tag == "th" and cell.getparent() is not None:
            cell.set("scope", "col")
        if len(cell) == 1 and cell[0].tag == "p" and not cell[0].attrib and not (cell.text or "").strip():
            unwrap(cell[0])


def _set_direction(root: Element) -> None:
    """The first strong character sets a paragraph's direction (Unicode annex 9, rules P2 and P3)."""
    for element in root.iter(*_DIRECTED):
        for character in text_of(element):
            direction = unicodedata.bidirectional(character)
            if direction in _STRONG:
                if direction in _RIGHT_TO_LEFT:
                    element.set("dir", "rtl")
                break
