"""The files of a book and the order in which they are read (EPUB 3.3, sections 4 and 5; EPUB 2's NCX)."""

import posixpath
import re
import zipfile
from dataclasses import dataclass
from urllib.parse import unquote

from tms.content.archive import Parts
from tms.content.errors import CorruptDocumentError, EncryptedDocumentError
from tms.content.lessons.titles import plain_line
from tms.content.safe_xml import Element, local, parse

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_RIGHTS = "META-INF/rights.xml"
# Fonts may be obfuscated in a book that anybody may read.
_FONT_METHODS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_DOCTYPE = re.compile(rb"<!DOCTYPE[^>\[]*>", re.IGNORECASE)
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})


@dataclass(frozen=True, slots=True)
class Item:
    """A file of the book, by its name in the archive."""

    name: str
    media_type: str
    properties: frozenset[str]


class Book:
    """The book in an open archive; raises `CorruptDocumentError` or `EncryptedDocumentError`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._parts = Parts(archive)
        self._names = self._parts.names
        self._refuse_encrypted()
        container = self._require(_CONTAINER)
        rootfile = next((element for element in container.iter("{*}rootfile")), None)
        self._package_name = unquote("" if rootfile is None else rootfile.get("full-path", ""))
        package = self._require(self._package_name)
        self._items = self._manifest(package)
        self.title = self._title(package)
        self.pages = self._spine(package)

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where it is missing."""
        return self._parts.read(name)

    def tree(self, name: str) -> Element | None:
        """The root of an XML file; a plain document type, which older files have, is passed over."""
        content = self.read(name)
        return None if content is None else parse(_DOCTYPE.sub(b"", content, count=1))

    def navigation(self) -> Item | None:
        """The file that lists the chapters: the navigation document, else the NCX."""
        items = self._items.values()
        found = next((item for item in items if "nav" in item.properties), None)
        return found or next((item for item in items if item.media_type == "application/x-dtbncx+xml"), None)

    def _require(self, name: str) -> Element:
        root = self.tree(name)
        if root is None:
            raise CorruptDocumentError
        return root

    def _refuse_encrypted(self) -> None:
        if _RIGHTS in self._names:
            raise EncryptedDocumentError(
                "The book is protected against copying (DRM); ask its publisher for a copy without."
            )
        listed = self.tree(_ENCRYPTION)
        if listed is None:
            return
        methods = [element.get("Algorithm", "") for element in listed.iter("{*}EncryptionMethod")]
        if any(method not in _FONT_METHODS for method in methods):
            raise EncryptedDocumentError(
                "The book is protected against copying (DRM); ask its publisher for a copy without."
            )

    def _manifest(self, package: Element) -> dict[str, Item]:
        return {
            element.get("id", ""): Item(
                resolve(self._package_name, element.get("href", "")),
                element.get("media-type", "").lower(),
                frozenset(element.get("properties", "").split()),
            )
            for element in package.iter("{*}item")
            if local(element) == "item"
        }

    def _title(self, package: Element) -> str | None:
        found = next(package.iter("{http://purl.org/dc/elements/1.1/}title"), None)
        return None if found is None else plain_line(found.text or "") or None

    def _spine(self, package: Element) -> list[Item]:
        """The pages in reading order, each once; what is outside of it (`linear="no"`) comes at its place too."""
        listed = [self._items.get(element.get("idref", "")) for element in package.iter("{*}itemref")]
        found = [item for item in listed if item is not None and item.media_type in _PAGES]
        return list(dict.fromkeys(item for item in found if item.name in self._names))


def resolve(base: str, reference: str) -> str:
    """The name in the archive of what the file `base` refers to, without a fragment."""
    path = unquote(reference.partition("#")[0])
    if not path:
        return base
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path)).lstrip("/")
