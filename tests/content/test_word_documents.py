"""Documents as people write them: with other headings, lists, tables, notes, links, code and titles."""

import docx as python_docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from tests.content.documents import W, build, pack, paragraph, parts, read, read_body, relations
from tms.content.errors import DocumentTooComplexError, NoContentError

RELS = "word/_rels/document.xml.rels"


def only(document):
    assert len(document.lessons) == 1
    return document.lessons[0]


def test_without_headings_one_lesson_named_after_the_file(tmp_path):
    path = build(tmp_path / "safety_at_work.docx", (None, "Wear a helmet."))
    lesson = only(read(path, tmp_path))
    assert (lesson.title, lesson.html) == ("safety at work", "<p>Wear a helmet.</p>")


def test_without_headings_the_title_of_the_document_names_the_lesson(tmp_path):
    path = build(tmp_path / "x.docx", ("Title", "Safety first"), (None, "Wear a helmet."))
    document = read(path, tmp_path)
    assert document.title == "Safety first"
    assert (only(document).title, only(document).html) == ("Safety first", "<p>Wear a helmet.</p>")


def test_with_second_level_headings_only(tmp_path):
    path = build(
        tmp_path / "x.docx", ("Heading 2", "One"), ("Heading 3", "Detail"), (None, "a"), ("Heading 2", "Two")
    )
    document = read(path, tmp_path)
    assert [lesson.title for lesson in document.lessons] == ["One", "Two"]
    assert document.lessons[0].html == "<h2>Detail</h2><p>a</p>"
    assert "The lesson “Two” is empty." in document.warnings


def test_text_before_the_first_heading_is_the_introduction(tmp_path):
    path = build(tmp_path / "x.docx", ("Title", "T"), (None, "Welcome."), ("Heading 1", "One"), (None, "a"))
    document = read(path, tmp_path)
    assert [lesson.title for lesson in document.lessons] == ["Introduction", "One"]
    assert document.lessons[0].html == "<p>Welcome.</p>"


def test_names_and_dates_of_a_title_page_are_no_introduction(tmp_path):
    path = build(
        tmp_path / "x.docx",
        ("Title", "T"),
        ("Subtitle", "Second edition"),
        (None, ""),
        ("Heading 1", "One"),
        (None, "a"),
    )
    document = read(path, tmp_path)
    assert [lesson.title for lesson in document.lessons] == ["One"]
    assert "Left out before the first heading: Second edition" in document.warnings


def test_duplicate_headings_stay_apart(tmp_path):
    path = build(tmp_path / "x.docx", *[("Heading 1", "Exercise"), (None, "a")] * 2)
    document = read(path, tmp_path)
    assert [lesson.title for lesson in document.lessons] == ["Exercise", "Exercise"]
    assert "2 lessons are called “Exercise”." in document.warnings


def test_a_very_long_heading_is_cut_at_a_word_and_kept_in_full(tmp_path):
    full = "Everything that anybody ever wanted to know " * 10
    document = read(build(tmp_path / "x.docx", ("Heading 1", full), (None, "a")), tmp_path)
    title = only(document).title
    assert len(title) <= 255
    assert title.endswith(("to…", "know…", "anybody…", "ever…", "wanted…", "that…", "Everything…"))
    assert only(document).html == f"<p>{full.strip()} </p><p>a</p>"


def test_headings_with_line_breaks_tabs_and_direction_marks(tmp_path):
    body = (
        '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>One</w:t><w:br/><w:t>two</w:t><w:tab/>'
        "<w:t>three \u202egpj</w:t></w:r></w:p>" + paragraph("a")
    )
    assert only(read_body(tmp_path, body)).title == "One two three gpj"


def test_empty_headings_make_no_lessons(tmp_path):
    path = build(tmp_path / "x.docx", ("Heading 1", "One"), (None, "a"), ("Heading 1", " "), (None, "b"))
    lesson = only(read(path, tmp_path))
    assert lesson.html == "<p>a</p><p>b</p>"


