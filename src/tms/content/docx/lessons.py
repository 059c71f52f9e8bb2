"""Divides a document at its highest headings into lessons, and makes each complete in itself: notes, links, headings."""

import copy
import re
import unicodedata
from dataclasses import dataclass, field

from lxml import etree

from tms.content.docx.conversion import ID_PREFIX
from tms.content.docx.markup import HEADINGS, text_of, unwrap
from tms.content.docx.package import Element

TITLE_LIMIT = 255
WORDS_PER_MINUTE = 200
INTRODUCTION = "Introduction"
_NOTE_ID = re.compile(rf"{ID_PREFIX}(footnote|endnote)-\d+")
_NOTE_LINK = re.compile(rf"#({ID_PREFIX}(?:footnote|endnote)-\d+)")
_MEDIA = re.compile(r"media:(\d+)")
_DIRECTION_CONTROLS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_WORD = re.compile(r"\w+")
# Han, Kana and Hangul are written without spaces; about two characters make a word.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


@dataclass(slots=True)
class Lesson:
    """One lesson; `html` is not sanitised yet; it names pictures as `media:N`, N counted from 1 (`pictures` lists them)."""

    title: str
    html: str
    words: int
    minutes: int
    pictures: list[int]


@dataclass(slots=True)
class Division:
    """A document divided: its own title if it has one, its lessons, and what an author should look at."""

    title: str | None
    lessons: list[Lesson] = field(default_factory=list)
    byline: str = ""
    lost_links: int = 0


@dataclass(slots=True)
class _Draft:
    heading: Element | None
    body: list[Element] = field(default_factory=list)


def divide(root: Element, name: str) -> Division:
    """The lessons of a tidied document; one that has no headings is a lesson called by its title or else `name`."""
    division = Division(_take_title(root))
    notes = _take_notes(root)
    level = next((tag for tag in HEADINGS if any(_is_divider(child, tag) for child in root)), None)
    drafts = _drafts(root, level)
    shift = 0 if level is None else HEADINGS.index(level)
    for draft in drafts:
        if draft.heading is None and not _has_text(draft.body):
            division.byline = " ".join(title_of(element) for element in draft.body if title_of(element))
            continue
        title = division.title or name if level is None else INTRODUCTION
        division.lessons.append(_finish(draft, title, shift, notes, division))
    return division


def _take_title(root: Element) -> str | None:
    """The first paragraph styled as title; further ones are ordinary text."""
    found = None
    for paragraph in [child for child in root if child.get("class") == "title"]:
        del paragraph.attrib["class"]
        if found is None and title_of(paragraph):
            found = shorten(title_of(paragraph))
            if found == title_of(paragraph) and next(paragraph.iter("img"), None) is None:
                root.remove(paragraph)
    return found


def _take_notes(root: Element) -> dict[str, Element]:
    """All footnotes and endnotes by id; the converter lists them at the end of the document."""
    if len(root) == 0 or root[-1].tag != "ol":
        return {}
    items = list(root[-1])
    if not items or not all(_NOTE_ID.fullmatch(item.get("id", "")) for item in items):
        return {}
    root.remove(root[-1])
    return {item.get("id", ""): item for item in items}


def _is_divider(element: Element, tag: str) -> bool:
    return element.tag == tag and bool(title_of(element))


def _drafts(root: Element, level: str | None) -> list[_Draft]:
    drafts = [_Draft(None)]
    for child in list(root):
        if level is not None and _is_divider(child, level):
            drafts.append(_Draft(child, _pictures_of_heading(child)))
        else:
            drafts[-1].body.append(child)
    return drafts if drafts[0].body else drafts[1:]


def _pictures_of_heading(heading: Element) -> list[Element]:
    kept = []
    for picture in list(heading.iter("img")):
        paragraph = etree.Element("p")
        shown = copy.copy(picture)
        shown.tail = None
        paragraph.append(shown)
        kept.append(paragraph)
    return kept


