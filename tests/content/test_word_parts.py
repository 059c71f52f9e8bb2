"""What Word documents hold beside plain paragraphs: changes, fields, controls, symbols, boxes; each shown once and rightly."""

import docx
import pytest
from docx.oxml import parse_xml

from tests.content.reading import read_file
from tests.corpus.material import saved, with_parts

NAMES = " ".join(
    f'xmlns:{short}="{name}"'
    for short, name in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "v": "urn:schemas-microsoft-com:vml",
    }.items()
)


@pytest.fixture
def read(tmp_path):
    """Reads a document of a heading and these paragraphs or tables in markup."""

    def read_blocks(*blocks):
        document = docx.Document()
        document.add_heading("Heat", 1)
        for block in parse_xml(f"<w:body {NAMES}>{''.join(blocks)}</w:body>"):
            document.element.body.insert(len(document.element.body) - 1, block)
        return read_file(tmp_path, "a.docx", saved(document.save))

    return read_blocks


def run(text, properties=""):
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(content, properties=""):
    return f"<w:p><w:pPr>{properties}</w:pPr>{content}</w:p>"


def field(*instructions, shown="shown"):
    told = "".join(
        f'<w:r><w:instrText xml:space="preserve">{one}</w:instrText></w:r>' for one in instructions
    )
    begin, separate, end = (
        f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")
    )
    return begin + told + separate + run(shown) + end


def deleted(text):
    return f'<w:del w:id="2" w:author="a"><w:r><w:delText>{text}</w:delText></w:r></w:del>'


def cell(content):
    return f"<w:tc>{content}</w:tc>"


def table(*rows):
    return f"<w:tbl>{''.join(rows)}</w:tbl>"


def row(*cells):
    return f"<w:tr>{''.join(cells)}</w:tr>"


def control(content, properties=""):
    return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def test_tracked_changes_are_taken_as_accepted(read):
    inserted = f'<w:ins w:id="1" w:author="a">{run("new ")}</w:ins>'
    moved = f'<w:moveFrom w:id="3" w:author="a">{run("gone")}</w:moveFrom><w:moveTo w:id="4" w:author="a">{run("here")}</w:moveTo>'
    gone = f'<w:tr><w:trPr><w:del w:id="5" w:author="a"/></w:trPr>{cell(paragraph(deleted("gone")))}</w:tr>'
    document = read(
        paragraph(run("kept ") + inserted + deleted("gone") + run("end")),
        paragraph(moved),
        paragraph(deleted("gone"), '<w:rPr><w:del w:id="6" w:author="a"/></w:rPr>'),
        table(row(cell(paragraph(run("row")))), gone),
    )
    assert document.lessons[0].html == (
        "<p>kept new end</p><p>here</p><table><tbody><tr><td>row</td></tr></tbody></table>"
    )


@pytest.mark.parametrize(
    ("instructions", "address"),
    [
        ((' HYPERLINK "https://example.org/a" \\o "a tip" ',), "https://example.org/a"),
        ((' HYPERLINK \\o "a tip" \\t "_blank" "https://example.org/a"',), "https://example.org/a"),
        ((" HYPER", 'LINK "https://exam', 'ple.org/a" '), "https://example.org/a"),
        ((' HYPERLINK "https://example.org/a" \\l "part" ',), "https://example.org/a#part"),
        ((" HYPERLINK https://example.org/a \\h",), "https://example.org/a"),
    ],
)
def test_fields_that_are_links(read, instructions, address):
    html = read(paragraph(run("see ") + field(*instructions))).lessons[0].html
    assert f'<p>see <a href="{address}"' in html
    assert html.endswith(">shown</a></p>")


def test_links_within_the_document_and_other_fields(read):
    mark = '<w:bookmarkStart w:id="1" w:name="mark"/>' + run("the place") + '<w:bookmarkEnd w:id="1"/>'
    inner = field(' HYPERLINK \\l "mark" \\o "a tip"', shown="there")
    html = (
        read(paragraph(inner), paragraph(field(" REF x ", shown="Table 1")), paragraph(mark)).lessons[0].html
    )
    assert '<a href="#' in html
    assert ">there</a></p><p>Table 1</p>" in html


def test_links_to_other_lessons_keep_their_text_and_that_is_said(read):
    mark = '<w:bookmarkStart w:id="1" w:name="mark"/>' + run("the place") + '<w:bookmarkEnd w:id="1"/>'
    document = read(
        paragraph(f'<w:hyperlink w:anchor="mark" w:tooltip="a tip">{run("there")}</w:hyperlink>'),
        paragraph(run("Ice"), '<w:pStyle w:val="Heading1"/>'),
        paragraph(mark),
    )
    assert [lesson.html for lesson in document.lessons] == ["<p>there</p>", "<p>the place</p>"]
    assert document.warnings == [
        "1 link(s) lead to another lesson or to nothing in the document; their text was kept."
    ]


