"""The shapes of a slide as blocks of HTML, in the order in which a screen reader reads them: that of the file."""

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from lxml import etree

from tms.content.errors import CorruptDocumentError
from tms.content.lessons.markup import UNUSABLE
from tms.content.opc import OfficePackage, Relationship
from tms.content.pictures import PictureFolder, UnusablePictureError
from tms.content.pptx import charts, headlines
from tms.content.pptx.text import Bullets, blocks, is_number_of_slide, plain
from tms.content.safe_xml import Element, local

_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
TITLES = frozenset({"title", "ctrTitle"})
_BULLETED = frozenset({"body", "obj", ""})
_DEEPEST_GROUP = 50


@dataclass(frozen=True, slots=True)
class Layout:
    """What slides take from their layout: its kind, such as `secHead`, and the styles of its placeholders by their index."""

    kind: str = ""
    styles: dict[str, Element] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Element) -> Self:
        """The layout of a part, of which nothing else is kept."""
        styles: dict[str, Element] = {}
        tree = root.find("{*}cSld/{*}spTree")
        for shape in () if tree is None else _flat(tree):
            holder, style = _holder(shape), shape.find("{*}txBody/{*}lstStyle")
            if holder is not None and style is not None:
                styles.setdefault(holder.get("idx", "0"), copy.deepcopy(style))
        return cls(root.get("type", ""), styles)


@dataclass(slots=True)
class Part:
    """A slide, or what belongs to one, with what is needed to read its shapes."""

    name: str
    root: Element
    relationships: dict[str, Relationship]
    layout: Layout = field(default_factory=Layout)


@dataclass(slots=True)
class Shown:
    """What the shapes of a slide say: its title on one line, the rest as blocks; `subtitle` are those among them."""

    title: str = ""
    content: list[Element] = field(default_factory=list)
    subtitle: list[Element] = field(default_factory=list)


class ShapeReader:
    """Reads shapes; pictures go to `pictures`, what had to be left out is counted in `left_out`."""

    def __init__(self, package: OfficePackage, pictures: PictureFolder, left_out: Counter[str]) -> None:
        self._package = package
        self._pictures = pictures
        self._left_out = left_out
        self._addresses: dict[str, str] = {}

    def read(self, part: Part) -> Shown:
        """All that the slide shows; the title comes out of its order, since it is the heading."""
        shown = Shown()
        tree = part.root.find("{*}cSld/{*}spTree")
        shapes = [] if tree is None else list(_flat(tree))
        heading = next((shape for shape in shapes if _placeholder(shape) in TITLES and _words(shape)), None)
        if heading is None and tree is not None:
            heading = headlines.find(tree)
        for shape in shapes:
            kind = _placeholder(shape)
            if kind in headlines.FURNITURE or _says_where_one_is(shape):
                continue
            if shape is heading:
                shown.title = _words(shape)
                continue
            if headlines.is_hidden(shape):
                self._left_out["hidden"] += bool(_words(shape)) or local(shape) != "sp"
                continue
            found = self._blocks(shape, part)
            if kind == "subTitle":
                shown.subtitle += found
            shown.content += found
        return shown

    def notes(self, part: Part) -> list[Element]:
        """What the speaker noted."""
        tree = part.root.find("{*}cSld/{*}spTree")
        found = []
        for shape in () if tree is None else _flat(tree):
            if _placeholder(shape) == "body" and (body := shape.find("{*}txBody")) is not None:
                found += blocks(body, Bullets(), part.relationships)
        return found

    def _blocks(self, shape: Element, part: Part) -> list[Element]:
        match local(shape):
            case "sp":
                body = shape.find("{*}txBody")
                found = [] if body is None else blocks(body, _bullets(shape, body, part), part.relationships)
                return _linked(found, shape, part)
            case "pic":
                return _linked(self._picture(shape, part), shape, part)
            case "graphicFrame":
                return self._frame(shape, part)
            case "contentPart":
                self._left_out["chart"] += 1
        return []

    def _picture(self, shape: Element, part: Part) -> list[Element]:
        if shape.find("{*}nvPicPr/{*}nvPr/{*}videoFile") is not None or _is_sound(shape):
            self._left_out["recording"] += 1
        reference = _reference_of_picture(shape, part)
        if reference is None:
            self._left_out["picture"] += 1
            return _note("Picture", _alternative(shape))
        image = etree.Element("img", alt=_alternative(shape), src=self._address(reference.target))
        paragraph = etree.Element("p")
        paragraph.append(image)
        return [paragraph]

    def _address(self, name: str) -> str:
        """The address of a picture, which may be on every slide."""
        if name not in self._addresses:
            self._addresses[name] = self._keep(name)
        return self._addresses[name]

    def _keep(self, name: str) -> str:
        content = self._package.read(name)
        if content is None:
            return f"{UNUSABLE}a picture that is missing in the file"
        try:
            return f"media:{self._pictures.keep(content)}"
        except UnusablePictureError as error:
            return f"{UNUSABLE}{error}"

    def _frame(self, frame: Element, part: Part) -> list[Element]:
        data = frame.find("{*}graphic/{*}graphicData")
        for held in () if data is None else data:
            match local(held):
                case "tbl":
                    return [_table(held, part)]
                case "chart" | "relIds":
                    found = self._drawn(held, part)
                    return [found] if found is not None else self._left(frame)
                case "oleObj" if (picture := next(held.iter("{*}pic"), None)) is not None:
                    self._left_out["part"] += 1
                    return self._picture(picture, part)
        return self._left(frame)

    def _drawn(self, held: Element, part: Part) -> Element | None:
        name = f"{_R}id" if charts.is_chart(held) else f"{_R}dm"
        relationship = part.relationships.get(held.get(name, ""))
        if relationship is None or relationship.external:
            return None
        try:
            root = self._package.tree(relationship.target)
        except CorruptDocumentError:
            return None
        if root is None:
            return None
        return charts.table_of(root) if charts.is_chart(held) else charts.words_of(root)

    def _left(self, frame: Element) -> list[Element]:
        self._left_out["chart"] += 1
        return _note("Chart or diagram", _alternative(frame))


