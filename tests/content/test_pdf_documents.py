"""PDFs, as programs write them: where lessons begin, how lines become text again, and what is not read."""

import re
import struct
import zlib
from collections import Counter

import pytest

from tests.content.documents import DATA, read
from tests.content.test_document_truths import BASICS, tree, words_of
from tests.content.typesetting import WORDS, html, objects, titles
from tests.corpus import material
from tms.content.errors import CorruptDocumentError, EncryptedDocumentError, NoContentError, NoTextError
from tms.content.lessons.document import CUT, DECLARED, LOOKED, NUMBERED
from tms.content.pdf import furniture
from tms.content.pdf.lines import Line, PageText
from tms.content.sniff import Kind


@pytest.fixture(scope="module")
def basics(tmp_path_factory):
    return read(DATA / "python-basics.pdf", tmp_path_factory.mktemp("pdf"), kind=Kind.PDF)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The document that the PDF was made from."""
    return read(DATA / "python-basics.docx", tmp_path_factory.mktemp("docx"))


def test_the_real_document_has_its_lessons_and_pages(basics):
    assert titles(basics) == BASICS
    assert [(lesson.page_from, lesson.page_to) for lesson in basics.lessons] == [
        (1, 8), (8, 21), (21, 31), (31, 38), (38, 48), (48, 63)
    ]  # fmt: skip
    assert {lesson.confidence for lesson in basics.lessons} == {DECLARED}
    assert [lesson.pictures for lesson in basics.lessons] == [[], [], [1, 2, 3], [4, 5], [6, 7, 8], []]


def test_the_real_document_keeps_every_word(basics, source):
    formula = Counter(("2", "0", "1", "ax", "bx", "cx"))
    # Where a line ends with the hyphen of "all-clear", nothing tells that it is one of the word's own.
    assert words_of(source) - words_of(basics) == formula + Counter(("all", "clear"))
    assert words_of(basics) - words_of(source) == Counter(("allclear",))


def test_the_real_document_keeps_its_structure(basics, source):
    found, wanted = tree(basics), tree(source)
    for tag in ("h2", "h3", "li", "ul", "ol", "strong"):
        assert len(found.findall(f".//{tag}")) == len(wanted.findall(f".//{tag}")), tag
    # Lines that the page was too narrow for are broken for good; all other code is as it was typed.
    code = Counter(block.text_content().rstrip() for block in wanted.findall(".//pre"))
    same = code & Counter(block.text_content().rstrip() for block in found.findall(".//pre"))
    assert (same.total(), code.total()) == (251, 285)


def test_lines_become_paragraphs_again(typeset):
    document = typeset(f"= One\n{WORDS * 3}\n\n{WORDS * 2}\n\nShort.\n\nShort too.")
    assert html(document) == (
        f"<p>{(WORDS * 3).strip()}</p><p>{(WORDS * 2).strip()}</p><p>Short.</p><p>Short too.</p>"
    )


def test_a_paragraph_goes_on_over_the_end_of_a_page(typeset):
    document = typeset(f"= One\n{WORDS * 30}")
    assert html(document) == f"<p>{(WORDS * 30).strip()}</p>"
    assert (document.lessons[0].page_from, document.lessons[0].page_to) == (1, 3)


def test_divided_words_are_one_again(typeset):
    text = "Incomprehensibilities notwithstanding, internationalization characteristically demonstrates responsibilities. "
    document = typeset(f"#set text(hyphenate: true)\n#set par(justify: true)\n= One\n{text * 6}")
    assert html(document) == f"<p>{(text * 6).strip()}</p>"


def test_two_columns_are_read_one_after_the_other(typeset):
    columns = "#set page(columns: 2)\n#set text(size: 7pt)\n"
    document = typeset(f"{columns}= One\n{'Left side first and then down. ' * 60}")
    assert html(document) == f"<p>{('Left side first and then down. ' * 60).strip()}</p>"


def test_columns_that_the_file_sets_line_by_line(typeset):
    rows = "".join(
        f"#place(top + left, dy: {number * 5}mm)[Left line number {number} goes on]"
        f"#place(top + left, dx: 52mm, dy: {number * 5}mm)[Right line number {number} goes on]\n"
        for number in range(1, 13)
    )
    found = re.findall(r"(Left|Right) line number (\d+)", re.sub(r"</?p>", " ", html(typeset(rows))))
    assert found == [(side, str(number)) for side in ("Left", "Right") for number in range(1, 13)]


def test_running_heads_and_page_numbers_are_left_out(typeset):
    head = (
        "#set page(header: [Handbook of everything], footer: context [Page #counter(page).display() of 9])\n"
    )
    text = " ".join(f"Sentence {number} of a long text is not like any other one." for number in range(200))
    document = typeset(f"{head}= One\n{text}")
    assert document.lessons[0].page_to >= 4
    # A page that ends with a sentence may also end a paragraph.
    assert html(document).replace("</p><p>", " ") == f"<p>{text}</p>"
    assert document.warnings == ["Running heads and page numbers were left out."]


def test_what_comes_back_in_the_midst_of_pages_stays(typeset):
    document = typeset("= One\n" + "#v(5cm)Exercise\n#pagebreak()\n" * 4 + "End")
    assert html(document).count("Exercise") == 4


@pytest.mark.parametrize("bookmarks", [True, False])
def test_printed_contents_are_left_out_and_used(typeset, bookmarks):
    document = typeset(
        f"#outline()\n#pagebreak()\n= First\n{WORDS}\n== Detail\n{WORDS}\n= Second\n{WORDS}\n= Third\n{WORDS}",
        bookmarks=bookmarks,
    )
    assert titles(document) == ["First", "Second", "Third"]
    assert document.lessons[0].html == f"<p>{WORDS.strip()}</p><h2>Detail</h2><p>{WORDS.strip()}</p>"
    assert document.lessons[0].confidence == (DECLARED if bookmarks else 0.9)
    assert "The printed table of contents was left out; the course shows its own." in document.warnings


def test_larger_lines_are_headings_where_there_are_no_bookmarks(typeset):
    document = typeset(
        f"#text(24pt)[The whole]\n\n= One\n{WORDS}\n== Detail\n{WORDS}\n= Two which is so long that it needs another line\n{WORDS}",
        bookmarks=False,
    )
    assert document.title == "The whole"
    assert titles(document) == ["One", "Two which is so long that it needs another line"]
    assert {lesson.confidence for lesson in document.lessons} == {LOOKED}
    assert document.lessons[0].html.count("<h2>Detail</h2>") == 1


def test_numbered_lines_are_headings_where_nothing_is_larger(typeset):
    text = "".join(f"Chapter {number}: On things\n\n{WORDS}\n\n" for number in (1, 2, 3))
    document = typeset(text)
    assert titles(document) == [f"Chapter {number}: On things" for number in (1, 2, 3)]
    assert {lesson.confidence for lesson in document.lessons} == {NUMBERED}


def test_long_documents_without_any_heading_are_cut_into_blocks_of_pages(typeset):
    document = typeset(f"{WORDS}\n#pagebreak()\n" * 12 + "End.")
    assert titles(document) == ["Pages 1–10", "Pages 11–13"]
    assert {lesson.confidence for lesson in document.lessons} == {CUT}
    assert titles(typeset(WORDS)) == ["a book"]


def test_bookmarks_with_one_root_count_from_below_it(typeset):
    def mark(writer):
        root = writer.add_outline_item(title="The book", page_number=0)
        writer.add_outline_item(title="Start", page_number=0, parent=root)
        writer.add_outline_item(title="Nowhere to be found", page_number=1, parent=root)

    document = typeset(f"Start\n\n{WORDS}\n#pagebreak()\n{WORDS}", change=mark)
    assert document.title == "The book"
    assert titles(document) == ["Start", "Nowhere to be found"]
    assert [lesson.html for lesson in document.lessons] == [f"<p>{WORDS.strip()}</p>"] * 2


def test_nothing_before_the_first_bookmark_is_lost(typeset):
    document = typeset(f"{WORDS}\n= One\n{WORDS}")
    assert titles(document) == ["Introduction", "One"]


def test_lists_within_lists(typeset):
    document = typeset(f"= One\n- a {WORDS}\n  - b\n  - c\n- d\n+ e\n+ f\n\n{WORDS}")
    assert html(document) == (
        f"<ul><li>a {WORDS.strip()}<ul><li>b</li><li>c</li></ul></li><li>d</li></ul><ol><li>e</li><li>f</li></ol>"
        f"<p>{WORDS.strip()}</p>"
    )


def test_code_keeps_its_lines_and_spaces(typeset):
    code = "def f(x):\n    if x:\n        return   1\n\n    return 2"
    document = typeset(f"= One\n```\n{code}\n```\nUse `f` now.")
    assert html(document) == f"<pre><code>{code}</code></pre><p>Use <code>f</code> now.</p>"


def test_tables_and_their_heads(typeset):
    table = "#table(columns: (2cm, 2cm, 4cm), table.header[*Name*][*Size*][*Use*], [nut], [3], [holds a bolt and so on and on and on], [bolt], [4], [x])"
    assert html(typeset(f"= One\n{table}")) == (
        '<table><tbody><tr><th scope="col">Name</th><th scope="col">Size</th><th scope="col">Use</th></tr>'
        "<tr><td>nut</td><td>3</td><td>holds a bolt and so on and on and on</td></tr>"
        "<tr><td>bolt</td><td>4</td><td>x</td></tr></tbody></table>"
    )


def test_links_emphasis_and_text_that_looks_like_tags(typeset):
    document = typeset(
        '= One\nSee #link("https://example.org/x")[the site], *bold* and _slanted_ #"<script>&amp;".'
    )
    assert html(document) == (
        '<p>See <a href="https://example.org/x" rel="noopener noreferrer">the site</a>, <strong>bold</strong> and '
        "<em>slanted</em> &lt;script&gt;&amp;amp;.</p>"
    )


def test_pictures_stand_where_they_stood_with_their_alternative_text(typeset):
    document = typeset('= One\nBefore.\n#image("grey.png", width: 3cm, alt: "A square")\nAfter.')
    assert html(document) == '<p>Before.</p><p><img src="media:1" alt="A square"></p><p>After.</p>'
    assert (document.pictures[0].width, document.pictures[0].height) == (40, 30)


def test_pictures_whose_masks_hide_what_is_black_are_drawn(basics):
    """Three diagrams on transparent ground; the masks of the others hide nothing, or white."""
    assert [(picture.content_type, picture.width) for picture in basics.pictures] == [
        ("image/jpeg", 888), ("image/jpeg", 890), ("image/jpeg", 890), ("image/jpeg", 713),
        ("image/png", 480), ("image/png", 163), ("image/png", 840), ("image/png", 840),
    ]  # fmt: skip


def test_a_transparent_picture_stays_transparent(typeset, tmp_path):
    rows = b"".join(b"\x00" + bytes((0, 0, 0, 0)) * 20 + bytes((255, 0, 0, 255)) * 20 for _ in range(30))
    head = struct.pack(">2I5B", 40, 30, 8, 6, 0, 0, 0)
    parts = (
        material.chunk(b"IHDR", head),
        material.chunk(b"IDAT", zlib.compress(rows)),
        material.chunk(b"IEND", b""),
    )
    (tmp_path / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    document = typeset('= One\nText.\n#image("half.png", width: 3cm)\n#image("grey.png", width: 3cm)')
    first, second = ((tmp_path / "pictures" / picture.file).read_bytes() for picture in document.pictures)
    # The kind of colours (ISO/IEC 15948, 11.2.2): with transparency, and without.
    assert (first[25], second[25]) == (6, 2)


def test_arabic_in_its_logical_order(typeset):
    text = "السلام عليكم ورحمة الله وبركاته هذا نص عربي طويل يجب أن يظهر بالترتيب الصحيح في كل سطر من الأسطر"
    document = typeset(f'#set text(lang: "ar", dir: rtl)\n= الفصل الأول\n{text}')
    assert titles(document) == ["الفصل الأول"]
    assert html(document) == f'<p dir="rtl">{text}</p>'


def test_vertical_columns_from_the_right(tmp_path):
    columns = [
        "第一章はじめに",
        "これは縦書きの文章です日本語の文書は",
        "右から左へ上から下へ読みますとても長い",
        "文章です",
    ]
    path = tmp_path / "vertical.pdf"
    path.write_bytes(vertical(columns))
    document = read(path, tmp_path, kind=Kind.PDF)
    assert titles(document) == [columns[0]]
    assert html(document) == f"<p>{''.join(columns[1:])}</p>"


def vertical(columns):
    """A page in vertical writing, the first column twice as large, set from the right."""
    signs = sorted(set("".join(columns)))
    mapping = "".join(f"<{place:04X}><{ord(sign):04X}>\n" for place, sign in enumerate(signs, start=1))
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def "
        f"1 begincodespacerange <0000><FFFF> endcodespacerange {len(signs)} beginbfchar\n{mapping}endbfchar endcmap end end"
    )
    text = "".join(
        f"/F1 {12 if number else 24} Tf 1 0 0 1 {500 - number * 24} 780 Tm "
        f"<{''.join(f'{signs.index(sign) + 1:04X}' for sign in column)}> Tj\n"
        for number, column in enumerate(columns)
    )
    return objects(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(text) + 6}>>stream\nBT\n{text}ET\nendstream",
        "<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-V/DescendantFonts[6 0 R]/ToUnicode 8 0 R>>",
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/X/DW 1000/FontDescriptor 7 0 R"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(Japan1)/Supplement 0>>>>",
        "<</Type/FontDescriptor/FontName/X/Flags 4/FontBBox[0 -200 1000 800]/ItalicAngle 0/Ascent 800/Descent -200>>",
        f"<</Length {len(cmap)}>>stream\n{cmap}\nendstream",
    )


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_pages_that_are_shown_turned(tmp_path, quarters):
    matrices = {1: "0 1 -1 0 300 {0}", 2: "-1 0 0 -1 {0} 300", 3: "0 -1 1 0 300 {0}"}
    text = "".join(
        f"1 0 0 1 0 0 Tm {matrices[quarters].format(500)} Tm 1 0 0 1 0 0 Td ({word}) Tj\n"
        for word in ("Upright words",)
    )
    path = tmp_path / "turned.pdf"
    path.write_bytes(
        objects(
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Rotate {90 * quarters}/Contents 4 0 R"
            "/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
            f"<</Length {len(text) + 20}>>stream\nBT /F1 12 Tf\n{text}\nET      \nendstream",
        )
    )
    assert html(read(path, tmp_path, kind=Kind.PDF)) == "<p>Upright words</p>"


def test_a_password_that_only_restricts_is_no_hindrance(typeset):
    document = typeset(
        f"= One\n{WORDS}",
        change=lambda writer: writer.encrypt("", owner_password="secret", algorithm="AES-256"),
    )
    assert WORDS.strip() in html(document)


def test_a_password_that_is_asked_for_on_opening(typeset):
    with pytest.raises(EncryptedDocumentError):
        typeset("= One\nText", change=lambda writer: writer.encrypt("secret", algorithm="AES-256"))


def test_scans_are_refused_with_advice(typeset):
    with pytest.raises(NoTextError, match="OCR"):
        typeset('#set page(margin: 0cm)\n#image("grey.png", width: 14cm)\n#image("grey.png", width: 14cm)')


def test_a_scanned_page_among_others_is_named(typeset):
    scan = '#page(margin: 0cm)[#image("grey.png", width: 14cm)]\n'
    document = typeset(f"= One\n{WORDS}\n{scan}= Two\n{WORDS}")
    assert any(warning.startswith("Page(s) 2 are pictures of text") for warning in document.warnings)
    assert document.lessons[0].pictures == [1]


def test_logos_and_thin_lines_are_no_pictures_of_lessons(typeset):
    head = '#set page(background: place(top + left, image("grey.png", width: 2cm)))\n'
    document = typeset(head + f"= One\n{WORDS}\n#pagebreak()\n" * 4)
    assert "img" not in "".join(lesson.html for lesson in document.lessons)


def test_empty_and_damaged_files(typeset, tmp_path):
    with pytest.raises(NoContentError):
        typeset("#pagebreak()")
    whole = (DATA / "python-basics.pdf").read_bytes()
    for share in (0, 0.01):
        path = tmp_path / "cut.pdf"
        path.write_bytes(whole[: max(8, int(len(whole) * share))])
        with pytest.raises(CorruptDocumentError):
            read(path, tmp_path, kind=Kind.PDF)


def made_pages(texts, *, size=10.0):
    """Pages of 800 points with lines at their heights: `[{760: "Head", 400: "Text"}]`."""
    pages = []
    for number, lines in enumerate(texts, start=1):
        page = PageText(number, 600, 800)
        page.lines = [Line(number, [], height, size, text=text) for height, text in lines.items()]
        pages.append(page)
    return pages


def test_left_and_right_pages_have_heads_of_their_own():
    pages = made_pages(
        [{760: "Book" if number % 2 else "Chapter", 400: f"Text {number}"} for number in range(8)]
    )
    assert furniture.drop_running_heads(pages, 10.0)
    assert [[line.text for line in page.lines] for page in pages] == [
        [f"Text {number}"] for number in range(8)
    ]


def test_headings_at_the_top_of_several_pages_are_no_running_heads():
    pages = made_pages([{760: f"Exercise {number}", 400: f"Text {number}"} for number in range(5)])
    for page in pages:
        page.lines[0].size = 14.0
    assert not furniture.drop_running_heads(pages, 10.0)


def test_a_short_document_loses_no_first_line():
    pages = made_pages([{760: "Welcome", 400: "a"}, {760: "Goodbye", 400: "b"}])
    assert not furniture.drop_running_heads(pages, 10.0)
    assert len(pages[0].lines) == 2


@pytest.mark.parametrize(
    ("heads", "dropped"),
    [
        # Every page its own number: that of the page.
        ([f"Handbook {number}" for number in range(1, 7)], True),
        # A chapter's number, which several pages share.
        ([f"Chapter {number // 3}" for number in range(3, 9)], True),
        # Numbers that do not grow with the pages count something else.
        ([f"Exercise {number}" for number in (1, 2, 3, 5, 6, 7)], False),
    ],
)
def test_numbers_in_heads(heads, dropped):
    pages = made_pages([{760: head, 400: f"Text {number}"} for number, head in enumerate(heads)])
    assert furniture.drop_running_heads(pages, 10.0) is dropped
    assert [len(page.lines) for page in pages] == [1 if dropped else 2] * 6


@pytest.mark.parametrize("bold", [True, False])
def test_exercises_that_each_have_a_page_are_no_running_heads(bold):
    """They are bold, or the page's number stands elsewhere."""
    pages = made_pages(
        [
            {760: f"Exercise {number}", 400: f"Text {number}", 40: f"{'' if bold else number + 9}"}
            for number in range(5)
        ]
    )
    for page in pages:
        page.lines[0].bold = bold
    furniture.drop_running_heads(pages, 10.0)
    assert [page.lines[0].text for page in pages] == [f"Exercise {number}" for number in range(5)]
    assert all(page.lines[-1].text != str(page.number + 8) for page in pages)