def test_controls_show_what_was_filled_in(read):
    prompt = control(run("Click or tap here to enter text."), "<w:showingPlcHdr/>")
    ticked = control(run("☒"), '<w14:checkbox><w14:checked w14:val="1"/></w14:checkbox>')
    empty = control(run("☐"), '<w14:checkbox><w14:checked w14:val="0"/></w14:checkbox>')
    document = read(
        control(paragraph(run("block"))),
        paragraph(control(run("inline"))),
        paragraph(prompt + run("name")),
        paragraph(ticked + run(" done")),
        paragraph(empty + run(" open")),
        table(control(row(cell(paragraph(run("row"))))), row(control(cell(paragraph(run("cell")))))),
    )
    assert document.lessons[0].html == (
        "<p>block</p><p>inline</p><p>name</p><p>☑ done</p><p>☐ open</p>"
        "<table><tbody><tr><td>row</td></tr><tr><td>cell</td></tr></tbody></table>"
    )
    assert document.warnings == ["1 field(s) of a form were left out."]


def test_signs_of_fonts_with_pictures_in_place_of_letters(read):
    fonts = '<w:rFonts w:ascii="{0}" w:hAnsi="{0}"/>'
    symbol = '<w:r><w:sym w:font="{}" w:char="{}"/></w:r>'
    document = read(
        paragraph(symbol.format("Wingdings", "F0FC") + run(" tick")),
        paragraph(run("\uf0fc", fonts.format("Wingdings")) + run(" tick")),
        paragraph(run("ab c", fonts.format("Symbol"))),
        paragraph(symbol.format("Nobody's", "F0FC") + symbol.format("Symbol", "none") + run("left")),
    )
    assert document.lessons[0].html == "<p>✓ tick</p><p>✓ tick</p><p>αβ χ</p><p>left</p>"
    assert document.warnings == ["2 element(s) of an unknown kind were left out."]


def test_a_first_letter_over_several_lines_belongs_to_its_word(read):
    frame = '<w:framePr w:dropCap="drop" w:lines="3"/>'
    html = read(paragraph(run("W"), frame), paragraph(run("ater boils."), "<w:keepNext/>")).lessons[0].html
    assert html == "<p>Water boils.</p>"


def test_a_box_in_both_of_its_forms_is_read_once(read):
    inner = f"<w:txbxContent>{paragraph(run('in the box'))}</w:txbxContent>"
    newer = (
        '<w:drawing><wp:anchor><wp:docPr id="1" name="b"/><a:graphic><a:graphicData uri="x"><wps:wsp><wps:txbx>'
        f"{inner}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:anchor></w:drawing>"
    )
    older = f"<w:pict><v:shape><v:textbox>{inner}</v:textbox></v:shape></w:pict>"
    both = f'<mc:AlternateContent><mc:Choice Requires="wps">{newer}</mc:Choice><mc:Fallback>{older}</mc:Fallback></mc:AlternateContent>'
    assert (
        read(paragraph(run("beside") + f"<w:r>{both}</w:r>")).lessons[0].html
        == "<p>beside</p><p>in the box</p>"
    )


def test_tabs_lines_through_words_and_tables_in_tables(read):
    html = (
        read(
            paragraph("<w:r><w:t>a</w:t><w:ptab/><w:t>b</w:t></w:r>" + run("c", "<w:dstrike/>")),
            table(
                row(cell(paragraph(run("outer")) + table(row(cell(paragraph(run("inner"))))) + paragraph("")))
            ),
        )
        .lessons[0]
        .html
    )
    assert html.startswith("<p>a\tb<s>c</s></p>")
    assert "<p>outer</p><table><tbody><tr><td>inner</td></tr></tbody></table>" in html


def test_a_note_that_is_set_high_twice_is_so_once(tmp_path):
    document = docx.Document()
    document.add_heading("Heat", 1)
    high = '<w:rPr><w:vertAlign w:val="superscript"/></w:rPr>'
    marked = paragraph(run("boils") + f'<w:r>{high}<w:footnoteReference w:id="2"/></w:r>')
    document.element.body.insert(1, parse_xml(marked.replace("<w:p>", f"<w:p {NAMES}>", 1)))
    notes = f'<w:footnotes {NAMES}><w:footnote w:id="2">{paragraph(run("At sea level."))}</w:footnote></w:footnotes>'
    content = with_parts(saved(document.save), **{"word/footnotes.xml": notes})
    html = read_file(tmp_path, "a.docx", content).lessons[0].html
    assert html.count("<sup>") == html.count("</sup>") == 1
    assert "At sea level." in html


def test_a_span_that_is_no_number_spans_one_cell(read):
    spanned = '<w:tcPr><w:gridSpan w:val="many"/></w:tcPr>'
    html = read(table(row(cell(spanned + paragraph(run("a")))))).lessons[0].html
    assert "<td>a</td>" in html