def _has_text(body: list[Element]) -> bool:
    """Whether there is more than the names and dates of a title page."""
    return any(
        element.get("class") != "byline"
        and (text_of(element).strip() or next(element.iter("img"), None) is not None)
        for element in body
    )


def title_of(element: Element) -> str:
    """The element's text on one line, without control characters and marks of footnotes."""
    bare = copy.deepcopy(element)
    bare.tail = None
    for mark in list(bare.iter("sup")):
        if any(_NOTE_LINK.fullmatch(link.get("href", "")) for link in mark.iter("a")):
            for child in list(mark):
                mark.remove(child)
            mark.text = None
    for line_end in bare.iter("br"):
        line_end.text = " "
    return plain_line(text_of(bare))


def plain_line(text: str) -> str:
    """The text on one line, composed (NFC), without control characters and direction marks."""
    visible = "".join(
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp"} else character
        for character in _DIRECTION_CONTROLS.sub("", text)
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


def _finish(draft: _Draft, title: str, shift: int, notes: dict[str, Element], division: Division) -> Lesson:
    lesson = etree.Element("div")
    if draft.heading is not None:
        full = title_of(draft.heading)
        title = shorten(full)
        if title != full or draft.heading.find(".//a[@href]") is not None:
            # What the title cannot hold (its end, a link, a note) stays at the top of the lesson.
            draft.heading.tag = "p"
            lesson.append(draft.heading)
    lesson.extend(draft.body)
    _raise_headings(lesson, shift)
    _bring_notes(lesson, notes)
    division.lost_links += _keep_links_inside(lesson)
    for element in lesson.iter("p"):
        element.attrib.pop("class", None)
    words = count_words(f"{title} {text_of(lesson)}")
    html = _write(lesson)
    shown = sorted({int(number) for number in _MEDIA.findall(" ".join(_sources(lesson)))})
    return Lesson(title, html, words, max(1, round(words / WORDS_PER_MINUTE)), shown)


def _raise_headings(lesson: Element, shift: int) -> None:
    """Below the lesson's title, which is a heading of the first level, sub-headings begin with the second."""
    for heading in list(lesson.iter(*HEADINGS)):
        level = HEADINGS.index(heading.tag) + 1
        heading.tag = HEADINGS[max(1, level - shift - 1)]


def _bring_notes(lesson: Element, notes: dict[str, Element]) -> None:
    """Each lesson carries the notes that it refers to, numbered from 1."""
    listed: list[str] = []
    for link in lesson.iter("a"):
        match = _NOTE_LINK.fullmatch(link.get("href", ""))
        if match is None or match[1] not in notes:
            continue
        if match[1] not in listed:
            listed.append(match[1])
        link.text = f"[{listed.index(match[1]) + 1}]"
    if listed:
        etree.SubElement(lesson, "hr")
        items = etree.SubElement(lesson, "ol")
        for name in listed:
            items.append(copy.deepcopy(notes[name]))


def _keep_links_inside(lesson: Element) -> int:
    """Links within the document work where their target is in the same lesson; others leave their text."""
    anchors = {element.get("id") for element in lesson.iter() if element.get("id")}
    used = set()
    lost = 0
    for link in list(lesson.iter("a")):
        target = link.get("href", "")
        if not target.startswith("#"):
            continue
        if target[1:] in anchors:
            used.add(target[1:])
        else:
            lost += 1
            link.attrib.pop("href")
    for anchor in list(lesson.iter("a")):
        if anchor.get("id") not in used:
            anchor.attrib.pop("id", None)
        if not anchor.attrib:
            unwrap(anchor)
    return lost


def _sources(lesson: Element) -> list[str]:
    return [picture.get("src", "") for picture in lesson.iter("img")]


def _write(lesson: Element) -> str:
    return "".join(etree.tostring(child, encoding="unicode", method="html") for child in lesson)


def count_words(text: str) -> int:
    """Words as a reader counts them; of scripts without spaces two characters count as one."""
    unspaced = len(_UNSPACED.findall(text))
    return len(_WORD.findall(_UNSPACED.sub(" ", text))) + (unspaced + 1) // 2
