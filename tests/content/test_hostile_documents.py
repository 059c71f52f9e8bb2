"""Files that are not what they say, damaged ones, and archives and markup built to do harm: each has its typed outcome."""

import io
import struct
import zipfile
from pathlib import Path

import pytest

from tests.content.documents import DATA, NAMESPACES, TYPES, pack, paragraph, parts, read
from tms.content import archive, formats, sniff
from tms.content.errors import (
    CorruptDocumentError,
    DocumentError,
    DocumentTooComplexError,
    DocumentTooLargeError,
    EmptyFileError,
    EncryptedDocumentError,
    TypeMismatchError,
    UnsupportedTypeError,
)

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 1000
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"


def office(kind):
    types = TYPES.replace("wordprocessingml.document", kind)
    buffer = io.BytesIO()
    pack(buffer, {"[Content_Types].xml": types, "x.xml": "<x/>"})
    return buffer.getvalue()


def zipped(**members):
    buffer = io.BytesIO()
    pack(buffer, members)
    return buffer.getvalue()


CONTENTS = {
    "word": (DATA / "databases.docx").read_bytes,
    "macros": lambda: zipped(
        **{
            "[Content_Types].xml": TYPES.replace(
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
                "application/vnd.ms-word.document.macroEnabled.main+xml",
            ),
            "word/document.xml": "<x/>",
        }
    ),
    "pptx": lambda: office("presentationml.presentation"),
    "xlsx": lambda: office("spreadsheetml.sheet"),
    "epub": lambda: zipped(mimetype="application/epub+zip"),
    "odt": lambda: zipped(mimetype="application/vnd.oasis.opendocument.text"),
    "zip": lambda: zipped(**{"a.txt": "a"}),
    "pdf": lambda: PDF,
    "encrypted": lambda: OLE + "EncryptedPackage".encode("utf-16-le"),
    "doc": lambda: OLE + "WordDocument".encode("utf-16-le"),
    "xls": lambda: OLE + "Workbook".encode("utf-16-le"),
    "ppt": lambda: OLE + "PowerPoint Document".encode("utf-16-le"),
    "rtf": lambda: b"{\\rtf1 text}",
    "html": lambda: b"\xef\xbb\xbf <!DOCTYPE html><html></html>",
    "png": lambda: b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
    "text": lambda: b"just text",
    "quicktime": lambda: b"\x00\x00\x00\x14ftypqt  " + b"\x00" * 50,
    "utf-16": lambda: "just text".encode("utf-16-le"),
    "svg": lambda: b"<?xml version='1.0'?><!-- made by hand --><svg xmlns='http://www.w3.org/2000/svg'/>",
    "nothing": lambda: b"",
    "nul": lambda: b"\x00" * 5000,
    "one byte": lambda: b"P",
    "head of an archive": lambda: b"PK\x03\x04" + b"\x00" * 300,
}


# Read where LibreOffice is installed.
WITH_OFFICE = None if formats.FORMATS[sniff.Kind.RTF].is_read else UnsupportedTypeError


