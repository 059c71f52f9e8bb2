"""Writes small spreadsheets of the kinds that no library of the tests writes: OpenDocument and Excel 97-2003."""

import struct

from tests.corpus.material import zipped

SECTOR = 512
END, FREE, TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
ODS = "application/vnd.oasis.opendocument.spreadsheet"
NAMES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
    for short, long in (
        ("office", "office"),
        ("table", "table"),
        ("text", "text"),
        ("style", "style"),
        ("draw", "drawing"),
        ("dc", "dc"),
    )
)


def ods(*sheets, head="", manifest=None):
    """`sheets` are `(name, rows as markup)`; a third part is the name of a style, of which `hidden` hides."""
    tables = "".join(
        f'<table:table table:name="{name}" table:style-name="{style[0] if style else "shown"}">{rows}</table:table>'
        for name, rows, *style in sheets
    )
    content = (
        f'{head}<office:document-content {NAMES}><office:automatic-styles><style:style style:name="hidden" '
        'style:family="table"><style:table-properties table:display="false"/></style:style></office:automatic-styles>'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    parts = {"mimetype": ODS, "content.xml": content}
    return zipped(parts if manifest is None else parts | {"META-INF/manifest.xml": manifest})


def row(*cells, **attributes):
    return f"<table:table-row{written(attributes)}>{''.join(cells)}</table:table-row>"


def cell(text="", kind="string", value=None, **attributes):
    """`text` is what is shown; `value` is what the file keeps of a figure."""
    name = {"date": "date-value", "time": "time-value", "boolean": "boolean-value"}.get(kind, "value")
    bare = "" if value is None else f' office:{name}="{value}"'
    told = f' office:value-type="{kind}"' if text or bare else ""
    shown = f"<text:p>{text}</text:p>" if text else ""
    return f"<table:table-cell{told}{bare}{written(attributes)}>{shown}</table:table-cell>"


def written(attributes):
    return "".join(f' table:{name.replace("_", "-")}="{value}"' for name, value in attributes.items())


def record(kind, content=b""):
    """A record of a workbook ([MS-XLS] 2.1.4)."""
    return struct.pack("<HH", kind, len(content)) + content


def begin(part):
    return record(0x0809, struct.pack("<HHHHII", 0x0600, part, 0, 0, 0, 0))


def number(at, column, value, style=0):
    return record(0x0203, struct.pack("<HHHd", at, column, style, value))


def numbers(at, column, *values):
    """Whole numbers side by side, `(value, style)`."""
    cells = b"".join(struct.pack("<HI", style, value << 2 | 2) for value, style in values)
    return record(
        0x00BD, struct.pack("<HH", at, column) + cells + struct.pack("<H", column + len(values) - 1)
    )


def label(at, column, text):
    return record(0x0204, struct.pack("<HHHHB", at, column, 0, len(text), 0) + text.encode("latin-1"))


def hidden_row(at):
    return record(0x0208, struct.pack("<HHHHHHI", at, 0, 9, 255, 0, 0, 0x20))


def hidden_columns(first, last):
    return record(0x007D, struct.pack("<HHHHHH", first, last, 2000, 0, 1, 0))


def xls(records, *, formats=(), names=("Plan",), pad=4096):
    """An Excel 97-2003 workbook; its cells may have the styles 0, general, and one for each format. All sheets are the same one."""
    codes = b"".join(
        record(0x041E, struct.pack("<HHB", 164 + at, len(code), 1) + code.encode("utf-16-le"))
        for at, code in enumerate(formats)
    )
    styles = b"".join(
        record(0x00E0, struct.pack("<HH", 0, number).ljust(20, b"\0"))
        for number in (0, *range(164, 164 + len(formats)))
    )
    head = begin(0x0005) + codes + styles
    place = len(head) + sum(4 + 8 + len(name) for name in names) + 4
    sheets = b"".join(
        record(0x0085, struct.pack("<IBBBB", place, 0, 0, len(name), 0) + name.encode("latin-1"))
        for name in names
    )
    stream = head + sheets + record(0x000A) + begin(0x0010) + b"".join(records) + record(0x000A)
    return compound({"Workbook": stream.ljust(pad, b"\0")})


def compound(streams):
    """A compound file ([MS-CFB] 2) with one table of sectors; streams below 4,096 bytes lie in that of the root."""
    small, small_table = b"", []
    entries, sectors = [], []
    for name, content in streams.items():
        if len(content) < 4096:
            count = -(-len(content) // 64)
            entries.append((name, 2, len(small) // 64, len(content)))
            small_table += [*range(len(small_table) + 1, len(small_table) + count), END]
            small += content.ljust(64 * count, b"\0")
        else:
            entries.append((name, 2, len(sectors), len(content)))
            sectors.append(content)
    table, body = [], b""

    def put(content):
        nonlocal body
        first, count = len(table), -(-len(content) // SECTOR)
        table.extend([*range(first + 1, first + count), END])
        body += content.ljust(SECTOR * count, b"\0")
        return first

    placed = [
        (name, kind, put(sectors[start]) if size >= 4096 else start, size)
        for name, kind, start, size in entries
    ]
    root = put(small) if small else END
    listed = put(struct.pack(f"<{len(small_table)}I", *small_table).ljust(SECTOR, b"\xff")) if small else END
    directory = b"".join(entry(*one, child=FREE) for one in placed)
    directory = put(entry("Root Entry", 5, root, len(small), child=1) + directory)
    at = len(table)
    table.append(TABLE)
    while len(table) % 128:
        table.append(FREE)
    assert len(table) == 128, "the table has one sector"
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(24, b"\0") + struct.pack(
        "<HHHHH6xIIIIIIIIII",
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        0,
        1,
        directory,
        0,
        4096,
        listed,
        int(bool(small)),
        END,
        0,
        at,
    )
    return header.ljust(SECTOR, b"\xff") + body + struct.pack("<128I", *table)


def entry(name, kind, start, size, *, child):
    letters = name.encode("utf-16-le")
    head = letters.ljust(64, b"\0") + struct.pack("<HBBIII", len(letters) + 2, kind, 1, FREE, FREE, child)
    return head.ljust(116, b"\0") + struct.pack("<IQ", start, size)
