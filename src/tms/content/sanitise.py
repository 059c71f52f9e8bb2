"""The HTML that lessons may consist of. Everything else is taken out; text always stays."""

import re

import nh3

_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href", "id"},
    "img": {"src", "alt"},
    "li": {"id", "value"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_BLOCKS = {"blockquote", "dd", "dl", "dt", "figcaption", "figure", "hr", "li", "ol", "p", "pre", "ul"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TABLES = {"caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
_INLINE = {"a", "b", "br", "code", "em", "i", "img", "kbd", "mark", "s", "strong", "sub", "sup", "u"}
_VALUES = {
    ("a", "href"): re.compile(r"https?://\S+|mailto:\S+|#doc-[\w:.%-]+", re.IGNORECASE),
    ("img", "src"): re.compile(r"media:[0-9a-f-]{1,36}"),
    "id": re.compile(r"doc-[\w:.-]+"),
    "dir": re.compile(r"rtl|ltr|auto"),
    "lang": re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*"),
    "scope": re.compile(r"col|row|colgroup|rowgroup"),
    "number": re.compile(r"-?\d{1,6}"),
}
_NUMBERS = frozenset({"colspan", "rowspan", "start", "value"})


def _keep(tag: str, attribute: str, value: str) -> str | None:
    pattern = _VALUES.get((tag, attribute)) or _VALUES.get("number" if attribute in _NUMBERS else attribute)
    if pattern is None:
        return value
    return value if pattern.fullmatch(value.strip()) else None


_CLEANER = nh3.Cleaner(
    tags=_BLOCKS | _HEADINGS | _TABLES | _INLINE,
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    attribute_filter=_keep,
    url_schemes={"http", "https", "mailto", "media"},
    link_rel="noopener noreferrer",
)


def clean(html: str) -> str:
    """The HTML with allowed elements and attributes only: links to http, https, mailto and within the lesson
    (`#doc-...`), pictures by `media:` and a number or an id. Cleaning twice changes nothing more.
    """
    return str(_CLEANER.clean(html))
