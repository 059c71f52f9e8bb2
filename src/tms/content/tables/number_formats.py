"""Which number format each cell of a workbook has (ECMA-376 part 1, 18.3.1.4, 18.8.10 and 18.8.30)."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from tms.content.errors import CorruptDocumentError
from tms.content.opc import OfficePackage
from tms.content.safe_xml import Element
from tms.content.tables.figures import BUILT_IN
from tms.content.tables.rendering import CELLS_LIMIT, ROWS_LIMIT

Codes: TypeAlias = dict[tuple[int, int], str]
"""Number formats by row and column, both from 0."""

STYLES_LIMIT = 65_000
"""Excel has no more looks of cells."""
_FORMATS_LIMIT = 1000
_CHUNK = 256 * 1024
_OVERLAP = 512
_CELL = re.compile(rb'<(?:\w{1,20}:)?c\s((?:[\w:]{1,20}="[^"<]{0,100}"\s?){1,8})>')
_PLACE = re.compile(rb'(?:^|\s)r="([A-Z]{1,3})([0-9]{1,7})"')
_STYLE = re.compile(rb'(?:^|\s)s="([0-9]{1,6})"')
_R_IDS = ("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
          "{http://purl.oclc.org/ooxml/officeDocument/relationships}id")  # fmt: skip


def read(path: Path) -> dict[str, Codes]:
    """The formats of the cells that are shown, by the names of their sheets; cells without one are left out.

    A damaged workbook has none: whoever reads its cells will say that it is.
    """
    try:
        with OfficePackage(path, main="xl/workbook.xml") as package:
            styles = _styles(package)
            found: dict[str, Codes] = {}
            # A book of more cells than this is either refused or wider than a page; its last ones are shown as they are.
            left = iter(range(2 * CELLS_LIMIT if styles else 0))
            for name, part in _sheets(package):
                found[name] = _codes(package, part, styles, left)
            return found
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


def _codes(package: OfficePackage, part: str, styles: dict[int, str], left: Iterator[int]) -> Codes:
    """Read as far as a page shows rows, counted from the first one with a cell, and while cells are `left` to be looked at."""
    found: Codes = {}
    first: int | None = None
    rest = b""
    with package.archive.open(part) as content:
        while chunk := content.read(_CHUNK):
            text = rest + chunk
            for cell in _CELL.finditer(text):
                place = _PLACE.search(cell[1])
                style = _STYLE.search(cell[1])
                if place is None:
                    continue
                row = int(place[2]) - 1
                first = row if first is None else first
                if row >= first + ROWS_LIMIT or next(left, None) is None:
                    return found
                code = None if style is None else styles.get(int(style[1]))
                if code is not None:
                    found[row, column_number(place[1]) - 1] = code
            rest = text[-_OVERLAP:]
    return found


def column_number(letters: bytes) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