def _says_where_one_is(shape: Element) -> bool:
    body = shape.find("{*}txBody")
    return body is not None and is_number_of_slide(body)


def _linked(found: list[Element], shape: Element, part: Part) -> list[Element]:
    """What a shape says, within the link that the shape as a whole is."""
    own = next((child for child in shape if local(child).startswith("nv")), None)
    click = None if own is None else own.find("{*}cNvPr/{*}hlinkClick")
    relationship = None if click is None else part.relationships.get(click.get(f"{_R}id", ""))
    if relationship is None or not relationship.external:
        return found
    for block in found:
        for holder in block.iter("p", "li"):
            if next(holder.iter("a", "ul", "ol"), None) is None:
                link = etree.Element("a", href=relationship.target)
                link.text, holder.text = holder.text, None
                link.extend(list(holder))
                holder.append(link)
    return found


def _words(shape: Element) -> str:
    body = shape.find("{*}txBody")
    return "" if body is None else plain(body)


def _note(what: str, alternative: str) -> list[Element]:
    """Words in place of what cannot be shown."""
    paragraph = etree.Element("p")
    paragraph.text = f"[{what}: {alternative}]" if alternative else f"[{what}]"
    return [paragraph]


def _flat(tree: Element, depth: int = 0) -> Iterator[Element]:
    """The shapes, those of groups too; a group that is hidden comes as a whole."""
    for child in tree:
        match local(child):
            case "grpSp" if headlines.is_hidden(child):
                yield child
            case "grpSp" if depth < _DEEPEST_GROUP:
                yield from _flat(child, depth + 1)
            case "AlternateContent":
                yield from _flat(_choice(child), depth)
            case "sp" | "pic" | "graphicFrame" | "contentPart":
                yield child


def _choice(alternatives: Element) -> Element:
    """Formulas are in the newer form alone; of other novelties the older form shows a picture."""
    choice = alternatives.find("{*}Choice")
    fallback = alternatives.find("{*}Fallback")
    if choice is None or (fallback is not None and len(fallback) and choice.get("Requires") != "a14"):
        return alternatives if fallback is None else fallback
    return choice


def _placeholder(shape: Element) -> str | None:
    """The kind of placeholder; an empty one is for any content, and None is none."""
    holder = _holder(shape)
    return None if holder is None else holder.get("type", "")


def _holder(shape: Element) -> Element | None:
    own = next((child for child in shape if local(child).startswith("nv")), None)
    return None if own is None else own.find("{*}nvPr/{*}ph")


def _bullets(shape: Element, body: Element, part: Part) -> Bullets:
    holder = _holder(shape)
    styles = [body.find("{*}lstStyle")]
    default = None
    if holder is not None and holder.get("type", "") in _BULLETED:
        default = "ul"
        styles.append(part.layout.styles.get(holder.get("idx", "0")))
    return Bullets(tuple(style for style in styles if style is not None), default)


def _alternative(shape: Element) -> str:
    own = next((child for child in shape if local(child).startswith("nv")), None)
    described = None if own is None else own.find("{*}cNvPr")
    if described is None or any(mark.get("val") == "1" for mark in described.iter("{*}decorative")):
        return ""
    return (described.get("descr") or described.get("title") or "").strip()


def _is_sound(shape: Element) -> bool:
    return next(shape.iter("{*}audioFile", "{*}wavAudioFile"), None) is not None


def _reference_of_picture(shape: Element, part: Part) -> Relationship | None:
    """The embedded picture, or the drawing in an extension beside it ([MS-ODRAWXML] 2.7); none on the web is fetched."""
    blip = next(shape.iter("{*}blip"), None)
    for element in () if blip is None else (blip, *blip.iter("{*}svgBlip")):
        relationship = part.relationships.get(element.get(f"{_R}embed", ""))
        if relationship is not None and not relationship.external:
            return relationship
    return None


def _table(table: Element, part: Part) -> Element:
    found = etree.Element("table")
    properties = table.find("{*}tblPr")
    headed = properties is not None and properties.get("firstRow") in {"1", "true"}
    for number, row in enumerate(table.iterchildren("{*}tr")):
        line = etree.SubElement(found, "tr")
        for cell in row.iterchildren("{*}tc"):
            if cell.get("hMerge") in {"1", "true"} or cell.get("vMerge") in {"1", "true"}:
                continue
            written = etree.SubElement(line, "th" if headed and number == 0 else "td")
            for source, span in (("gridSpan", "colspan"), ("rowSpan", "rowspan")):
                if cell.get(source, "1") != "1":
                    written.set(span, cell.get(source, "1"))
            body = cell.find("{*}txBody")
            written.extend([] if body is None else blocks(body, Bullets(), part.relationships))
    return found
