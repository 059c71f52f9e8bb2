"""Puts into plain HTML what only the converter of Word documents writes: boxes to tick, marks of numbers, lines of code."""

from tms.content.docx.preparation import START_MARK
from tms.content.lessons.markup import ID_PREFIX, append_text, replace_by_text, unwrap
from tms.content.safe_xml import Element

_MARK = f"{ID_PREFIX}{START_MARK}"


def settle(root: Element) -> None:
    """Rewrite the tree in place."""
    _settle_checkboxes(root)
    _number_lists(root)
    _join_code(root)
    for mark in [mark for mark in root.iter("sup") if next(mark.iterancestors("sup"), None) is not None]:
        # A reference to a note in a run that is itself set high, as LibreOffice writes it.
        unwrap(mark)
    for code in root.iter("pre"):
        _flatten_code(code)


def _settle_checkboxes(root: Element) -> None:
    for box in list(root.iter("input")):
        replace_by_text(box, "☑" if box.get("checked") else "☐")


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
        append_text(block, "\n" + (code.text or ""))
        block.extend(list(code))
        parent.remove(line)


def _flatten_code(block: Element) -> None:
    block.attrib.pop("class", None)
    for line_end in list(block.iter("br")):
        replace_by_text(line_end, "\n")
    code = block[0]
    for element in list(code.iter("code", "strong", "em", "u")):
        if element is not code:
            unwrap(element)
