"""Runs become phrases within a block: bold, italic, code, raised, linked; and lines are joined to one text."""

import re
from collections import Counter
from functools import cached_property

from lxml import etree

from tms.content.lessons.markup import append_text
from tms.content.pdf.lines import Line, needs_space
from tms.content.pdf.text import HYPHEN, Font, Run
from tms.content.safe_xml import Element

WORD = re.compile(r"[^\W\d_]{2,}(?:-[^\W\d_]{2,})?")
_SPACES = re.compile(r"\s+")


class Words:
    """How often each word stands within a line of the text, whole or with a hyphen; halves of divided words are none.

    They are counted when a line first ends with a hyphen, which in many texts none does.
    """

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    @cached_property
    def counts(self) -> Counter[str]:
        """By the word in small letters."""
        words: list[str] = []
        divided = False
        for line in self._lines:
            text = line.text
            found = WORD.findall(text.casefold())
            begins, divided = divided, text.rstrip()[-1:] in {HYPHEN, "-"}
            words += found[int(begins) : len(found) - int(divided)] if begins or divided else found
        return Counter(words)


def join_line(target: Element, start: str, words: Words) -> None:
    """Put the space between two lines, or take the hyphen away that divides a word."""
    leaf, attribute = _end_of(target)
    before = (getattr(leaf, attribute) or "").rstrip()
    if before.endswith(HYPHEN) or (before.endswith(("-", "\u2010")) and start[:1].islower()):
        head = (WORD.findall(before[:-1].rpartition(" ")[2]) or [""])[-1]
        tail = (WORD.findall(start) or [""])[0]
        keep = _has_hyphen(head.casefold(), tail.casefold(), words.counts)
        setattr(leaf, attribute, before[:-1] + ("-" if keep else ""))
    else:
        after = "" if _is_unspaced(before[-1:], start[:1]) else " "
        if leaf is target or (attribute == "tail" and leaf.getparent() is target):
            setattr(leaf, attribute, before + after)
        else:
            # What is bold, say, ends with the line; the space stands behind it.
            setattr(leaf, attribute, before)
            append_text(target, after)


def write_line(target: Element, line: Line, words: Words, *, first: bool, skip: int = 0) -> None:
    """Add a line to the text of a block, without its first `skip` signs; `first` lines have nothing before them."""
    if not first:
        join_line(target, line.text.lstrip(), words)
    previous: Run | None = None
    for piece in line.pieces:
        for run in piece.runs:
            text = run.text
            if skip:
                text, skip = text[skip:], max(0, skip - len(text))
            if previous is not None:
                text = _behind(previous, run, text)
            if first:
                text = text.lstrip()
            if text:
                first = False
                if "  " in text or not text.isprintable():
                    text = _SPACES.sub(" ", text)
                _write_run(target, run, text)
            previous = run


def _behind(previous: Run, run: Run, text: str) -> str:
    """The text of a run with one space before it, or none, as the one before it ends and as they stand."""
    if previous.text[-1:] == " ":
        return text.lstrip(" ")
    return f" {text}" if needs_space(previous, run) else text


def _has_hyphen(head: str, tail: str, words: Counter[str]) -> bool:
    """Whether the hyphen belongs to the word, as the rest of the text writes it; or joins two words that stand alone too."""
    whole, hyphened = words[f"{head}{tail}"], words[f"{head}-{tail}"]
    if whole or hyphened:
        return hyphened > whole
    return words[head] > 0 and words[tail] > 0


def strip_end(target: Element) -> None:
    """Take away the space with which a block ends."""
    leaf, attribute = _end_of(target)
    setattr(leaf, attribute, (getattr(leaf, attribute) or "").rstrip() or None)


def _write_run(target: Element, run: Run, text: str) -> None:
    """Add text with its font as elements; equal neighbours are one."""
    font = run.font
    if run.note:
        mark = etree.SubElement(target, "sup")
        etree.SubElement(mark, "a", href=f"#{run.note}").text = text.strip()
        mark.tail = " " if text.endswith(" ") else None
        return
    if not (font.mono or font.bold or font.italic or run.raised or run.href) or text.isspace():
        append_text(target, text)
        return
    names = ["a"] if run.href else []
    names += _elements(font, raised=run.raised)
    lead, core, trail = text[: len(text) - len(text.lstrip())], text.strip(), text[len(text.rstrip()) :]
    last = target[-1] if len(target) else None
    if (
        last is not None
        and last.get("href", "") == run.href
        and _chain(last) == names
        and not (last.tail or "").strip()
    ):
        inner = last
        while len(inner):
            inner = inner[-1]
        inner.text = f"{inner.text or ''}{last.tail or ''}{lead}{core}"
        last.tail = trail or None
        return
    append_text(target, lead)
    parent = target
    for name in names:
        parent = etree.SubElement(parent, name)
    if run.href:
        target[-1].set("href", run.href)
    parent.text = core
    target[-1].tail = trail or None


def _elements(font: Font, *, raised: bool) -> list[str]:
    names = [name for name, wanted in (("sup", raised), ("strong", font.bold), ("em", font.italic)) if wanted]
    return ["code"] if font.mono else names


def _chain(element: Element) -> list[str]:
    names = [str(element.tag)]
    while len(element) == 1 and not element.text:
        element = element[0]
        names.append(str(element.tag))
    return names


def _end_of(element: Element) -> tuple[Element, str]:
    """Where the last text of the element stands: an element and which of its two texts."""
    if not len(element):
        return element, "text"
    last = element[-1]
    if last.tail:
        return last, "tail"
    return _end_of(last) if last.tag not in {"img", "br"} else (last, "tail")


def _is_unspaced(before: str, after: str) -> bool:
    """Between signs of Han, Kana and the like a line's end is no space."""
    return (
        bool(before)
        and bool(after)
        and all("\u3000" <= sign <= "\u9fff" or "\uf900" <= sign <= "\uffef" for sign in (before, after))
    )
