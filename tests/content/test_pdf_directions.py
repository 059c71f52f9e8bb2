"""Writing from the right among writing from the left, and the other way around, in PDFs."""

import pytest

from tests.content.typesetting import html
from tms.content.pdf.lines import PageText, lines_of
from tms.content.pdf.text import Font, Run

WORDS = "שורה ראשונה של הטקסט"
PLAIN = Font(mono=False, bold=False, italic=False)


@pytest.mark.parametrize(
    "text",
    [
        "The phrase שלום עולם טוב means hello, and the price is מחיר 25 שקל today.",
        "A longer one: בראשית ברא אלהים את השמים ואת הארץ והארץ היתה תהו ובהו וחשך על פני תהום is quoted.",
        "The Arabic السلام عليكم ورحمة means peace.",
    ],
)
def test_phrases_from_the_right_within_a_text_from_the_left(typeset, text):
    assert html(typeset(f"= One\n{text}")) == f"<p>{text}</p>"


@pytest.mark.parametrize(
    "text",
    [
        "זה טקסט בעברית עם Python is good באמצע של המשפט הארוך הזה, ואחריו עוד 25 שקל.",
        "m1q מדידה לחץ לחץ מעלה חום ניסוי.",
    ],
)
def test_words_from_the_left_within_a_text_from_the_right(typeset, text):
    document = typeset(f'#set text(lang: "he", dir: rtl)\n= אחת\n{WORDS}.\n\n{text}')
    assert f">{text}</p>" in html(document)


def line_of(*runs):
    """The text of one line of runs, given as text, left and right."""
    page = PageText(1, 600, 800)
    made = [
        Run(text, left, right, 700.0, 10.0, PLAIN, index) for index, (text, left, right) in enumerate(runs)
    ]
    (line,) = lines_of(page, made)
    return line


def test_a_line_is_read_from_the_edge_at_which_it_stands_alone():
    """A title that begins on the left, on a page of Hebrew."""
    page = PageText(1, 600, 800)
    hebrew = [
        Run("מדידה לחץ מעלה", 300.0 - 9 * row, 520.0, 600.0 - 14 * row, 10.0, PLAIN) for row in range(6)
    ]
    left = [Run("m2q ", 90.0, 110.0, 700.0 - 14 * row, 10.0, PLAIN) for row in range(5)]
    title = [Run("חום ניסוי", 110.0, 160.0, 700.0, 10.0, PLAIN)]
    first = lines_of(page, [left[0], *title, *left[1:], *hebrew])[0]
    assert (first.text, first.rtl) == ("m2q חום ניסוי", False)


def test_numbers_stay_in_the_phrase_that_they_belong_to():
    line = line_of(
        ("costs ", 50, 80), (" שקל", 80, 100), ("25", 100, 112), ("מחיר ", 112, 130), (" today", 130, 160)
    )
    assert (line.text, line.rtl) == ("costs מחיר 25 שקל today", False)


def test_text_that_is_turned_keeps_its_order(typeset):
    document = typeset(
        "= One\nA word שלום here.\n\n#rotate(180deg)[Upside down]\n\n#rotate(-90deg, reflow: true)[Up the page]"
    )
    assert "Upside down" in html(document)
    assert "Up the page" in html(document)
