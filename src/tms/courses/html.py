"""The HTML that lessons consist of: sanitised when it is written, with signed addresses of pictures when it is read.

Stored HTML names a picture, a sound or a video by its id, `media:<id>`. A browser cannot send a token with `<img>`, so what is read
carries an address that is signed for some minutes; and since people send back what they were given, such an address is
turned into `media:<id>` again when it is written.
"""

import re

import nh3

from tms.platform import signing
from tms.platform.settings import get_settings

MEDIA_PATH = "/api/v1/media/"
"""Where pictures are read; what is signed is this path with the id behind it."""
PAGE = "data-page"
"""On a block of a lesson that waits to be looked over: the number of the page that begins with it."""

_BLOCKS = {"blockquote", "details", "div", "figcaption", "figure", "hr", "p", "pre", "section", "summary"}
_LISTS = {"dd", "dl", "dt", "li", "ol", "ul"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TABLES = {"caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
_INLINE = {"a", "br", "code", "del", "em", "b", "i", "img", "ins", "kbd", "mark", "q", "s", "samp", "small"}
_INLINE |= {
    "abbr",
    "bdi",
    "bdo",
    "cite",
    "dfn",
    "rp",
    "rt",
    "ruby",
    "span",
    "strong",
    "sub",
    "sup",
    "time",
    "u",
    "var",
}
_PLAYED = {"audio", "video"}
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href", "id"},
    "abbr": {"title"},
    "audio": {"src", "controls", "preload"},
    "details": {"open"},
    "img": {"src", "alt"},
    "li": {"id", "value"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "video": {"src", "controls", "preload"},
}
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_STORED_PICTURE = re.compile(f"media:{_UUID}|https://[^\\s/?#@\\\\]+(?:[/?#]\\S*)?")
_EXTRACTED_PICTURE = re.compile(rf"media:(?:\d{{1,6}}|{_UUID})")
_OWN_ADDRESS = re.compile(rf"(?P<site>https?://[^/]+)?{MEDIA_PATH}(?P<id>{_UUID})(?:\?\S*)?")
# Ids begin with `doc-`, so that a lesson's marks never meet those of the page around it.
_VALUES = {
    "href": re.compile(r"https?://\S+|mailto:\S+|#doc-[\w:.%-]+", re.IGNORECASE),
    "id": re.compile(r"doc-[\w:.-]+"),
    "dir": re.compile(r"rtl|ltr|auto"),
    "lang": re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*"),
    "preload": re.compile("metadata|none"),
    "scope": re.compile(r"col|row|colgroup|rowgroup"),
    **dict.fromkeys(("colspan", "rowspan", "start", "value"), re.compile(r"-?\d{1,6}")),
    PAGE: re.compile(r"[1-9]\d{0,6}"),
}
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# What the sanitiser writes: every attribute is quoted and `<` is escaped in text and in values, so that this finds
# addresses of media only, never words that look like one.
_WRITTEN_PICTURE = re.compile(rf'(<(?:img|audio|video)(?: [a-z]+="[^"]*")*? src=")media:({_UUID})(?=")')


class Sanitised(str):
    """HTML as `sanitise` gave it: who is given it need not clean it again."""

    __slots__ = ()


def _picture(value: str, allowed: re.Pattern[str]) -> str | None:
    own = _OWN_ADDRESS.fullmatch(value)
    if own and own["site"] in {None, get_settings().public_url}:
        return f"media:{own['id']}"
    return value if allowed.fullmatch(value) else None


def _cleaner(pictures: re.Pattern[str], *, with_pages: bool = False) -> nh3.Cleaner:
    def keep(_: str, attribute: str, value: str) -> str | None:
        if attribute == "src":
            return _picture(value.strip(), pictures)
        pattern = _VALUES.get(attribute)
        return value if pattern is None or pattern.fullmatch(value.strip()) else None

    return nh3.Cleaner(
        tags=_BLOCKS | _LISTS | _HEADINGS | _TABLES | _INLINE | _PLAYED,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES | {"*": _ATTRIBUTES["*"] | {PAGE}} if with_pages else _ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "media"},
        link_rel="noopener noreferrer",
    )


_STORED = _cleaner(_STORED_PICTURE)
_WAITING = _cleaner(_STORED_PICTURE, with_pages=True)
_EXTRACTED = _cleaner(_EXTRACTED_PICTURE, with_pages=True)


def sanitise(html: str) -> Sanitised:
    """The HTML with allowed elements and attributes only; text always stays, apart from what no database stores.

    Links lead to http, https, mailto or within the lesson (`#doc-...`); pictures are `media:<id>` or https. Addresses
    that `with_signed_media` gave are turned back. Cleaning twice would change nothing more, and is not done. A long lesson takes
    some milliseconds for each 100 KB: not on the loop that serves others.
    """
    if isinstance(html, Sanitised):
        return html
    return Sanitised(_STORED.clean(_UNSTORABLE.sub("", html)))


def sanitise_waiting(html: str) -> str:
    """As `sanitise`, for a lesson of an outline: blocks keep the numbers of the pages that begin with them."""
    return str(_WAITING.clean(_UNSTORABLE.sub("", html)))


def sanitise_extracted(html: str) -> str:
    """As `sanitise_waiting`, for a document whose pictures have no ids yet: they are named `media:N`, none lies elsewhere."""
    return str(_EXTRACTED.clean(_UNSTORABLE.sub("", html)))


def with_signed_media(html: str) -> str:
    """Sanitised HTML with addresses of its pictures at which a browser can read them for the next minutes."""

    def address(found: re.Match[str]) -> str:
        return found[1] + signing.sign(MEDIA_PATH + found[2])

    return _WRITTEN_PICTURE.sub(address, html)
