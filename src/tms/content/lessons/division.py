"""Divides a document at its highest headings into lessons, and makes each complete in itself: notes, links, headings.

This is the one place that decides what a lesson is, for every format. Nothing is lost: what stands before the first heading
becomes a lesson of its own, unless it is no more than the names and dates of a title page, which a warning then quotes.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from tms.content.errors import DocumentTooComplexError, NoContentError
from tms.content.lessons import markup, titles, warnings
from tms.content.lessons.document import (
    CONFIDENCE,
    DECLARED,
    PAGE,
    PAGE_END,
    Document,
    Lesson,
    Manuscript,
    Source,
)
from tms.content.lessons.markup import HEADINGS, unwrap
from tms.content.lessons.titles import shorten, title_of
from tms.content.safe_xml import Element

LESSONS_LIMIT = 1000
WORDS_PER_MINUTE = 200
INTRODUCTION = "Introduction"
_MEDIA = re.compile(r"media:(\d+)")
_WORD = re.compile(r"\w+")
# Han, Kana and Hangul are written without spaces; about two characters make a word.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


@dataclass(slots=True)
class _Draft:
    heading: Element | None
    body: list[Element] = field(default_factory=list)


def compose(manuscript: Manuscript, source: Source) -> Document:
    """The document that a manuscript is, its markup put in order and divided; raises a `DocumentError`."""
    source.report(0.7, "Dividing into lessons")
    left_out = manuscript.left_out + markup.tidy(manuscript.root)
    title = manuscript.title or _take_title(manuscript.root)
    level = _level(manuscript.root)
    drafts = _drafts(manuscript.root, level)
    byline = _take_byline(drafts)
    if len(drafts) > LESSONS_LIMIT:
        raise DocumentTooComplexError(
            f"The document has {len(drafts):,} first-level headings, more than {LESSONS_LIMIT:,}; "
            "divide it into several documents."
        )
    untitled = INTRODUCTION if level is not None else title or titles.name_of(source.filename)
    lessons = []
    for draft in drafts:
        lesson, lost_links = _finish(draft, untitled, level, manuscript.notes)
        left_out["across"] += lost_links
        lessons.append(lesson)
    if not any(lesson.html.strip() for lesson in lessons):
        raise NoContentError
    source.report(0.9, f"Found {len(lessons)} lessons")
    told = manuscript.warnings + warnings.of_left_out(left_out)
    if byline:
        told.append(f"Left out before the first heading: {shorten(byline)}")
    return Document(title, lessons, source.pictures.stored, told + warnings.of_lessons(lessons))


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


def _level(root: Element) -> int | None:
    """The highest level of headings that there is, 1 to 6."""
    found = [HEADINGS.index(child.tag) + 1 for child in root if child.tag in HEADINGS and title_of(child)]
    return min(found, default=None)


def _drafts(root: Element, level: int | None) -> list[_Draft]:
    drafts = [_Draft(None)]
    for child in list(root):
        if level is not None and child.tag == HEADINGS[level - 1] and title_of(child):
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


def _take_byline(drafts: list[_Draft]) -> str:
    """The names and dates of a title page, where nothing else stands before the first heading."""
    if not drafts or drafts[0].heading is not None or _has_text(drafts[0].body):
        return ""
    return " ".join(title_of(element) for element in drafts.pop(0).body if title_of(element))


def _has_text(body: list[Element]) -> bool:
    """Whether there is more than the names and dates of a title page."""
    return any(
        element.get("class") != "byline"
        and (markup.has_words(element) or next(element.iter("img", "audio", "video"), None) is not None)
        for element in body
    )


def _finish(draft: _Draft, title: str, level: int | None, notes: Mapping[str, Element]) -> tuple[Lesson, int]:
    """The lesson, and the number of links out of it that had to be given up."""
    lesson = etree.Element("div")
    heading = draft.heading
    pages = _pages([*([] if heading is None else [heading]), *draft.body])
    confidence = DECLARED if heading is None else float(heading.get(CONFIDENCE, DECLARED))
    if heading is not None:
        full = title_of(heading)
        title = shorten(full)
        if title != full or heading.find(".//a[@href]") is not None:
            # What the title cannot hold (its end, a link, a note) stays at the top of the lesson.
            heading.tag = "p"
            lesson.append(heading)
    lesson.extend(draft.body)
    _raise_headings(lesson, (level or 1) - 1)
    _bring_notes(lesson, notes)
    lost_links = _keep_links_inside(lesson)
    _keep_page_marks(lesson, pages[0])
    words = count_words(f"{title} {markup.running_text(lesson)}")
    return (
        Lesson(
            title=title,
            html=_write(lesson),
            words=words,
            minutes=max(1, round(words / WORDS_PER_MINUTE)),
            pictures=sorted(
                {int(number) for source in _sources(lesson) for number in _MEDIA.findall(source)}
            ),
            level=1 if heading is None else level or 1,
            page_from=pages[0],
            page_to=pages[1],
            confidence=confidence,
        ),
        lost_links,
    )


def _pages(blocks: list[Element]) -> tuple[int | None, int | None]:
    found = [int(page) for block in blocks for page in (block.get(PAGE), block.get(PAGE_END)) if page]
    return min(found, default=None), max(found, default=None)


def _raise_headings(lesson: Element, shift: int) -> None:
    """Below the lesson's title, which is a heading of the first level, sub-headings begin with the second."""
    for heading in list(lesson.iter(*HEADINGS)):
        level = HEADINGS.index(heading.tag) + 1
        heading.tag = HEADINGS[max(1, level - shift - 1)]


def _bring_notes(lesson: Element, notes: Mapping[str, Element]) -> None:
    """Each lesson carries the notes that it refers to, numbered from 1."""
    listed: list[str] = []
    for link in lesson.iter("a"):
        name = link.get("href", "").removeprefix("#")
        if name not in notes:
            continue
        if name not in listed:
            listed.append(name)
        for child in list(link):
            link.remove(child)
        link.text = f"[{listed.index(name) + 1}]"
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


def _keep_page_marks(lesson: Element, first: int | None) -> None:
    """Of all marks only those stay that say where a later page than the lesson's first begins."""
    begun = []
    current = first or 0
    for block in lesson:
        page = int(block.get(PAGE) or 0)
        if page > current:
            begun.append((block, page))
            current = page
    _drop_marks(lesson)
    for block, page in begun:
        block.set(PAGE, str(page))


def _drop_marks(lesson: Element) -> None:
    for element in lesson.iter(etree.Element):
        for mark in ("class", PAGE, PAGE_END, CONFIDENCE):
            element.attrib.pop(mark, None)


def _sources(lesson: Element) -> list[str]:
    return [shown.get("src", "") for shown in lesson.iter("img", "audio", "video", "source")]


def _write(lesson: Element) -> str:
    return "".join(etree.tostring(child, encoding="unicode", method="html") for child in lesson)


def count_words(text: str) -> int:
    """Words as a reader counts them; of scripts without spaces two characters count as one."""
    if not _UNSPACED.search(text):
        return len(_WORD.findall(text))
    unspaced = len(_UNSPACED.findall(text))
    return len(_WORD.findall(_UNSPACED.sub(" ", text))) + (unspaced + 1) // 2