def test_styles_based_on_headings_and_outline_levels(tmp_path):
    document = python_docx.Document()
    style = document.styles.add_style("Chapter of ours", WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = document.styles["Heading 1"]
    document.add_paragraph("By style", style=style)
    outlined = document.add_paragraph("By outline level")
    level = OxmlElement("w:outlineLvl")
    level.set(qn("w:val"), "0")
    outlined._p.get_or_add_pPr().append(level)
    document.add_paragraph("Text")
    document.save(tmp_path / "x.docx")
    assert [lesson.title for lesson in read(tmp_path / "x.docx", tmp_path).lessons] == [
        "By style",
        "By outline level",
    ]


def test_a_table_of_contents_is_no_lesson(tmp_path):
    contents = (
        '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
        f"<w:sdtContent>{paragraph('Contents')}{paragraph('One 1')}</w:sdtContent></w:sdt>"
    )
    document = read_body(tmp_path, contents + paragraph("One", "Heading1") + paragraph("a"))
    assert [lesson.title for lesson in document.lessons] == ["One"]


def test_nested_lists_of_both_kinds(tmp_path):
    path = build(
        tmp_path / "x.docx",
        ("List Bullet", "a"),
        ("List Bullet 2", "b"),
        ("List Bullet 3", "c"),
        ("List Number", "one"),
        ("List Number", "two"),
    )
    assert only(read(path, tmp_path)).html == (
        "<ul><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li></ul><ol><li>one</li><li>two</li></ol>"
    )


NUMBERING = (
    f'<w:numbering xmlns:w="{W}"><w:abstractNum w:abstractNumId="0">'
    + "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{"decimal" if depth == 0 else "bullet"}"/>'
        f'<w:lvlText w:val="{"%1." if depth == 0 else "•"}"/></w:lvl>'
        for depth in range(9)
    )
    + '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
)


def item(text, depth=0, style=""):
    return (
        f'<w:p><w:pPr>{style}<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="1"/></w:numPr></w:pPr>'
        f"<w:r><w:t>{text}</w:t></w:r></w:p>"
    )


def numbered(tmp_path, body):
    return only(read_body(tmp_path, body, **{"word/numbering.xml": NUMBERING})).html


def test_items_within_items(tmp_path):
    assert numbered(tmp_path, item("a") + item("b", 1) + item("c", 2) + item("d")) == (
        "<ol><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li><li>d</li></ol>"
    )


def test_the_ninth_level_is_kept(tmp_path):
    html = numbered(tmp_path, "".join(item(f"level {depth}", depth) for depth in range(9)))
    assert html.count("<li>") == 9


def test_an_interrupted_list_goes_on_counting(tmp_path):
    html = numbered(tmp_path, item("a") + item("b") + paragraph("Between") + item("c"))
    assert html == '<ol><li>a</li><li>b</li></ol><p>Between</p><ol start="3"><li>c</li></ol>'


def test_tables_with_merged_cells_and_marked_heads(tmp_path):
    document = python_docx.Document()
    table = document.add_table(rows=3, cols=3)
    for row in range(3):
        for column in range(3):
            table.cell(row, column).text = f"{row}{column}"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "tall"
    table.cell(1, 1).merge(table.cell(1, 2)).text = "wide"
    mark = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(mark)
    document.save(tmp_path / "x.docx")
    assert only(read(tmp_path / "x.docx", tmp_path)).html == (
        '<table><thead><tr><th scope="col">00</th><th scope="col">01</th><th scope="col">02</th></tr></thead><tbody>'
        '<tr><td rowspan="2">tall</td><td colspan="2">wide</td></tr><tr><td>21</td><td>22</td></tr></tbody></table>'
    )


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("https://example.org/a?b=1", True),
        ("mailto:help@example.org", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("file:///etc/passwd", False),
        ("other.docx", False),
    ],
)
def test_links_to_the_web_and_mail_only(tmp_path, target, kept):
    body = '<w:p><w:hyperlink r:id="rId5"><w:r><w:t>here</w:t></w:r></w:hyperlink></w:p>'
    document = read_body(tmp_path, body, **{RELS: relations(rId5=("hyperlink", target))})
    if kept:
        assert only(document).html == f'<p><a href="{target}" rel="noopener noreferrer">here</a></p>'
    else:
        assert only(document).html == "<p>here</p>"
        assert any("1 link(s)" in warning for warning in document.warnings)


def test_a_link_that_leads_nowhere_keeps_its_text(tmp_path):
    body = '<w:p><w:hyperlink r:id="rId99"><w:r><w:t>here</w:t></w:r></w:hyperlink></w:p>'
    assert only(read_body(tmp_path, body)).html == "<p>here</p>"


def bookmarked(name, text, style):
    return (
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:bookmarkStart w:id="1" w:name="{name}"/>'
        f'<w:r><w:t>{text}</w:t></w:r><w:bookmarkEnd w:id="1"/></w:p>'
    )


def test_links_within_the_document_work_within_a_lesson(tmp_path):
    link = '<w:p><w:hyperlink w:anchor="{}"><w:r><w:t>see</w:t></w:r></w:hyperlink></w:p>'
    body = (
        bookmarked("one", "One", "Heading1")
        + bookmarked("detail", "Detail", "Heading2")
        + link.format("detail")
        + link.format("two")
        + bookmarked("two", "Two", "Heading1")
        + paragraph("b")
    )
    document = read_body(tmp_path, body)
    assert [lesson.title for lesson in document.lessons] == ["One", "Two"]
    assert document.lessons[0].html == (
        '<h2><a id="doc-detail"></a>Detail</h2><p><a href="#doc-detail" rel="noopener noreferrer">see</a></p><p>see</p>'
    ).replace('<a id="doc-detail">', '<a id="doc-detail" rel="noopener noreferrer">')
    assert document.lessons[1].html == "<p>b</p>"


