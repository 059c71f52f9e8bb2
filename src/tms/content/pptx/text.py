"""Text of shapes (DrawingML, ECMA-376 part 1, 21.1.2) as paragraphs, lists and code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from tms.content.docx.formulas import one_line
from tms.content.docx.styles import is_monospaced
from tms.content.lessons.markup import append_text, text_of
from tms.content.opc import Relationship
from tms.content.safe_xml import Element, local

_REFERENCE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_DEEPEST = 8
_SWITCHES = (("b", "strong"), ("i", "em"))


@dataclass(frozen=True, slots=True)
class Bullets:
    """Which bullets paragraphs have that name none themselves: the shape's own styles, then its layout's, then `default`."""

    styles: tuple[Element, ...] = ()
    default: str | None = None

    def of(self, paragraph: Element, level: int) -> tuple[str | None, str]:
        """`ul`, `ol` or None, and where the numbers begin."""
        own = paragraph.find("{*}pPr")
        for properties in (own, *(style.find(f"{{*}}lvl{level + 1}pPr") for style in self.styles)):
            if properties is None:
                continue
            for child in properties:
                if (kind := local(child)) in _BULLETS:
                    return _BULLETS[kind], child.get("startAt", "1")
        return self.default, "1"


_BULLETS = {"buNone": None, "buChar": "ul", "buBlip": "ul", "buAutoNum": "ol"}


def blocks(body: Element, bullets: Bullets, relationships: Mapping[str, Relationship]) -> list[Element]:
    """The paragraphs of a body of text as blocks of HTML."""
    holder = etree.Element("div")
    for paragraph in body.iterchildren("{*}p"):
        level = _level(paragraph)
        kind, start = bullets.of(paragraph, level)
        inline = _inline(paragraph, relationships)
        if not text_of(inline).strip():
            continue
        if kind is not None:
            _place(holder, kind, level, inline, start)
        elif _is_code(paragraph):
            _add_code(holder, inline)
        else:
            inline.tag = "p"
            holder.append(inline)
    return list(holder)


def plain(body: Element) -> str:
    """The text on one line."""
    lines = []
    for paragraph in body.iterchildren("{*}p"):
        inline = _inline(paragraph, {})
        for line_end in inline.iter("br"):
            line_end.text = " "
        lines.append(text_of(inline))
    return " ".join(" ".join(lines).split())


def is_number_of_slide(body: Element) -> bool:
    """Whether it says on which slide or on which day one is, and no more than a word beside it."""
    fields = [field.get("type", "") for field in body.iter("{*}fld")]
    words = sum(len((run.findtext("{*}t") or "").split()) for run in body.iter("{*}r"))
    return any(kind.startswith(("slidenum", "datetime")) for kind in fields) and words <= 1


def _level(paragraph: Element) -> int:
    properties = paragraph.find("{*}pPr")
    value = "0" if properties is None else properties.get("lvl", "0")
    return min(int(value), _DEEPEST) if value.isdecimal() and len(value) < 4 else 0


def _place(holder: Element, kind: str, level: int, item: Element, start: str) -> None:
    """Put an item into the list that is open at its level, nested below the last item of the list above."""
    item.tag = "li"
    parent = holder
    for _ in range(level):
        last = _last(parent)
        below = None if last is None or last.tag not in {"ul", "ol"} else _last(last)
        if below is None:
            break
        parent = below
    listed = _last(parent)
    if listed is None or listed.tag != kind or listed.tail or listed.get("start", "1") != start:
        listed = etree.SubElement(parent, kind, {} if start == "1" else {"start": start})
    listed.append(item)


def _last(element: Element) -> Element | None:
    return next(element.iterchildren(reversed=True), None)


def _add_code(holder: Element, inline: Element) -> None:
    """Lines of code that follow each other are one block; a paragraph of several lines is a block of its own."""
    line_ends = list(inline.iter("br"))
    for line_end in line_ends:
        line_end.text = "\n"
    written = text_of(inline)
    kind = "block" if line_ends else "line"
    last = _last(holder)
    if kind == "line" and last is not None and last.get("class") == "line":
        append_text(last[0], "\n" + written)
        return
    etree.SubElement(etree.SubElement(holder, "pre", {"class": kind}), "code").text = written


def _is_code(paragraph: Element) -> bool:
    """Whether all of its words are written in a typewriter's letters."""
    runs = [run for run in paragraph.iterchildren("{*}r") if (run.findtext("{*}t") or "").strip()]
    return bool(runs) and all(_typewritten(run) for run in runs) and paragraph.find("{*}fld") is None


def _typewritten(run: Element) -> bool:
    font = run.find("{*}rPr/{*}latin")
    return font is not None and is_monospaced(font.get("typeface", ""))


def _inline(paragraph: Element, relationships: Mapping[str, Relationship]) -> Element:
    holder = etree.Element("span")
    code = _is_code(paragraph)
    for part in _parts(paragraph):
        match local(part):
            case "br":
                etree.SubElement(holder, "br")
            case "oMath":
                append_text(holder, one_line(part))
            case "r" | "fld":
                _add_run(holder, part, relationships, code=code)
    return holder


def _parts(paragraph: Element) -> Iterator[Element]:
    for child in paragraph:
        if local(child) == "AlternateContent":
            chosen = child.find("{*}Choice")
            yield from () if chosen is None else _parts(chosen)
        elif local(child) in {"m", "oMathPara"}:
            yield from child.iter("{*}oMath")
        else:
            yield child


def _add_run(holder: Element, run: Element, relationships: Mapping[str, Relationship], *, code: bool) -> None:
    words = (run.findtext("{*}t") or "").replace("\v", " ").replace("_x000D_", "")
    if not words:
        return
    properties = run.find("{*}rPr")
    elements = [] if properties is None else _elements(properties, relationships, code=code)
    if not words.strip():
        elements = []
    target = holder
    for element in elements:
        target.append(element)
        target = element
    append_text(target, words)


def _elements(properties: Element, relationships: Mapping[str, Relationship], *, code: bool) -> list[Element]:
    """What the run's text stands in, from the outside to the inside."""
    found = []
    link = properties.find("{*}hlinkClick")
    if link is not None:
        relationship = relationships.get(link.get(f"{_REFERENCE}id", ""))
        if relationship is not None and relationship.external:
            found.append(etree.Element("a", href=relationship.target))
    found += [etree.Element(tag) for switch, tag in _SWITCHES if properties.get(switch) in {"1", "true"}]
    if link is None and properties.get("u", "none") != "none":
        found.append(etree.Element("u"))
    if properties.get("strike", "noStrike") != "noStrike":
        found.append(etree.Element("s"))
    baseline = properties.get("baseline", "0")
    if baseline not in {"0", "0%"}:
        found.append(etree.Element("sub" if baseline.startswith("-") else "sup"))
    font = properties.find("{*}latin")
    if not code and font is not None and is_monospaced(font.get("typeface", "")):
        found.append(etree.Element("code"))
    return found
