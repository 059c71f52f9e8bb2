"""Workbooks and tables as text that are larger than they look, or in no known encoding."""

import io

import openpyxl

from tests.content.spreadsheets import cell, label, ods, row, xls
from tests.corpus import material
from tests.corpus.hostile.case import (
    COMPLEX,
    CORRUPT,
    ENCRYPTED,
    LARGE,
    MISMATCH,
    NOTHING,
    READ,
    UNSUPPORTED,
    Case,
)
from tests.corpus.material import members, saved, with_parts

ENTITY = '<!DOCTYPE a [<!ENTITY a "text">]>'
SHEET = "xl/worksheets/sheet1.xml"


def book(fill):
    def make():
        workbook = openpyxl.Workbook()
        fill(workbook)
        return saved(workbook.save)

    return make


def cells(**values):
    def fill(workbook):
        for place, value in values.items():
            workbook.active[place] = value

    return book(fill)


def rewritten(change):
    def make():
        content = material.xlsx_file()
        return with_parts(content, **{SHEET: change(members(content)[SHEET].decode())})

    return make


def wide(workbook):
    workbook.active.append([f"column {n}" for n in range(16_000)])


def long(workbook):
    sheet = workbook.create_sheet("Long")
    for number in range(20_000):
        sheet.append([number, "text"])


def merged(workbook):
    workbook.active["A1"] = "head"
    workbook.active["A3"] = "below"
    workbook.active.merge_cells("A1:C2")


def hidden(workbook):
    workbook.active["A1"] = "shown"
    workbook.create_sheet("Secret")["A1"] = "hidden-secret"
    workbook["Secret"].sheet_state = "hidden"


def many_sheets(workbook):
    for number in range(1500):
        workbook.create_sheet(f"s{number}")["A1"] = number


def shared_strings():
    text = "".join(f"<si><t>{n}</t></si>" for n in range(900_000))
    head = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    return with_parts(material.xlsx_file(), **{"xl/sharedStrings.xml": head + text + "</sst>"})


def shared_index_lies(text):
    return text.replace('t="inlineStr"><is><t>Name</t></is>', 't="s"><v>99999999</v>', 1)


FAR = '</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
ROW_LIES = '</row><row r="4294967295"><c r="ZZZZZZ4294967295"><v>1</v></c></row></sheetData>'
SWELLING = '<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'


def workbooks():
    yield "far cell", rewritten(lambda text: text.replace("</row></sheetData>", FAR)), COMPLEX
    yield "impossible cell", rewritten(lambda text: text.replace("</row></sheetData>", ROW_LIES)), CORRUPT
    yield "dimension lies", rewritten(lambda text: text.replace('ref="A1:B4"', 'ref="A1:XFD1048576"')), READ
    yield (
        "merged everything",
        rewritten(lambda text: text.replace("</sheetData>", "</sheetData>" + SWELLING)),
        READ,
    )
    yield "sixteen thousand columns", book(wide), READ
    yield "twenty thousand rows", book(long), READ
    yield "shared strings", shared_strings, READ
    yield "shared string missing", rewritten(shared_index_lies), CORRUPT
    yield "formula", cells(A1="=1+1", A2="=cmd|' /C calc'!A0", A3="text"), READ
    yield "errors", cells(A1="#REF!", A2="#DIV/0!", A3="text"), READ
    yield "formula of the web", cells(A1='=WEBSERVICE("http://127.0.0.1:9/")', A2="text"), READ
    yield "merged", book(merged), READ
    yield "hidden", book(hidden), READ
    yield "empty", book(lambda _: None), NOTHING
    yield "fifteen hundred sheets", book(many_sheets), COMPLEX
    yield (
        "date 1904",
        book(
            lambda b: setattr(b, "epoch", openpyxl.utils.datetime.CALENDAR_MAC_1904) or b.active.append([1])
        ),
        READ,
    )
    yield "huge number", cells(A1=1e308, A2=-1e-300), READ
    yield "letters beyond", cells(A1="\U0001f600 \u202eabc\u202c \u0627\u0644", A2="text"), READ
    yield "one long cell", cells(A1="x" * 32_000, A2="text"), READ


