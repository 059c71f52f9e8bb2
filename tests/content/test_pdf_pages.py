"""Pages that are cropped, turned, or written across, and what stands beside their text."""

import pypdf
import pytest

from tests.content.documents import read
from tests.content.typesetting import WORDS, html, objects, titles, typeset
from tms.content.sniff import Kind

PICTURE = (
    "q {0} 0 0 {1} {2} {3} cm BI /W 32 /H 32 /CS /G /BPC 8 /F /AHx ID " + "80" * 512 + "FF" * 512 + "> EI Q\n"
)


@pytest.fixture
def drawn(tmp_path):
    """`drawn("/MediaBox[0 0 600 800]", "BT ... ET")`: the document that becomes of one page."""

    def make(page, content, *more):
        path = tmp_path / "drawn.pdf"
        path.write_bytes(
            objects(
                "<</Type/Catalog/Pages 2 0 R>>",
                "<</Type/Pages/Kids[3 0 R]/Count 1>>",
                f"<</Type/Page/Parent 2 0 R{page}/Contents 4 0 R"
                "/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/XObject<</X 5 0 R>>>>>>",
                f"<</Length {len(content)}>>stream\n{content}\nendstream",
                *more,
            )
        )
        return read(path, tmp_path, kind=Kind.PDF)

    return make


def lines(left, top, *texts, size=12):
    return "".join(
        f"BT /F1 {size} Tf 1 0 0 1 {left} {top - 14 * row} Tm ({text}) Tj ET\n"
        for row, text in enumerate(texts)
    )


@pytest.mark.parametrize(
    "box",
    [
        "/MediaBox[-300 -400 300 400]",
        "/MediaBox[1000 1000 1600 1800]",
        "/MediaBox[-900 -900 900 900]/CropBox[-300 -400 300 400]",
    ],
)
def test_the_page_may_begin_anywhere(drawn, box):
    left, bottom = (int(number) for number in box.rpartition("[")[2].split()[:2])
    document = drawn(
        box,
        lines(left + 50, bottom + 700, "Words of a text that", "goes on.")
        + PICTURE.format(60, 60, left + 50, bottom + 500),
    )
    assert html(document) == '<p>Words of a text that goes on.</p><p><img src="media:1" alt=""></p>'


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_page_may_begin_anywhere(drawn, quarters):
    matrix = {1: "0 1 -1 0 1300 1100", 2: "-1 0 0 -1 1500 1500", 3: "0 -1 1 0 1300 1500"}[quarters]
    document = drawn(
        f"/MediaBox[1000 1000 1600 1800]/Rotate {90 * quarters}",
        f"BT /F1 12 Tf {matrix} Tm (Upright words) Tj ET",
    )
    assert html(document) == "<p>Upright words</p>"


def test_only_what_is_shown_of_a_page_is_read(drawn):
    """Two pages on one sheet, of which one is cut out."""
    content = (
        lines(50, 700, "Left words")
        + lines(350, 700, "Right words")
        + PICTURE.format(60, 60, 50, 500)
        + PICTURE.format(60, 40, 350, 500)
    )
    document = drawn("/MediaBox[0 0 600 800]/CropBox[300 0 600 800]", content)
    assert html(document) == '<p>Right words</p><p><img src="media:1" alt=""></p>'


def test_text_across_an_upright_page_is_read_as_it_runs(drawn):
    """A page as word processors print it that is wider than high, with its number at the lower edge of the paper."""
    words = WORDS.split(". ")[0]
    across = "".join(
        f"BT /F1 12 Tf 0 1 -1 0 {100 + 14 * row} 100 Tm ({words} {row}) Tj ET\n" for row in range(3)
    )
    apart = "BT /F1 12 Tf 0 1 -1 0 200 100 Tm (Apart) Tj ET\n"
    document = drawn("/MediaBox[0 0 600 1000]", across + apart + lines(300, 30, "A foot"))
    assert html(document) == f"<p>{words} 0 {words} 1 {words} 2</p><p>Apart</p><p>A foot</p>"


