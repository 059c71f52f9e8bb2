"""A workbook becomes a lesson for each sheet that is shown. Formulas are never worked out: their last result is taken."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import python_calamine
from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from tms.content import archive
from tms.content.errors import CorruptDocumentError, DocumentTooComplexError, EncryptedDocumentError
from tms.content.lessons import division, warnings
from tms.content.lessons.document import Document, Manuscript, Source
from tms.content.sniff import Kind
from tms.content.tables import xls_looks, xlsx_looks
from tms.content.tables.looks import Looks
from tms.content.tables.rendering import ROWS_LIMIT, Book, Merged, Sheet, title_of, too_many_sheets
from tms.content.tables.xlsx_looks import column_number

_AREA_LIMIT = 4_000_000
_ROWS_OF_EXCEL = 1_048_576
_COLUMNS_OF_EXCEL = 16_384
_CHUNK = 1024 * 1024
_OVERLAP = 512
# A cell that holds something is no empty element (ECMA-376 part 1, 18.3.1.4).
_CELL = re.compile(
    rb"<(?:\w{1,20}:)?c\s(?:[^<>]{0,200}\s)?r=[\"']([A-Z]{1,9})([0-9]{1,12})[\"'][^<>]{0,200}(?<!/)>"
)


def read(source: Source) -> Document:
    """The lessons of an Excel workbook; raises a `DocumentError`."""
    looks = _look_over(source)
    try:
        with CalamineWorkbook.from_path(source.path) as workbook:
            book = _read(workbook, source, looks)
    except python_calamine.PasswordError as error:
        raise EncryptedDocumentError from error
    except (python_calamine.CalamineError, OSError, ValueError, OverflowError) as error:
        raise CorruptDocumentError from error
    if source.kind is Kind.XLSM:
        book.warnings.append(warnings.MACROS)
    return division.compose(Manuscript(book.root, warnings=book.warnings), source)


def _read(workbook: CalamineWorkbook, source: Source, looks: Mapping[str, Looks]) -> Book:
    book = Book()
    sheets = workbook.sheets_metadata
    if len(sheets) > division.LESSONS_LIMIT:
        raise too_many_sheets(len(sheets))
    for number, sheet in enumerate(sheets, start=1):
        if sheet.visible is not SheetVisibleEnum.Visible:
            book.warnings.append(f"The sheet “{sheet.name}” is hidden and was left out.")
        elif sheet.typ is not SheetTypeEnum.WorkSheet:
            book.warnings.append(f"“{sheet.name}” is no table and was left out.")
        else:
            title = title_of(sheet.name, source.filename, alone=len(sheets) == 1)
            own = looks.get(sheet.name, Looks())
            book.add(_sheet(title, workbook.get_sheet_by_name(sheet.name), own))
        source.report(0.2 + 0.5 * number / len(sheets), f"Reading sheet {number} of {len(sheets)}")
    return book


def _sheet(title: str, sheet: CalamineSheet, looks: Looks) -> Sheet:
    top, left = sheet.start or (0, 0)
    merged = [
        Merged(max(0, first[0] - top), max(0, first[1] - left), last[0] - top, last[1] - left)
        for first, last in sheet.merged_cell_ranges or []
    ]
    from_first_cell = Looks(
        {(row - top, column - left): code for (row, column), code in looks.codes.items()},
        {row - top for row in looks.hidden_rows},
        {column - left for column in looks.hidden_columns},
    )
    return Sheet(title, sheet.to_python(nrows=ROWS_LIMIT), sheet.height, merged, from_first_cell)


def _look_over(source: Source) -> dict[str, Looks]:
    """Refuse what would grow beyond measure: the library lays out every cell between the first and the last.

    Gives how cells look by the names of their sheets, which the library does not tell.
    """
    if source.kind is Kind.XLS:
        looks, reach = xls_looks.read(source.path)
        for name, (row, column) in reach.items():
            _check_area(name, row, column)
        return looks
    archive.inspect_office(source.path)
    with zipfile.ZipFile(source.path) as package:
        for name in package.namelist():
            if name.lower().endswith(".xml") and "/worksheets/" in name.lower():
                _check_area(Path(name).stem, *_reach(package, name))
    return xlsx_looks.read(source.path)


def _reach(package: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """The last row and the last column with a cell that holds something, from 1."""
    last_row, last_column = 0, 0
    rest = b""
    try:
        with package.open(name) as part:
            while chunk := part.read(_CHUNK):
                text = rest + chunk
                for column, row in _CELL.findall(text):
                    last_row = max(last_row, int(row))
                    last_column = max(last_column, column_number(column))
                rest = text[-_OVERLAP:]
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise CorruptDocumentError from error
    if last_row > _ROWS_OF_EXCEL or last_column > _COLUMNS_OF_EXCEL:
        raise CorruptDocumentError
    return last_row, last_column


def _check_area(name: str, last_row: int, last_column: int) -> None:
    if last_row * last_column > _AREA_LIMIT:
        raise DocumentTooComplexError(
            f"The sheet {name} reaches to row {last_row:,} and column {last_column:,}; "
            "delete what stands far outside of the table, save it again and upload that file."
        )
