"""The parts of an Office document and how they refer to each other (Open Packaging Conventions, ECMA-376 part 2)."""

import posixpath
import zipfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tms.content.archive import Parts
from tms.content.errors import CorruptDocumentError
from tms.content.safe_xml import Element, parse

R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
R_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"


class Relationship(NamedTuple):
    """Where a part's reference leads: to another part, or outside the document."""

    kind: str
    target: str
    external: bool


class OfficePackage:
    """Reads parts of the document at `path`; missing parts are None, damaged ones `CorruptDocumentError`.

    `main` is where the main part lies by custom, for documents that do not say where it is.
    """

    def __init__(self, path: Path, *, main: str) -> None:
        self.archive = zipfile.ZipFile(path)
        self._parts = Parts(self.archive)
        self.names = self._parts.names
        self.main = self._main_part(main)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.archive.close()

    def _main_part(self, custom: str) -> str:
        # Word on the web names the main part document2.xml now and then, so the package's relationship decides.
        for relationship in self._relationships_in("_rels/.rels", "").values():
            if relationship.kind == "officeDocument" and relationship.target in self.names:
                return relationship.target
        if custom in self.names:
            return custom
        raise CorruptDocumentError

    def read(self, name: str) -> bytes | None:
        """The unpacked bytes of a part."""
        return self._parts.read(name)

    def tree(self, name: str) -> Element | None:
        """The root element of an XML part."""
        content = self.read(name)
        return None if content is None else parse(content)

    def relationships(self, part: str) -> dict[str, Relationship]:
        """The references of a part by their id."""
        folder, base = posixpath.split(part)
        return self._relationships_in(posixpath.join(folder, "_rels", f"{base}.rels"), folder)

    def related(self, kind: str, fallback: str) -> str | None:
        """The name of the part that the main part refers to as `kind`, such as `footnotes`."""
        for relationship in self.relationships(self.main).values():
            if relationship.kind == kind and relationship.target in self.names:
                return relationship.target
        return fallback if fallback in self.names else None

    def _relationships_in(self, name: str, folder: str) -> dict[str, Relationship]:
        root = self.tree(name)
        if root is None:
            return {}
        found = {}
        for element in root.iter("{*}Relationship"):
            target = element.get("Target", "")
            external = element.get("TargetMode") == "External"
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            kind = element.get("Type", "").rpartition("/")[2]
            found[element.get("Id", "")] = Relationship(kind, target, external)
        return found