def test_a_few_lines_across_a_page_have_spaces_between_them(drawn):
    content = lines(100, 700, *[f"Many words {row} of the page" for row in range(9)])
    content += "BT /F1 12 Tf 0 1 -1 0 40 100 Tm (At the) Tj 0 1 -1 0 54 100 Tm (edge) Tj ET"
    assert html(drawn("/MediaBox[0 0 600 800]", content)).endswith("<p>At the edge</p>")


def test_bookmarks_lead_into_pages_that_begin_elsewhere(tmp_path):
    def change(writer):
        for page in writer.pages:
            page.mediabox.lower_left = (-100, -500)
        writer.add_outline_item(
            title="Nowhere written", page_number=0, fit=pypdf.generic.Fit.xyz(left=0, top=280)
        )

    document = typeset(tmp_path, f"{WORDS}\n#v(3cm)\nLast words.", change=change)
    assert titles(document) == ["Introduction", "Nowhere written"]
    assert document.lessons[1].html == "<p>Last words.</p>"


def test_very_large_type_does_not_draw_the_lines_beside_it_together(drawn):
    texts = [f"Line {row} of a text that goes on and on and on" for row in range(8)]
    content = lines(50, 700, *texts) + lines(340, 645, "x", size=100)
    lesson = drawn("/MediaBox[0 0 600 800]", content).lessons[-1]
    assert lesson.html == "".join(f"<p>{text}</p>" for text in texts[5:])
    assert lesson.title == f"{texts[4]} x"


def test_a_picture_within_a_group_stands_where_the_group_is_drawn(drawn):
    form = PICTURE.format(1, 1, 0, 0)
    group = f"<</Type/XObject/Subtype/Form/BBox[0 0 1 1]/Length {len(form)}>>stream\n{form}\nendstream"
    content = lines(50, 700, "Before.") + "q 200 0 0 100 50 550 cm /X Do Q\n" + lines(50, 500, "After.")
    assert html(drawn("/MediaBox[0 0 600 800]", content, group)) == (
        '<p>Before.</p><p><img src="media:1" alt=""></p><p>After.</p>'
    )


def test_a_picture_with_a_mask_within_a_group_is_drawn_as_large_as_it_is_seen(drawn, tmp_path):
    """A black one, of which the right half is hidden."""
    form = "/I Do"
    image = "<</Type/XObject/Subtype/Image/Width 40/Height 40/BitsPerComponent 8/ColorSpace/Device{}/Filter/ASCIIHexDecode{}/Length {}>>stream\n{}>\nendstream"
    black, mask = "00" * 4800, ("FF" * 20 + "00" * 20) * 40
    document = drawn(
        "/MediaBox[0 0 600 800]",
        lines(50, 700, "Before.") + "q 200 0 0 200 50 400 cm /X Do Q\n",
        f"<</Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</XObject<</I 6 0 R>>>>/Length {len(form)}>>stream\n{form}\nendstream",
        image.format("RGB", "/SMask 7 0 R", len(black) + 1, black),
        image.format("Gray", "", len(mask) + 1, mask),
    )
    (picture,) = document.pictures
    assert (picture.content_type, picture.width, picture.height) == ("image/png", 40, 40)
    # With transparency (ISO/IEC 15948, 11.2.2).
    assert (tmp_path / "pictures" / picture.file).read_bytes()[25] == 6


def test_a_picture_stands_in_its_own_column(typeset):
    document = typeset(
        "#set page(columns: 2, width: 20cm)\n#set text(size: 8pt)\n= One\n"
        + " ".join(f"Left {number} side of the sheet." for number in range(40))
        + '\n#colbreak()\nRight begins.\n\n#image("grey.png", width: 2cm)\n\n'
        + " ".join(f"Right {number} side of the sheet." for number in range(30))
    )
    assert '<p>Right begins.</p><p><img src="media:1" alt=""></p><p>Right 0 side' in html(document)
