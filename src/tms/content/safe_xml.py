"""Reads XML that somebody else made: without entities, network and document types; and the names that go with lxml."""

import re
from typing import TypeAlias

from lxml import etree

from tms.content.errors import CorruptDocumentError, DocumentTooComplexError

Element: TypeAlias = etree._Element  # noqa: SLF001  lxml names its element class only so
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""Signs that XML cannot hold, and the control that no text needs."""
_BEYOND_LIMITS = ("depth", "Resource limit", "allocation", "unknown error")


def parse(content: bytes) -> Element:
    """The root of an XML document; raises `CorruptDocumentError` or `DocumentTooComplexError`."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise refusal(error) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise CorruptDocumentError
    return root


def refusal(error: etree.XMLSyntaxError) -> CorruptDocumentError | DocumentTooComplexError:
    """What an author is told of XML that could not be read."""
    # libxml2 has no better name than "unknown error" for memory that it was refused.
    beyond = any(sign in str(error) for sign in _BEYOND_LIMITS)
    return DocumentTooComplexError() if beyond else CorruptDocumentError()


def local(element: Element) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]
