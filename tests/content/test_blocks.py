"""Lessons as blocks: where they can be split, and the words by which they are compared."""

import pytest

from tms.content import blocks

LESSON = (
    "<p>Before\n\u2028it.</p>\n<h2>Fish &amp; <em>chips</em></h2><p>Salt.</p>"
    "<blockquote><h2>Quoted</h2></blockquote><table><tbody><tr><td><h3>In a cell</h3></td></tr></tbody></table>"
    "<h3></h3><h3>Vinegar</h3><p>x<sup>2</sup>, <code>if</code>, end<br>line</p>"
)


def test_headings_that_are_no_part_of_something_else():
    found = blocks.headings(LESSON)
    assert [(one.level, one.title) for one in found] == [(2, "Fish & chips"), (3, "Vinegar")]
    assert [LESSON[one.start : one.end] for one in found] == [
        "<h2>Fish &amp; <em>chips</em></h2>",
        "<h3>Vinegar</h3>",
    ]


def test_words_are_parted_by_blocks_alone():
    assert blocks.text(LESSON) == ("Before it. Fish & chips Salt. Quoted In a cell Vinegar x2, if, end line")


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        ("Fish, CHIPS & salt", ["fish", "chips", "salt"]),
        ("日本語を学ぶ", list("日本語を学ぶ")),
        ("ภาษา ok", ["ภ", "า", "ษ", "า", "ok"]),
        ("", []),
    ],
)
def test_scripts_without_spaces_are_compared_letter_by_letter(words, tokens):
    assert blocks.tokens(words) == tokens