@pytest.mark.parametrize(
    ("content", "name", "outcome"),
    [
        ("word", "a.docx", None),
        ("quicktime", "a.mov", UnsupportedTypeError),
        ("word", "A.DOCX", None),
        ("word", "a.dotx", None),
        ("macros", "a.docm", None),
        ("word", "a.pdf", TypeMismatchError),
        ("word", "a", TypeMismatchError),
        ("word", "a.docx.exe", TypeMismatchError),
        ("pptx", "a.docx", TypeMismatchError),
        ("xlsx", "a.docx", TypeMismatchError),
        ("zip", "a.docx", TypeMismatchError),
        ("pdf", "a.docx", TypeMismatchError),
        ("epub", "a.docx", TypeMismatchError),
        ("odt", "a.docx", TypeMismatchError),
        ("rtf", "a.docx", TypeMismatchError),
        ("html", "a.docx", TypeMismatchError),
        ("png", "a.docx", TypeMismatchError),
        ("doc", "a.docx", TypeMismatchError),
        ("text", "a.docx", TypeMismatchError),
        ("nul", "a.docx", TypeMismatchError),
        ("pdf", "a.pptx", TypeMismatchError),
        ("pptx", "a.pptx", None),
        ("xlsx", "a.xlsx", None),
        ("pdf", "a.pdf", None),
        ("pdf", "a", TypeMismatchError),
        ("doc", "a.doc", WITH_OFFICE),
        ("xls", "a.xls", None),
        ("ppt", "a.ppt", WITH_OFFICE),
        ("epub", "a.epub", None),
        ("odt", "a.odt", WITH_OFFICE),
        ("zip", "a.zip", None),
        ("rtf", "a.rtf", WITH_OFFICE),
        ("html", "a.htm", None),
        ("text", "a.txt", None),
        ("text", "a.md", None),
        ("text", "a.py", TypeMismatchError),
        ("text", "a.pdf", TypeMismatchError),
        ("html", "a.txt", TypeMismatchError),
        ("utf-16", "a.txt", None),
        ("svg", "a.txt", TypeMismatchError),
        ("nul", "a.exe", UnsupportedTypeError),
        ("encrypted", "a.docx", EncryptedDocumentError),
        ("encrypted", "a.xlsx", EncryptedDocumentError),
        ("nothing", "a.docx", EmptyFileError),
        ("nothing", "a.pdf", EmptyFileError),
        ("one byte", "a.docx", CorruptDocumentError),
        ("head of an archive", "a.docx", CorruptDocumentError),
        ("head of an archive", "a.zip", CorruptDocumentError),
    ],
)
def test_the_content_decides_and_the_name_must_agree(tmp_path, content, name, outcome):
    path = tmp_path / "uploaded"
    path.write_bytes(CONTENTS[content]())
    if outcome is None:
        assert formats.FORMATS[formats.admit(path, name)].is_read
    else:
        with pytest.raises(outcome) as refusal:
            formats.admit(path, name)
        assert len(refusal.value.detail) > 20


def outcome_of(path: Path, tmp_path) -> type[DocumentError] | None:
    try:
        formats.admit(path, "a.docx")
        archive.inspect(path)
        read(path, tmp_path, "a.docx")
    except DocumentError as refusal:
        return type(refusal)
    return None


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.25, 0.5, 0.75, 0.99, 0.9999])
def test_a_document_cut_short(tmp_path, share):
    whole = (DATA / "databases.docx").read_bytes()
    path = tmp_path / "a.docx"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert outcome_of(path, tmp_path) is CorruptDocumentError


def test_a_document_with_flipped_bytes(tmp_path):
    whole = bytearray((DATA / "databases.docx").read_bytes())
    with zipfile.ZipFile(DATA / "databases.docx") as good:
        start = good.getinfo("word/document.xml").header_offset + 2000
    for place in range(start, start + 400):
        whole[place] ^= 0x55
    path = tmp_path / "a.docx"
    path.write_bytes(whole)
    assert outcome_of(path, tmp_path) is CorruptDocumentError


def doctype(declaration, body="<w:p><w:r><w:t>&a;</w:t></w:r></w:p>"):
    return f"<?xml version='1.0'?>{declaration}<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>"


LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "<!ENTITY a '&a9;'>]>"
)


@pytest.mark.parametrize(
    "part", ["word/document.xml", "word/styles.xml", "word/footnotes.xml", "customXml/item1.xml"]
)
@pytest.mark.parametrize(
    "content",
    [
        doctype(LAUGHS),
        doctype("<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"),
        doctype("<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'>", "<w:p/>"),
        doctype("<!DOCTYPE x>", "<w:p/>"),
        doctype(LAUGHS).replace("'1.0'", "'1.0' encoding='utf-16'").encode("utf-16"),
    ],
    ids=["laughs", "file", "web", "bare", "utf-16"],
)
def test_document_types_are_refused(tmp_path, part, content):
    members = {**parts(paragraph("a")), part: content}
    with pytest.raises(CorruptDocumentError, match="document type"):
        archive.inspect_office(pack(tmp_path / "a.docx", members))


def test_a_zip_bomb_by_ratio(tmp_path):
    path = pack(tmp_path / "a.docx", {**parts(), "word/media/a.png": b"\x00" * (6 * 1024 * 1024)})
    with pytest.raises(DocumentTooLargeError, match="100 times"):
        archive.inspect(path)


