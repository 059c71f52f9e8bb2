"""Pictures: drawings made safe, kinds told by their bytes, alternative text kept, what cannot be shown named."""

import struct

import pytest
from lxml import etree
from lxml import html as lxml_html

from tests.content.documents import PNG, pack, parts, picture, read, read_body, relations
from tms.content import pictures, svg
from tms.content.errors import DocumentTooLargeError

RELS = "word/_rels/document.xml.rels"
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"'
DRAWING = f'{HEAD}><rect width="5" height="5"/></svg>'


def only(document):
    assert len(document.lessons) == 1
    return document.lessons[0]


def with_picture(tmp_path, content, name="a.png", alternative="", **more):
    members = {RELS: relations(rId5=("image", f"media/{name}")), f"word/media/{name}": content, **more}
    return read_body(tmp_path, picture("rId5", alternative), **members)


def test_a_picture_with_its_alternative_text(tmp_path):
    document = with_picture(tmp_path, PNG, alternative="Gauge at &quot;5&quot; &lt;bar&gt;")
    shown = lxml_html.fromstring(only(document).html).find("img")
    assert dict(shown.attrib) == {"alt": 'Gauge at "5" <bar>', "src": "media:1"}
    assert document.warnings == []
    assert (tmp_path / "pictures" / "picture-1.png").read_bytes() == PNG


@pytest.mark.parametrize(
    ("alternative", "kept"),
    [
        ("image1.png", ""),
        (r"C:\Users\Ada\My pictures\boiler.JPG", ""),
        ("A boiler", "A boiler"),
        ("How a .png is made", "How a .png is made"),
    ],
)
def test_the_name_of_a_file_describes_no_picture(tmp_path, alternative, kept):
    document = with_picture(tmp_path, PNG, alternative=alternative)
    assert lxml_html.fromstring(only(document).html).find("img").get("alt") == kept
    assert any("no alternative text" in warning for warning in document.warnings) is (kept == "")


def test_a_drawing_that_is_an_extension_only(tmp_path):
    extension = (
        '<a:extLst><a:ext><asvg:svgBlip xmlns:asvg="http://schemas.microsoft.com/office/drawing/2016/SVG/main" '
        'r:embed="rId6"/></a:ext></a:extLst>'
    )
    members = {RELS: relations(rId6=("image", "media/a.svg")), "word/media/a.svg": DRAWING}
    document = read_body(tmp_path, picture("", "A square", extension), **members)
    assert [one.content_type for one in document.pictures] == ["image/svg+xml"]
    assert 'src="media:1"' in only(document).html
    assert 'alt="A square"' in only(document).html


def test_one_picture_shown_twice_is_kept_once(tmp_path):
    members = {
        RELS: relations(rId5=("image", "media/a.png"), rId6=("image", "media/b.png")),
        "word/media/a.png": PNG,
        "word/media/b.png": PNG,
    }
    document = read_body(tmp_path, picture("rId5") + picture("rId6"), **members)
    assert len(document.pictures) == 1
    assert only(document).html.count("media:1") == 2


def test_a_picture_with_a_caption_is_a_figure(tmp_path):
    styles = (
        '<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" '
        'w:styleId="Caption"><w:name w:val="caption"/></w:style></w:styles>'
    )
    body = (
        picture("rId5", "A")
        + '<w:p><w:pPr><w:pStyle w:val="Caption"/></w:pPr><w:r><w:t>Figure 1</w:t></w:r></w:p>'
    )
    members = {
        RELS: relations(rId5=("image", "media/a.png")),
        "word/media/a.png": PNG,
        "word/styles.xml": styles,
    }
    html = only(read_body(tmp_path, body, **members)).html
    assert html.startswith("<figure><img ")
    assert html.endswith("<figcaption>Figure 1</figcaption></figure>")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x01\x00\x00\x00" + b"\x00" * 36 + b" EMF" + b"\x00" * 40, "EMF"),
        (b"\xd7\xcd\xc6\x9a" + b"\x00" * 40, "WMF"),
        (b"II*\x00" + b"\x00" * 40, "TIFF"),
        (b"rubbish", "unknown kind"),
        (b"", "unknown kind"),
        (b"<svg", "safely"),
        (b"<html><svg/></html>", "safely"),
        (PNG[:18], "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (PNG[:16] + struct.pack(">II", 60_000, 60_000) + PNG[24:], "pixels"),
    ],
)
def test_what_cannot_be_shown_leaves_its_description(tmp_path, content, reason):
    document = with_picture(tmp_path, content, alternative="Wiring")
    assert only(document).html == "<p>[Picture: Wiring]</p>"
    assert any(reason in warning for warning in document.warnings)
    assert document.pictures == []


@pytest.mark.parametrize("target", ["media/none.png", "https://example.org/x.png"])
def test_pictures_that_are_not_in_the_file_are_never_fetched(tmp_path, target):
    document = read_body(tmp_path, picture("rId5", "Map"), **{RELS: relations(rId5=("image", target))})
    assert "Map]" in only(document).html
    assert len(document.warnings) == 1


