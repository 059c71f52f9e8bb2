"""What a paragraph or a run is, told from its style: the style's name, its ancestors, its outline level and its font.

Built-in styles keep their English names in every language of Word; only their ids are translated.
"""

import re
from dataclasses import dataclass, field

from tms.content.docx.package import is_on, value_of
from tms.content.safe_xml import Element, local

BODY_LEVEL = 9
TITLE_BY_LOOK = "TmsTitle"
"""The style of a paragraph that was found to be the title without being marked as one."""
_HEADING = re.compile(r"heading ([1-9])")
_CONTENTS = re.compile(r"(toc|contents) (\d|heading)|table of figures|(contents|index) heading")
_MONOSPACED = frozenset(
    {
        "andale mono",
        "cascadia code",
        "cascadia mono",
        "consolas",
        "courier",
        "courier new",
        "dejavu sans mono",
        "fira code",
        "fira mono",
        "ibm plex mono",
        "inconsolata",
        "jetbrains mono",
        "liberation mono",
        "lucida console",
        "menlo",
        "monaco",
        "noto mono",
        "noto sans mono",
        "roboto mono",
        "sf mono",
        "source code pro",
        "ubuntu mono",
    }
)
# A paragraph of the first kind is a whole block of code; those of the second are its lines.
_ROLES = {
    "source code": "Block",
    "code block": "Line",
    "code": "Line",
    "html preformatted": "Line",
    "preformatted text": "Line",
    "program listing": "Line",
    "title": "Title",
    "subtitle": "Byline",
    "author": "Byline",
    "date": "Byline",
    "quote": "Quote",
    "intense quote": "Quote",
    "block text": "Quote",
    "quotations": "Quote",
    "caption": "Caption",
    "image caption": "Caption",
    "table caption": "TableCaption",
    "definition term": "Term",
    "definition": "Definition",
}
_CODE_RUNS = frozenset(
    {
        "code",
        "code char",
        "html code",
        "html keyboard",
        "html sample",
        "html typewriter",
        "inline code",
        "source text",
        "teletype",
        "verbatim char",
    }
)


@dataclass(frozen=True, slots=True)
class Style:
    """One style of the document; `outline` is 0 for a first-level heading, 9 for body text; `size` is in half points."""

    name: str
    based_on: str | None
    outline: int | None
    numbering: Element | None
    font: str | None
    bold: Element | None
    italic: Element | None
    size: int | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class StyleSheet:
    """All styles by id."""

    styles: dict[str, Style] = field(default_factory=dict)

    def lineage(self, style_id: str | None) -> list[Style]:
        """The style and its ancestors, nearest first, without the default style that every other rests on."""
        found: list[Style] = []
        seen: set[str] = set()
        while style_id is not None and style_id not in seen:
            seen.add(style_id)
            style = self.styles.get(style_id)
            if style is None:
                break
            if not style.is_default:
                found.append(style)
            style_id = style.based_on
        return found

    def heading_level(self, style_id: str | None) -> int | None:
        """1 for a first-level heading to 9; None for anything else."""
        lineage = self.lineage(style_id)
        if lineage and lineage[0].name == "heading":
            return 1
        for style in lineage:
            if style.outline is not None:
                return style.outline + 1 if style.outline < BODY_LEVEL else None
            if match := _HEADING.fullmatch(style.name):
                return int(match[1])
        # A document without the style's definition still says what it means by the id.
        if style_id is not None and style_id not in self.styles:
            match = re.fullmatch(r"heading ?([1-9])", style_id.lower())
            return int(match[1]) if match else None
        return None

    def is_contents(self, style_id: str | None) -> bool:
        """Whether the paragraph is a line of a table of contents."""
        return any(_CONTENTS.fullmatch(style.name) for style in self.lineage(style_id))

    def role(self, style_id: str | None) -> str | None:
        """`Block`, `Line`, `Title` and so on; None for ordinary text."""
        if style_id == TITLE_BY_LOOK:
            return "Title"
        for style in self.lineage(style_id):
            if style.name in _ROLES:
                return _ROLES[style.name]
            if is_monospaced(style.font):
                return "Line"
        return None

    def is_code_run(self, style_id: str | None) -> bool:
        """Whether a character style sets code."""
        return any(style.name in _CODE_RUNS or is_monospaced(style.font) for style in self.lineage(style_id))

    def emphasis(self, style_id: str | None) -> tuple[bool, bool]:
        """Whether a character style makes bold, and italic."""
        lineage = self.lineage(style_id)
        bold = next((style.bold for style in lineage if style.bold is not None), None)
        italic = next((style.italic for style in lineage if style.italic is not None), None)
        return is_on(bold), is_on(italic)


def is_monospaced(font: str | None) -> bool:
    """Whether the font is one that people set code in."""
    return font is not None and font.strip().lower() in _MONOSPACED


def font_of(properties: Element | None) -> str | None:
    """The Latin font that run properties name."""
    fonts = None if properties is None else properties.find("{*}rFonts")
    return value_of(fonts, "ascii")


def size_of(properties: Element | None) -> int | None:
    """The size in half points that run properties name."""
    size = None if properties is None else value_of(properties.find("{*}sz"))
    return int(size) if size is not None and size.isdecimal() and len(size) < 5 else None


def read_styles(root: Element | None) -> StyleSheet:
    """The styles part, or no styles where the document has none."""
    if root is None:
        return StyleSheet()
    styles = {}
    for element in root.iterchildren("{*}style"):
        style_id = value_of(element, "styleId")
        if style_id is not None:
            styles[style_id] = _read_style(element)
    return StyleSheet(styles)


def _read_style(element: Element) -> Style:
    outline = value_of(element.find("{*}pPr/{*}outlineLvl"))
    runs = element.find("{*}rPr")
    return Style(
        name=" ".join((value_of(element.find("{*}name")) or "").lower().split()),
        based_on=value_of(element.find("{*}basedOn")),
        outline=int(outline) if outline is not None and outline.isdecimal() else None,
        numbering=element.find("{*}pPr/{*}numPr"),
        font=font_of(runs),
        bold=_switch(runs, "b"),
        italic=_switch(runs, "i"),
        size=size_of(runs),
        is_default=value_of(element, "default") in {"1", "true", "on"},
    )


def _switch(properties: Element | None, name: str) -> Element | None:
    if properties is None:
        return None
    return next((child for child in properties if local(child) == name), None)
