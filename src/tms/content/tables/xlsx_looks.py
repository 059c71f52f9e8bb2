"""How the cells of a newer Excel workbook look (ECMA-376 part 1, 18.3.1.4, 18.3.1.13, 18.3.1.73, 18.8.10 and 18.8.30)."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tms.content.errors import CorruptDocumentError
from tms.content.opc import OfficePackage
from tms.content.safe_xml import Element
from tms.content.tables.figures import BUILT_IN
from tms.content.tables.looks import Looks
from tms.content.tables.rendering import CELLS_LIMIT, ROWS_LIMIT

STYLES_LIMIT = 65_000
"""Excel has no more looks of cells."""
_FORMATS_LIMIT = 1000
_CHUNK = 256 * 1024
_OVERLAP = 512
_COLUMNS_LIMIT = 16_384
_TAG = re.compile(
    rb"<(?:\w{1,20}:)?(c|row|col)\s((?:[\w:]{1,20}=(?:\"[^\"<]{0,100}\"|'[^'<]{0,100}')\s?){1,20})(/?)>"
)
_ATTRIBUTE = re.compile(rb"(?:^|\s)(r|s|hidden|min|max)=[\"'](\w{1,10})[\"']")
_PLACE = re.compile(rb"([A-Z]{1,3})([0-9]{1,7})")
_ON = (b"1", b"true")
_R_IDS = ("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
          "{http://purl.oclc.org/ooxml/officeDocument/relationships}id")  # fmt: skip


def read(path: Path) -> dict[str, Looks]:
    """The looks of the sheets by their names; cells without a number format are left out.

    A damaged workbook has none: whoever reads its cells will say that it is.
    """
    try:
        with OfficePackage(path, main="xl/workbook.xml") as package:
            styles = _styles(package)
            # A book of more cells than this is either refused or wider than a page; its last ones are shown as they are.
            left = iter(range(2 * CELLS_LIMIT))
            names = dict(_sheets(package))
            # A part that several sheets name is read once.
            parts = {part: _looks(package, part, styles, left) for part in dict.fromkeys(names.values())}
            return {name: parts[part] for name, part in names.items()}
    except (CorruptDocumentError, zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError):
        return {}


def _sheets(package: OfficePackage) -> list[tuple[str, str]]:
    root = package.tree(package.main)
    relationships = package.relationships(package.main)
    found = []
    for sheet in () if root is None else root.iterfind("{*}sheets/{*}sheet"):
        reference = next((sheet.get(name, "") for name in _R_IDS if sheet.get(name)), "")
        relationship = relationships.get(reference)
        if relationship is not None and not relationship.external and relationship.target in package.names:
            found.append((sheet.get("name", ""), relationship.target))
    return found


def _styles(package: OfficePackage) -> dict[int, str]:
    """The number format of each look of cells that has one."""
    part = package.related("styles", "xl/styles.xml")
    root = None if part is None else package.tree(part)
    if root is None:
        return {}
    codes = BUILT_IN | _own_formats(root)
    looks = root.findall("{*}cellXfs/{*}xf")[:STYLES_LIMIT]
    numbers = [look.get("numFmtId", "0") for look in looks]
    return {
        at: codes[int(number)]
        for at, number in enumerate(numbers)
        if number.isascii() and number.isdigit() and len(number) < 7 and int(number) in codes
    }


def _own_formats(root: Element) -> dict[int, str]:
    found = {}
    for entry in root.findall("{*}numFmts/{*}numFmt")[:_FORMATS_LIMIT]:
        number = entry.get("numFmtId", "")
        if number.isascii() and number.isdigit() and len(number) < 7:
            found[int(number)] = entry.get("formatCode", "")
    return found


def _looks(package: OfficePackage, part: str, styles: dict[int, str], left: Iterator[int]) -> Looks:
    """Read as far as a page shows rows, counted from the first one with a cell, and while cells are `left` to be looked at."""
    found = Looks()
    first: int | None = None
    rest = b""
    with package.archive.open(part) as content:
        while chunk := content.read(_CHUNK):
            text = rest + chunk
            for kind, written, empty in _TAG.findall(text):
                attributes: dict[bytes, bytes] = dict(_ATTRIBUTE.findall(written))
                if kind == b"col":
                    _hide_columns(found, attributes)
                elif kind == b"row":
                    if attributes.get(b"hidden") in _ON and attributes.get(b"r", b"").isdigit():
                        found.hidden_rows.add(int(attributes[b"r"]) - 1)
                elif not empty and (place := _PLACE.fullmatch(attributes.get(b"r", b""))) is not None:
                    row = int(place[2]) - 1
                    first = row if first is None else first
                    if row >= first + ROWS_LIMIT or next(left, None) is None:
                        return found
                    style = attributes.get(b"s", b"")
                    code = styles.get(int(style)) if style.isdigit() else None
                    if code is not None:
                        found.codes[row, column_number(place[1]) - 1] = code
            rest = text[-_OVERLAP:]
    return found


def _hide_columns(looks: Looks, attributes: dict[bytes, bytes]) -> None:
    first, last = attributes.get(b"min", b""), attributes.get(b"max", b"")
    if attributes.get(b"hidden") in _ON and first.isdigit() and last.isdigit():
        looks.hidden_columns.update(range(int(first) - 1, min(int(last), _COLUMNS_LIMIT)))


def column_number(letters: bytes) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