ENCODINGS = {
    "utf-8": "Größe,Zahl\nälter,1\n".encode(),
    "utf-8 with mark": "Größe,Zahl\nälter,1\n".encode("utf-8-sig"),
    "utf-16 little": "Größe,Zahl\nälter,1\n".encode("utf-16"),
    "utf-16 big": b"\xfe\xff" + "Größe,Zahl\nälter,1\n".encode("utf-16-be"),
    "cp1252": "Größe,Zahl\nälter,1\n".encode("cp1252"),
    "latin-1 control": "Gr\x85\xf6,Zahl\n\xe4,1\n".encode("latin-1"),
    "shift-jis": "名前,数\n日本語,1\n".encode("shift-jis"),
    "gb18030": "名称,数\n中文,1\n".encode("gb18030"),
    "broken utf-8": b"Name,Size\n\xff\xfe\xfa,1\n\xc3(,2\n",
}
SHAPES = {
    "semicolons": b"Name;Size\na;1\nb;2\n",
    "tabs": b"Name\tSize\na\t1\nb\t2\n",
    "bars": b"Name|Size\na|1\nb|2\n",
    "one column": b"Name\na\nb\n",
    "quote that never ends": b'Name,Size\n"a,1\n' + b"b,2\n" * 1000,
    "quotes": b'Name,Size\n"a ""b""","1\n2"\n',
    "old Mac line ends": b"Name,Size\ra,1\rb,2\r",
    "formulas": b"Name,Size\n=cmd|' /C calc'!A0,1\n@SUM(1),+2\n",
    "right to left": "الاسم,العدد\n\u202eabc,1\n".encode(),
    "ragged": b"a,b,c\n1\n1,2,3,4,5,6\n\n,,,\n",
}


def texts():
    for name, content in (ENCODINGS | SHAPES).items():
        yield name, lambda content=content: content, READ
    yield "nuls between", lambda: b"Name,Size\na\x00b,1\n" * 20, MISMATCH
    yield "hundred thousand rows", lambda: b"Name,Size\n" + b"text,12345\n" * 100_000, READ
    yield "one line of megabytes", lambda: io.BytesIO(b"a," * 3_000_000).getvalue(), READ
    yield "one cell of megabytes", lambda: b"Name,Size\n" + b"x" * 5_000_000 + b",1\n", READ
    yield "only commas", lambda: b",,,,,\n" * 50, NOTHING


def everywhere():
    return row(cell("text", number_columns_repeated=9_999_999), number_rows_repeated=9_999_999)


def older():
    """OpenDocument and Excel 97-2003."""
    yield "ods cells that repeat without end", "a.ods", lambda: ods(("Plan", everywhere())), READ
    yield "ods sheets that do", "a.ods", lambda: ods(*((f"s{n}", everywhere()) for n in range(9))), COMPLEX
    yield "ods fifteen hundred sheets", "a.ods", lambda: ods(*((f"s{n}", "") for n in range(1500))), COMPLEX
    yield "ods entities", "a.ods", lambda: ods(("Plan", row(cell("&a;"))), head=ENTITY), CORRUPT
    yield "ods deep", "a.ods", lambda: ods(("Plan", "<table:table>" * 5000)), CORRUPT
    yield "ods cut", "a.ods", lambda: ods(("Plan", "<table:table-row>")), CORRUPT
    yield "ods encrypted", "a.ods", lambda: ods(("Plan", ""), manifest="<encryption-data/>"), ENCRYPTED
    yield (
        "ods hidden",
        "a.ods",
        lambda: ods(("a", row(cell("a"))), ("b", row(cell("hidden-secret")), "hidden")),
        READ,
    )
    yield "xls", "a.xls", lambda: xls([label(0, 0, "text")]), READ
    yield "xls far cell", "a.xls", lambda: xls([label(0, 0, "text"), label(65_535, 255, "far")]), COMPLEX
    yield "xls cut", "a.xls", lambda: xls([label(0, 0, "text")])[:1500], UNSUPPORTED
    yield "xls sectors in a ring", "a.xls", lambda: ring(xls([label(0, 0, "text")])), READ


def ring(content):
    """The table of sectors says that the first one follows itself."""
    return content[:-512] + bytes(4) + content[-508:]


def tables():
    for name, filename, make, expected in older():
        yield Case("tables", name, filename, make, expected, ("hidden-secret",))
    for name, make, expected in workbooks():
        banned = ("hidden-secret",) if name == "hidden" else ()
        yield Case("tables", f"xlsx {name}", "lesson.xlsx", make, expected, banned)
    for name, make, expected in texts():
        yield Case("tables", f"csv {name}", "lesson.csv", make, expected)
    yield Case(
        "tables",
        "xlsx bomb",
        "lesson.xlsx",
        lambda: with_parts(material.xlsx_file(), **{SHEET: "<worksheet>" + " " * 60_000_000}),
        LARGE,
    )
