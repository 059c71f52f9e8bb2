"""Puts the elements of a page into one row of blocks, as `lessons.markup` describes them."""

import re

from lxml import etree

from tms.content.lessons.markup import HEADINGS, append_text, text_of, unwrap
from tms.content.safe_xml import Element

_CONTAINERS = frozenset(
    [
        "div",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "aside",
        "center",
        "body",
        "html",
        "hgroup",
        "address",
        "fieldset",
        "form",
        "legend",
        "label",
        "nav",
    ]
)
_BLOCKS = frozenset(
    ["p", "pre", "ul", "ol", "dl", "table", "figure", "blockquote", "hr", "details", "audio", "video"]
) | frozenset(HEADINGS)
_INNER = frozenset(
    ["li", "dd", "td", "th", "blockquote", "figure", "figcaption", "details", "caption", "summary"]
)
_RENAMED = {
    "b": "strong",
    "i": "em",
    "strike": "s",
    "tt": "code",
    "big": "span",
    "font": "span",
    "acronym": "abbr",
}
_OLD_CODE = ("listing", "xmp", "plaintext")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_PRE = "pre"
_FRAMES = frozenset(["ul", "ol", "dl", "table", "thead", "tbody", "tfoot", "tr"])


def arrange(element: Element) -> Element:
    """A `div` of blocks with all that the element holds, in its order."""
    for old in list(element.iter(*_RENAMED, *_OLD_CODE)):
        old.tag = _RENAMED.get(str(old.tag), _PRE)
    for code in list(element.iter(_PRE)):
        _settle_code(code)
    _collapse_space(element, keep=False)
    root = etree.Element("div")
    _pour(element, root)
    for inner in list(root.iter(*_INNER)):
        if _has_block(inner):
            kept = {name: value for name, value in inner.attrib.items() if ":" not in str(name)}
            poured = etree.Element(str(inner.tag), kept)
            _pour(inner, poured)
            _replace_content(inner, poured)
    for wrapper in list(root.iter(*_CONTAINERS)):
        if wrapper is not root:
            unwrap(wrapper)
    return root


def _settle_code(code: Element) -> None:
    """A block of code is text alone: line ends, no colours, in a `code` within the `pre`."""
    for line_end in list(code.iter("br")):
        line_end.text = "\n"
    if next(code.iter("img"), None) is not None:
        return
    text = text_of(code).replace("\r\n", "\n").strip("\n")
    anchor = code.get("id")
    for child in list(code):
        code.remove(child)
    code.text = None
    code.attrib.clear()
    if anchor:
        code.set("id", anchor)
    etree.SubElement(code, "code").text = text


def _collapse_space(element: Element, *, keep: bool) -> None:
    keep = keep or element.tag == _PRE
    if element.tag in _FRAMES:
        _drop_space(element)
    if element.text and not keep:
        element.text = _SPACE.sub(" ", element.text)
    for child in element:
        _collapse_space(child, keep=keep)
        if child.tail and not keep:
            child.tail = _SPACE.sub(" ", child.tail)


def _drop_space(frame: Element) -> None:
    """Between the parts of a list or a table space says nothing."""
    if not (frame.text or "").strip():
        frame.text = None
    for child in frame:
        if not (child.tail or "").strip():
            child.tail = None


def _has_block(element: Element) -> bool:
    return any(child.tag in _BLOCKS or child.tag in _CONTAINERS for child in element)


def _pour(element: Element, target: Element) -> None:
    """Add the content to `target`: blocks as they are, containers opened, loose text and phrases as paragraphs."""
    paragraph = _Loose(target)
    paragraph.add_text(element.text)
    for child in list(element):
        tail = child.tail
        child.tail = None
        if child.tag in _CONTAINERS or (child.tag not in _BLOCKS and _holds_block(child)):
            paragraph.end()
            _keep_anchor(child, target)
            _pour(child, target)
        elif child.tag in _BLOCKS or child.tag in {"figcaption", "caption", "summary", "li", "dt", "dd"}:
            paragraph.end()
            target.append(child)
        elif (
            child.tag == "br"
            and child.getnext() is not None
            and child.getnext().tag == "br"
            and not (tail or "").strip()
        ):
            # Two line ends make a paragraph, as people write who know no other way.
            paragraph.end()
        else:
            paragraph.add(child)
        paragraph.add_text(tail)
    paragraph.end()


def _holds_block(element: Element) -> bool:
    return element.tag not in {"table", "li"} and next(element.iter(*_BLOCKS), None) is not None


def _keep_anchor(container: Element, target: Element) -> None:
    if container.get("id") and container.tag != "body":
        anchor = etree.SubElement(etree.SubElement(target, "p"), "a")
        anchor.set("id", container.get("id", ""))


class _Loose:
    """Gathers text and phrases that stand between blocks into paragraphs."""

    def __init__(self, target: Element) -> None:
        self._target = target
        self._paragraph = etree.Element("p")

    def add_text(self, text: str | None) -> None:
        if text:
            append_text(self._paragraph, text)

    def add(self, element: Element) -> None:
        self._paragraph.append(element)

    def end(self) -> None:
        if text_of(self._paragraph).strip() or len(self._paragraph):
            self._paragraph.text = (self._paragraph.text or "").lstrip(" ") or None
            self._target.append(self._paragraph)
        self._paragraph = etree.Element("p")


def _replace_content(element: Element, poured: Element) -> None:
    tail = element.tail
    for child in list(element):
        element.remove(child)
    element.text = poured.text
    element.extend(list(poured))
    element.tail = tail