def test_charts_are_named(tmp_path):
    body = (
        '<w:p><w:r><w:drawing><wp:inline><wp:docPr id="1" name="x" descr="Sales"/><a:graphic><a:graphicData>'
        '<c:chart xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" r:id="rId9"/></a:graphicData>'
        "</a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )
    document = read_body(tmp_path, body)
    assert only(document).html == "<p>[Chart or diagram: Sales]</p>"
    assert any("1 chart" in warning for warning in document.warnings)


def test_pictures_beyond_all_measure(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "TOTAL_BYTES_LIMIT", 10)
    path = pack(
        tmp_path / "a.docx",
        {**parts(picture("rId5")), RELS: relations(rId5=("image", "media/a.png")), "word/media/a.png": PNG},
    )
    with pytest.raises(DocumentTooLargeError):
        read(path, tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PNG, ("image/png", 1, 1)),
        (b"GIF89a" + struct.pack("<HH", 3, 4), ("image/gif", 3, 4)),
        (b"BM" + b"\x00" * 16 + struct.pack("<ii", 5, -6), ("image/bmp", 5, 6)),
        (
            b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x11\x08" + struct.pack(">HH", 7, 8) + b"\x00" * 9,
            ("image/jpeg", 8, 7),
        ),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X" + b"\x00" * 8 + b"\x09\x00\x00\x0a\x00\x00", ("image/webp", 10, 11)),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 " + b"\x00" * 10 + struct.pack("<HH", 12, 13), ("image/webp", 12, 13)),
        (
            b"RIFF\x00\x00\x00\x00WEBPVP8L" + b"\x00" * 4 + b"\x2f" + struct.pack("<I", 13 | 14 << 14),
            ("image/webp", 14, 15),
        ),
        (b"\xef\xbb\xbf\n" + DRAWING.encode(), ("image/svg+xml", 0, 0)),
    ],
)
def test_kind_and_size_by_the_bytes(content, expected):
    kind = pictures.identify(content)
    assert (kind, *pictures.dimensions(content, kind)) == expected


DANGEROUS = [
    "<script>alert(1)</script>",
    '<rect onload="alert(1)" width="1"/>',
    '<rect OnClick="alert(1)"/>',
    '<a href="javascript:alert(1)"><text>x</text></a>',
    '<a xlink:href="https://evil.example/"><text>x</text></a>',
    '<use href="https://evil.example/x.svg#a"/>',
    '<use xlink:href="data:image/svg+xml;base64,AAAA"/>',
    '<image href="https://evil.example/x.png"/>',
    '<image href="data:image/svg+xml;base64,AAAA"/>',
    "<foreignObject><div xmlns='http://www.w3.org/1999/xhtml'>x</div></foreignObject>",
    '<animate attributeName="href" to="javascript:alert(1)"/>',
    '<set attributeName="onclick" to="alert(1)"/>',
    '<rect style="fill:url(https://evil.example/x)"/>',
    '<rect fill="url( https://evil.example/x )"/>',
    "<style>@import url(https://evil.example/x.css); rect { fill: red }</style>",
    "<style>@font-face { src: url('https://evil.example/x.woff') }</style>",
    "<style>rect { background: u\\72l(https://evil.example) }</style>",
    "<style>a{}/* */@import 'https://evil.example';</style>",
    '<feImage href="https://evil.example/x.png"/>',
    "<?xml-stylesheet href='https://evil.example/x.css'?>",
    '<html:script xmlns:html="http://www.w3.org/1999/xhtml">alert(1)</html:script>',
    '<handler xmlns:ev="http://www.w3.org/2001/xml-events" ev:event="load">alert(1)</handler>',
]


@pytest.mark.parametrize("danger", DANGEROUS)
def test_nothing_in_a_drawing_runs_or_fetches(danger):
    safe = svg.make_safe(
        f'{HEAD} onload="alert(1)"><rect width="2"/>{danger}<circle r="3"/></svg>'.encode()
    ).decode()
    lowered = safe.lower()
    for word in (
        "evil",
        "alert",
        "script",
        "onload",
        "onclick",
        "import",
        "foreignobject",
        "svg+xml;",
        "xhtml",
    ):
        assert word not in lowered
    assert "rect" in safe
    assert "circle" in safe


def test_what_a_drawing_may_hold_stays():
    content = (
        f'{HEAD}><defs><linearGradient id="g"><stop offset="1" stop-color="red"/></linearGradient></defs>'
        "<style>.a { fill: url(#g); stroke: #000 } @media print { .a { fill: none } }</style>"
        '<rect class="a" fill="url(#g)" style="stroke-width: 2"/><use href="#g"/>'
        f'<image href="data:image/png;base64,AAAA" width="1"/><text x="1">A<tspan>B</tspan>C</text></svg>'
    )
    safe = svg.make_safe(content.encode()).decode()
    for kept in (
        'fill="url(#g)"',
        "stroke-width: 2",
        'href="#g"',
        "data:image/png;base64,AAAA",
        "A<tspan>B</tspan>C",
        ".a { fill: url(#g); stroke: #000 }",
        'viewBox="0 0 9 9"',
    ):
        assert kept in safe
    assert "@media" not in safe


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg xmlns='http://www.w3.org/2000/svg'><text>&a;</text></svg>",
        b"<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg xmlns='http://www.w3.org/2000/svg'>&a;</svg>",
        b"<html xmlns='http://www.w3.org/1999/xhtml'/>",
        b"<svg xmlns='urn:other'/>",
        b"not markup",
    ],
)
def test_drawings_that_hide_something_are_refused(content):
    with pytest.raises(svg.UnsafeDrawingError):
        svg.make_safe(content)


def test_a_plain_document_type_and_a_missing_namespace_do_no_harm():
    content = (
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    )
    safe = svg.make_safe(content + b"<svg><rect/></svg>")
    assert b"DOCTYPE" not in safe
    root = etree.fromstring(safe)
    assert [root.tag, root[0].tag] == ["{http://www.w3.org/2000/svg}svg", "{http://www.w3.org/2000/svg}rect"]
