"""Pictures, text boxes, charts and diagrams of a Word document, put so that the converter finds them.

The converter sees a picture only by `a:blip/@r:embed` directly below the drawing, and text boxes only in their older form.
"""

from collections import Counter
from collections.abc import Callable

from lxml import etree

from tms.content.docx.package import W_STRICT, W
from tms.content.opc import R_STRICT, R, Relationship
from tms.content.safe_xml import Element

_VML = "urn:schemas-microsoft-com:vml"
_EMBED = (f"{{{R}}}embed", f"{{{R_STRICT}}}embed")
_LINK = (f"{{{R}}}link", f"{{{R_STRICT}}}link")
_ID = (f"{{{R}}}id", f"{{{R_STRICT}}}id")
_DIAGRAM = (f"{{{R}}}dm", f"{{{R_STRICT}}}dm")
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_VISIBLE = ("{*}t", "{*}blip", "{*}imagedata")


def settle(
    root: Element,
    relationships: dict[str, Relationship],
    left_out: Counter[str],
    part: Callable[[str], Element | None],
) -> None:
    """Rewrite all drawings below `root`; what no browser can show leaves its alternative text, and is counted."""
    for alternatives in list(root.iter("{*}AlternateContent")):
        _choose(alternatives)
    for drawing in list(root.iter("{*}drawing")):
        _settle_drawing(drawing, relationships, left_out, part)
    for image in list(root.iter("{*}imagedata")):
        if _target(image, _ID, relationships) is None:
            _remove(image)
    for name in ("altChunk", "subDoc"):
        for element in list(root.iter(f"{{*}}{name}")):
            left_out["part"] += 1
            _remove(element)


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _choose(alternatives: Element) -> None:
    """Take the older form where it says anything, else the newer one, which the converter would drop."""
    parent = alternatives.getparent()
    if parent is None:
        return
    fallback = alternatives.find("{*}Fallback")
    choice = alternatives.find("{*}Choice")
    chosen = fallback if fallback is not None and _says_something(fallback) else choice
    for child in [] if chosen is None else list(chosen):
        alternatives.addprevious(child)
    parent.remove(alternatives)


def _says_something(element: Element) -> bool:
    return next(element.iter(*_VISIBLE), None) is not None


def _settle_drawing(
    drawing: Element,
    relationships: dict[str, Relationship],
    left_out: Counter[str],
    part: Callable[[str], Element | None],
) -> None:
    for blip in list(drawing.iter("{*}blip")):
        _settle_blip(blip, relationships)
    boxes = list(drawing.iter("{*}txbxContent")) or _diagram(drawing, relationships, part)
    pictures = list(drawing.iter("{*}pic"))
    if boxes:
        _write_boxes(drawing, boxes)
    if pictures:
        _gather(drawing, pictures)
        if not any(_has_picture(picture) for picture in pictures):
            _write_note(drawing, "Missing picture")
            left_out["picture"] += 1
    elif not boxes and next(drawing.iter("{*}chart", "{*}relIds", "{*}contentPart"), None) is not None:
        _write_note(drawing, "Chart or diagram")
        left_out["chart"] += 1


def _settle_blip(blip: Element, relationships: dict[str, Relationship]) -> None:
    """A drawing in SVG alone has its reference in an extension (`asvg:svgBlip`, [MS-ODRAWXML] 2.7)."""
    if _target(blip, _EMBED, relationships) is not None:
        return
    for attribute in (*_EMBED, *_LINK):
        blip.attrib.pop(attribute, None)
    for drawing in blip.iter("{*}svgBlip"):
        embedded = _target(drawing, _EMBED, relationships)
        if embedded is not None:
            blip.set(_EMBED[0], embedded)


def _target(
    element: Element, attributes: tuple[str, ...], relationships: dict[str, Relationship]
) -> str | None:
    """The id of an embedded part that the element refers to; pictures on the web are never fetched."""
    for attribute in attributes:
        reference = element.get(attribute)
        if reference in relationships and not relationships[reference].external:
            return str(reference)
    return None


def _has_picture(picture: Element) -> bool:
    return any(blip.get(attribute) for blip in picture.iter("{*}blip") for attribute in _EMBED)


def _gather(drawing: Element, pictures: list[Element]) -> None:
    """Bring the pictures of a group up to where the converter looks."""
    data = next(drawing.iter("{*}graphicData"), None)
    if data is None:
        return
    for picture in pictures:
        if picture.getparent() is not data:
            data.append(picture)


def _diagram(
    drawing: Element, relationships: dict[str, Relationship], part: Callable[[str], Element | None]
) -> list[Element]:
    """The words of a diagram (SmartArt), which lie in a part of their own, as the text of a box (ECMA-376 part 1, 21.4)."""
    references = next(drawing.iter("{*}relIds"), None)
    target = None if references is None else _target(references, _DIAGRAM, relationships)
    data = None if target is None else part(relationships[target].target)
    if data is None:
        return []
    name = f"{{{W_STRICT if f'{{{W_STRICT}}}' in str(drawing.tag) else W}}}"
    box = etree.Element(f"{name}txbxContent")
    for point in data.iter("{*}pt"):
        for line in point.iter(f"{{{_DRAWING}}}p"):
            text = "".join(run.text or "" for run in line.iter(f"{{{_DRAWING}}}t"))
            if text.strip():
                paragraph = etree.SubElement(box, f"{name}p")
                etree.SubElement(etree.SubElement(paragraph, f"{name}r"), f"{name}t").text = text
    return [box] if len(box) else []


def _write_boxes(drawing: Element, boxes: list[Element]) -> None:
    """Text boxes in the older form, beside the drawing."""
    parent = drawing.getparent()
    if parent is None:
        return
    namespace = W_STRICT if f"{{{W_STRICT}}}" in str(drawing.tag) else W
    holder = etree.Element(f"{{{namespace}}}pict")
    for box in boxes:
        etree.SubElement(holder, f"{{{_VML}}}textbox").append(box)
    parent.insert(parent.index(drawing) + 1, holder)


def _write_note(drawing: Element, what: str) -> None:
    """Words in place of what cannot be shown, with the alternative text if there is one."""
    parent = drawing.getparent()
    if parent is None:
        return
    described = next(drawing.iter("{*}docPr"), None)
    alternative = (
        "" if described is None else (described.get("descr") or described.get("title") or "").strip()
    )
    namespace = W_STRICT if f"{{{W_STRICT}}}" in str(drawing.tag) else W
    note = etree.Element(f"{{{namespace}}}t")
    note.text = f"[{what}: {alternative}]" if alternative else f"[{what}]"
    parent.replace(drawing, note)


def names_of_pictures(root: Element) -> set[str]:
    """The relationship ids of all pictures that the converter will ask for."""
    found: set[str] = set()
    for element in root.iter("{*}blip", "{*}imagedata"):
        found.update(
            value for attribute, value in element.attrib.items() if str(attribute) in {*_EMBED, *_ID}
        )
    return found
