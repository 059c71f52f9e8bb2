"""Bytes of HTML or XHTML become one tree of elements with plain lower-case names."""

import codecs
import html.entities
import re

from lxml import etree
from lxml import html as lxml_html

from tms.content import encodings
from tms.content.errors import CorruptDocumentError, DocumentTooComplexError
from tms.content.safe_xml import NO_XML, Element, local, parse

DEEPEST = 200
"""Elements within elements; what people write has a tenth of it."""
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*(\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_REFERENCE = re.compile(r"&#([xX][0-9A-Fa-f]{1,8}|[0-9]{1,9});?")
_ATTRIBUTE = re.compile(r"(?:\{[^}]*\})?[A-Za-z_][\w.:-]*")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)


def parse_html(content: bytes) -> Element:
    """The `html` element of a web page; raises `CorruptDocumentError` or `DocumentTooComplexError`."""
    return parse_html_text(decode(content))


def parse_html_text(text: str) -> Element:
    """As `parse_html`, of text."""
    parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(_without_declaration(text).encode() or b"<html/>", parser)
    except etree.ParserError as error:
        raise CorruptDocumentError from error
    except etree.XMLSyntaxError as error:
        raise DocumentTooComplexError from error
    if root is None:
        raise CorruptDocumentError
    return _plain(root)


def parse_xhtml(content: bytes) -> Element:
    """The root element of an XHTML document; one that is not well-formed is read as HTML."""
    text = _ENTITY.sub(_character, _DOCTYPE.sub("", _without_declaration(decode(content)), count=1))
    try:
        return _plain(parse(text.encode()))
    except CorruptDocumentError:
        return parse_html_text(text)


def decode(content: bytes) -> str:
    """The text, in the encoding that the page declares, or that its bytes show."""
    declared = _CHARSET.search(content[:2048])
    if declared is not None and not content.startswith(encodings.BOMS):
        try:
            name = codecs.lookup(declared[1].decode("ascii")).name
            if not name.startswith("utf-16"):
                return content.decode("cp1252" if name in {"iso8859-1", "ascii"} else name)
        except (LookupError, UnicodeDecodeError):
            pass
    return encodings.decode(content)


def _without_declaration(text: str) -> str:
    """Text that was decoded must not be told another encoding; controls are no characters of a page."""
    return _REFERENCE.sub(_sign, _DECLARATION.sub("", NO_XML.sub("", text)))


def _sign(reference: re.Match[str]) -> str:
    """A reference to a sign by its number, unless no XML may hold that sign."""
    number = int(reference[1][1:], 16) if reference[1][0] in "xX" else int(reference[1])
    return "" if number > 0x10FFFF or NO_XML.match(chr(number)) else reference[0]


def _character(entity: re.Match[str]) -> str:
    if entity[1] in _XML_ENTITIES:
        return entity[0]
    return html.entities.html5.get(f"{entity[1]};", entity[0])


def _plain(root: Element) -> Element:
    """Names without namespaces, so that HTML and XHTML are alike; drawings and formulas keep theirs."""
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise DocumentTooComplexError
        if event != "end" or not isinstance(element.tag, str):
            continue
        for name in [name for name in element.attrib if not _ATTRIBUTE.fullmatch(str(name))]:
            del element.attrib[name]
        if element.tag.startswith("{") and "svg" not in element.tag:
            element.tag = local(element)
    return root