def test_a_zip_bomb_by_sum(tmp_path):
    limits = archive.ArchiveLimits(unpacked=1024)
    with pytest.raises(DocumentTooLargeError, match="Unpacked"):
        archive.inspect(DATA / "databases.docx", limits)


def test_sizes_that_lie_are_found_while_reading(tmp_path):
    path = pack(tmp_path / "a.docx", parts(paragraph("a") * 500))
    content = bytearray(path.read_bytes())
    # The size of document.xml in the central directory, made ten bytes.
    place = content.rfind(b"word/document.xml") - 46 + 24
    struct.pack_into("<I", content, place, 10)
    path.write_bytes(content)
    assert outcome_of(path, tmp_path) is CorruptDocumentError


def test_too_many_parts(tmp_path):
    path = pack(tmp_path / "a.docx", {**parts(), **{f"x/{n}": "" for n in range(10_001)}}, zipfile.ZIP_STORED)
    with pytest.raises(DocumentTooComplexError, match="parts"):
        archive.inspect(path)


@pytest.mark.parametrize(
    "name", ["../evil.xml", "word/../../evil.xml", "/etc/evil", "C:/evil", "..\\evil", "WORD/DOCUMENT.XML"]
)
def test_names_that_lie_outside_or_twice(tmp_path, name):
    with pytest.raises(CorruptDocumentError):
        archive.inspect(pack(tmp_path / "a.docx", {**parts(), name: "x"}))


def test_two_parts_of_one_name(tmp_path):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as target:
        for name, content in parts().items():
            target.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate"):
            target.writestr("word/document.xml", "<x/>")
    with pytest.raises(CorruptDocumentError, match="one name"):
        archive.inspect(path)


def test_a_link_to_another_file(tmp_path):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as target:
        for name, content in parts().items():
            target.writestr(name, content)
        link = zipfile.ZipInfo("word/media/x.png")
        link.external_attr = 0o120777 << 16
        target.writestr(link, "/etc/passwd")
    with pytest.raises(CorruptDocumentError, match="link"):
        archive.inspect(path)


def patched(tmp_path, offset, layout, value):
    """A document whose last directory entry has a field overwritten."""
    path = pack(tmp_path / "a.docx", parts())
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, content.rfind(b"PK\x01\x02") + offset, value)
    path.write_bytes(content)
    return path


def test_encrypted_parts(tmp_path):
    with pytest.raises(EncryptedDocumentError):
        archive.inspect(patched(tmp_path, 8, "<H", 1))


def test_unusual_packing(tmp_path):
    with pytest.raises(CorruptDocumentError, match="unusual"):
        archive.inspect(patched(tmp_path, 10, "<H", 14))


def test_overlapping_parts(tmp_path):
    path = tmp_path / "a.docx"
    pack(path, parts())
    content = bytearray(path.read_bytes())
    # The last entry of the directory is made to begin where the first one does.
    struct.pack_into("<I", content, content.rfind(b"PK\x01\x02") + 42, 0)
    path.write_bytes(content)
    with pytest.raises(CorruptDocumentError):
        archive.inspect(path)


@pytest.mark.parametrize("missing", ["[Content_Types].xml", "word/document.xml"])
def test_a_part_that_must_be_there(tmp_path, missing):
    members = parts()
    del members[missing]
    assert outcome_of(pack(tmp_path / "a.docx", members), tmp_path) is CorruptDocumentError


@pytest.mark.parametrize("content", ["", "<w:document", "no markup", "<other/>", b"\xff\xfe\x00"])
def test_a_main_part_that_is_no_text(tmp_path, content):
    path = pack(tmp_path / "a.docx", {**parts(), "word/document.xml": content})
    assert outcome_of(path, tmp_path) is CorruptDocumentError


def test_markup_nested_beyond_measure(tmp_path):
    body = "<w:sdt><w:sdtContent>" * 5000 + paragraph("a") + "</w:sdtContent></w:sdt>" * 5000
    path = pack(tmp_path / "a.docx", parts(body), zipfile.ZIP_STORED)
    assert outcome_of(path, tmp_path) is DocumentTooComplexError


def test_macros_are_told_from_plain_documents(tmp_path):
    path = tmp_path / "a.docm"
    path.write_bytes(CONTENTS["macros"]())
    assert sniff.sniff(path) is sniff.Kind.DOCM