def note(number, text):
    return f'<w:footnote w:id="{number}">{paragraph(text)}</w:footnote>'


def test_each_lesson_carries_its_own_footnotes(tmp_path):
    def reference(number):
        return f'<w:p><w:r><w:t>Text</w:t><w:footnoteReference w:id="{number}"/></w:r></w:p>'

    body = (
        paragraph("One", "Heading1")
        + reference(1)
        + paragraph("Two", "Heading1")
        + reference(2)
        + reference(9)
    )
    notes = f'<w:footnotes xmlns:w="{W}">{note(1, "First note")}{note(2, "Second note")}</w:footnotes>'
    document = read_body(tmp_path, body, **{"word/footnotes.xml": notes})
    first, second = (lesson.html for lesson in document.lessons)
    assert "First note" in first
    assert "Second note" not in first
    assert "Second note" in second
    for html, number in ((first, 1), (second, 2)):
        assert f'href="#doc-footnote-{number}"' in html
        assert f'<li id="doc-footnote-{number}">' in html
        assert "[1]</a></sup>" in html


def test_text_that_looks_like_markup_stays_text(tmp_path):
    path = build(
        tmp_path / "x.docx",
        ("Heading 1", "<script>alert(1)</script> & co"),
        (None, '<img src=x onerror="alert(1)"> &amp; {{ 7*7 }}'),
    )
    lesson = only(read(path, tmp_path))
    assert lesson.title == "<script>alert(1)</script> & co"
    assert lesson.html == '<p>&lt;img src=x onerror="alert(1)"&gt; &amp;amp; {{ 7*7 }}</p>'


def test_writing_from_right_to_left(tmp_path):
    path = build(tmp_path / "x.docx", (None, "مرحبا Python"), (None, "Hello مرحبا"))
    assert only(read(path, tmp_path)).html == '<p dir="rtl">مرحبا Python</p><p>Hello مرحبا</p>'


@pytest.mark.parametrize(
    ("wrapper", "text"),
    [
        ('<w:fldSimple w:instr="SEQ Figure">{}</w:fldSimple>', "kept"),
        ('<w:bdo w:val="rtl">{}</w:bdo>', "kept"),
        ("<w:ins>{}</w:ins>", "kept"),
        ("<w:smartTag>{}</w:smartTag>", "kept"),
        ("<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>", "kept"),
        ("<w:r><w:ruby><w:rt>{}</w:rt><w:rubyBase>{}</w:rubyBase></w:ruby></w:r>", "kept"),
    ],
)
def test_no_wrapper_swallows_its_text(tmp_path, wrapper, text):
    inner = f"<w:r><w:t>{text}</w:t></w:r>"
    html = only(read_body(tmp_path, f"<w:p>{wrapper.format(inner, inner)}</w:p>")).html
    assert html == f"<p>{text}</p>"


def test_deleted_and_hidden_text_is_left_out(tmp_path):
    body = (
        "<w:p><w:r><w:t>Question</w:t></w:r><w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>Answer</w:t></w:r></w:p>"
    )
    document = read_body(tmp_path, body)
    assert only(document).html == "<p>Question</p>"
    assert any("1 hidden passage" in warning for warning in document.warnings)


def test_formulas_are_written_out(tmp_path):
    def run(text):
        return f"<m:r><m:t>{text}</m:t></m:r>"

    body = (
        f"<w:p><m:oMathPara><m:oMath>{run('x=')}<m:f><m:num>{run('a+b')}</m:num><m:den>{run('2')}</m:den></m:f>"
        f"<m:rad><m:deg/><m:e>{run('c')}</m:e></m:rad><m:sSup><m:e>{run('d')}</m:e><m:sup>{run('10')}</m:sup></m:sSup>"
        "</m:oMath></m:oMathPara></w:p>"
    )
    assert only(read_body(tmp_path, body)).html == "<p>x=(a+b)/(2)√(c)d^(10)</p>"


