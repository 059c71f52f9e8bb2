"""What of a web page is meant to be read: menus, scripts, forms and hidden parts go, and `main` counts where there is one."""

import re
from collections import Counter

from tms.content.lessons.markup import replace_by_text, text_of
from tms.content.safe_xml import Element

_SILENT = (
    "script", "style", "noscript", "template", "nav", "head", "link", "meta", "base", "title", "button", "datalist",
    "dialog", "menu", "colgroup", "col", "rp",
)  # fmt: skip
_COUNTED = {
    "iframe": "part", "object": "part", "embed": "part", "applet": "part", "canvas": "chart",
    "input": "form", "select": "form", "textarea": "form",
}  # fmt: skip
_SILENT_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "menubar", "dialog"})
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_LEAST_SHARE = 0.5
"""Of the page's text, what `main` must hold to be taken for the whole of it."""


def select(body: Element) -> tuple[Element, Counter[str]]:
    """The element that holds what people read, cleaned in place, and what was left out of it."""
    left_out: Counter[str] = Counter()
    for element in list(body.iter("input")):
        if element.get("type", "").lower() == "checkbox":
            replace_by_text(element, "☑ " if element.get("checked") is not None else "☐ ")
    for element in list(body.iter(*_SILENT)):
        remove(element)
    for element in list(body.iter("*")):
        if element is not body and _is_hidden(element):
            left_out["hidden"] += bool(text_of(element).strip())
            remove(element)
        elif element.get("role", "").lower() in _SILENT_ROLES:
            remove(element)
    for element in list(body.iter(*_COUNTED)):
        if element.get("type", "").lower() != "hidden":
            left_out[_COUNTED[str(element.tag)]] += 1
        remove(element)
    return _main(body), left_out


def remove(element: Element) -> None:
    """Take the element out, but not the text behind it."""
    if element.getparent() is not None:
        for child in list(element):
            element.remove(child)
        element.text = None
        replace_by_text(element, "")


def _is_hidden(element: Element) -> bool:
    return element.get("hidden") is not None or bool(_HIDDEN.search(element.get("style", "")))


def _main(body: Element) -> Element:
    for found in (body.findall(".//main"), body.findall(".//article")):
        if len(found) == 1 and len(text_of(found[0])) >= _LEAST_SHARE * len(text_of(body)):
            return found[0]
    for name in ("header", "footer", "aside"):
        # What stands around the text of a whole page; within an article it belongs to the text.
        for element in list(body.iterchildren(name)):
            if name != "header" or next(element.iter("h1"), None) is None:
                remove(element)
    return body
