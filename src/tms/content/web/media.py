"""Pictures of a page: those that came with it are kept, those that lie on the web are never fetched."""

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import unquote, unquote_to_bytes

from lxml import etree

from tms.content.lessons.markup import UNUSABLE, replace_by_text, text_of
from tms.content.pictures import PictureFolder, UnusablePictureError
from tms.content.safe_xml import Element, local
from tms.content.web.selection import remove

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_MISSING = f"{UNUSABLE}a picture that lies elsewhere or is missing"
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_CAPITALS = {
    name.lower(): name
    for name in (
        "clipPath", "linearGradient", "radialGradient", "textPath", "viewBox", "preserveAspectRatio", "gradientUnits",
        "gradientTransform", "patternUnits", "patternTransform", "clipPathUnits", "maskUnits", "markerWidth",
        "markerHeight", "markerUnits", "refX", "refY", "spreadMethod", "textLength", "lengthAdjust", "startOffset",
    )
}  # fmt: skip


def settle(root: Element, pictures: PictureFolder, beside: Callable[[str], bytes | None]) -> None:
    """Give every picture the address `media:N`, or one that says why it cannot be shown."""
    for picture in list(root.iter("img")):
        source = picture.get("src") or picture.get("data-src") or ""
        alternative = picture.get("alt", "")
        picture.attrib.clear()
        picture.set("src", _address(_content(source, beside), pictures))
        picture.set("alt", alternative)
    for drawing in [element for element in root.iter(etree.Element) if local(element) == "svg"]:
        _settle_drawing(drawing, pictures)
    for played in list(root.iter("audio", "video", "source", "track")):
        remove(played)
    for formula in [element for element in root.iter(etree.Element) if local(element) == "math"]:
        replace_by_text(formula, _formula(formula))


def _content(source: str, beside: Callable[[str], bytes | None]) -> bytes | None:
    if source.startswith("data:"):
        return _inline(source)
    if not source or source.startswith("//") or _SCHEME.match(source):
        return None
    return beside(unquote(re.split(r"[?#]", source, maxsplit=1)[0]))


def _inline(source: str) -> bytes | None:
    """The content of a `data:` address (RFC 2397)."""
    head, comma, data = source.partition(",")
    if not comma:
        return None
    if not head.endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(re.sub(r"\s", "", unquote(data)), validate=True)
    except (binascii.Error, ValueError):
        return None


def _address(content: bytes | None, pictures: PictureFolder) -> str:
    if content is None:
        return _MISSING
    try:
        return f"media:{pictures.keep(content)}"
    except UnusablePictureError as error:
        return f"{UNUSABLE}{error}"


def _settle_drawing(drawing: Element, pictures: PictureFolder) -> None:
    parent = drawing.getparent()
    if parent is None:
        return
    title = next((text_of(child) for child in drawing if local(child) in {"title", "desc"}), "")
    alternative = drawing.get("aria-label") or title
    for element in drawing.iter(etree.Element):
        _name_as_drawing(element)
    picture = etree.Element("img")
    picture.tail, drawing.tail = drawing.tail, None
    parent.replace(drawing, picture)
    alone = etree.Element(drawing.tag, dict(drawing.attrib), nsmap={None: _SVG})
    alone.text = drawing.text
    alone.extend(list(drawing))
    picture.set("src", _address(etree.tostring(alone), pictures))
    picture.set("alt", alternative)


def _name_as_drawing(element: Element) -> None:
    """Names as SVG has them: a parser of HTML forgets namespaces and capitals (HTML standard, 13.2.6.1)."""
    name = local(element)
    element.tag = f"{{{_SVG}}}{_CAPITALS.get(name, name)}"
    for attribute, value in list(element.attrib.items()):
        plain = str(attribute)
        if plain in _CAPITALS:
            element.set(_CAPITALS[plain], value)
        elif plain == "xlink:href":
            element.set(f"{{{_XLINK}}}href", value)
        if plain in _CAPITALS or plain.startswith("xmlns") or ":" in plain.rpartition("}")[2]:
            del element.attrib[attribute]


def _formula(formula: Element) -> str:
    """A formula in the words that it brings along: in TeX, or as its signs stand."""
    for annotation in formula.iter(etree.Element):
        if local(annotation) == "annotation" and "tex" in annotation.get("encoding", "").lower():
            return text_of(annotation).strip()
    for annotation in [
        child for child in formula.iter(etree.Element) if local(child).startswith("annotation")
    ]:
        remove(annotation)
    return formula.get("alttext") or " ".join(text_of(formula).split())