def test_text_boxes_old_and_new(tmp_path):
    box = f"<w:txbxContent>{paragraph('In the box')}</w:txbxContent>"
    new = f"<w:drawing><wp:inline><a:graphic><a:graphicData><wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:inline></w:drawing>"
    old = f"<w:pict><v:shape><v:textbox>{box}</v:textbox></v:shape></w:pict>"
    for content in (
        new,
        old,
        f"<mc:AlternateContent><mc:Choice>{new}</mc:Choice></mc:AlternateContent>",
        f"<mc:AlternateContent><mc:Choice>{new}</mc:Choice><mc:Fallback>{old}</mc:Fallback></mc:AlternateContent>",
        f"<mc:AlternateContent><mc:Choice>{new}</mc:Choice><mc:Fallback/></mc:AlternateContent>",
    ):
        html = only(read_body(tmp_path, f"<w:p><w:r><w:t>Beside</w:t>{content}</w:r></w:p>")).html
        assert html == "<p>Beside</p><p>In the box</p>"


def test_lines_of_preformatted_text_are_one_block(tmp_path):
    styles = (
        f'<w:styles xmlns:w="{W}"><w:style w:type="paragraph" w:styleId="Pre">'
        '<w:name w:val="Preformatted Text"/></w:style></w:styles>'
    )
    body = paragraph("if x:", "Pre") + '<w:p><w:pPr><w:pStyle w:val="Pre"/></w:pPr></w:p>'
    body += paragraph("    y()", "Pre") + paragraph("Text") + paragraph("z", "Pre")
    document = read_body(tmp_path, body, **{"word/styles.xml": styles})
    assert (
        only(document).html == "<pre><code>if x:\n\n    y()</code></pre><p>Text</p><pre><code>z</code></pre>"
    )


def test_code_by_its_font(tmp_path):
    run = '<w:r><w:rPr><w:rFonts w:ascii="Courier New"/></w:rPr><w:t>{}</w:t></w:r>'
    body = f"<w:p>{run.format('ls')}</w:p><w:p><w:r><w:t xml:space='preserve'>Type </w:t></w:r>{run.format('ls')}</w:p>"
    assert only(read_body(tmp_path, body)).html == "<pre><code>ls</code></pre><p>Type <code>ls</code></p>"


def test_bold_italic_and_the_like(tmp_path):
    styles = (
        f'<w:styles xmlns:w="{W}"><w:style w:type="character" w:styleId="S"><w:name w:val="Strong"/>'
        "<w:rPr><w:b/></w:rPr></w:style></w:styles>"
    )
    properties = {
        '<w:rStyle w:val="S"/>': "<strong>x</strong>",
        "<w:b/>": "<strong>x</strong>",
        '<w:b w:val="0"/>': "x",
        "<w:i/>": "<em>x</em>",
        '<w:u w:val="single"/>': "<u>x</u>",
        "<w:strike/>": "<s>x</s>",
        '<w:highlight w:val="yellow"/>': "<mark>x</mark>",
        '<w:vertAlign w:val="subscript"/>': "<sub>x</sub>",
    }
    for given, expected in properties.items():
        body = f"<w:p><w:r><w:rPr>{given}</w:rPr><w:t>x</w:t></w:r></w:p>"
        document = read_body(tmp_path, body, **{"word/styles.xml": styles})
        assert only(document).html == f"<p>{expected}</p>"


def test_quotations(tmp_path):
    path = build(tmp_path / "x.docx", ("Quote", "To be"), ("Quote", "or not to be"))
    assert only(read(path, tmp_path)).html == "<blockquote><p>To be</p><p>or not to be</p></blockquote>"


@pytest.mark.parametrize(
    "blocks", [[], [(None, "  ")], [("Title", "Only a title")], [("Heading 1", "A heading")]]
)
def test_nothing_to_learn_from(tmp_path, blocks):
    path = build(tmp_path / "x.docx", *blocks)
    with pytest.raises(NoContentError):
        read(path, tmp_path)


def test_more_lessons_than_anyone_writes(tmp_path):
    body = paragraph("One", "Heading1") * 1001
    with pytest.raises(DocumentTooComplexError, match="1,001"):
        read(pack(tmp_path / "x.docx", parts(body + paragraph("a"))), tmp_path)


def test_the_strict_dialect_of_word(tmp_path):
    members = parts(
        paragraph("One", "Heading1") + item("a") + paragraph("b"), **{"word/numbering.xml": NUMBERING}
    )
    strict = {
        name: content.replace(W, "http://purl.oclc.org/ooxml/wordprocessingml/main")
        .replace(
            "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument",
            "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument",
        )
        .replace(
            'http://schemas.openxmlformats.org/officeDocument/2006/relationships"',
            'http://purl.oclc.org/ooxml/officeDocument/relationships"',
        )
        for name, content in members.items()
    }
    lesson = only(read(pack(tmp_path / "x.docx", strict), tmp_path))
    assert (lesson.title, lesson.html) == ("One", "<ol><li>a</li></ol><p>b</p>")
