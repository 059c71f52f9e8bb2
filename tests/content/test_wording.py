"""Which words changed between two editions of a lesson."""

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tms.content import blocks, wording
from tms.content.wording import Run


def told(old, new):
    """The runs of two texts on one line: `{-gone-}`, `{+new+}`."""
    runs = wording.compare([old], [new])
    marks = {"same": "{}", "inserted": "{{+{}+}}", "deleted": "{{-{}-}}"}
    return " ".join("".join(marks[run.kind].format(run.text) for run in runs).split())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "Cool it for ten minutes and wait.",
            "Cool it for twenty minutes and wait.",
            "Cool it for {-ten -}{+twenty +}minutes and wait.",
        ),
        ("Cool the burn.", "Cool the burn with water.", "Cool the burn {+with water+}."),
        ("One. Two. Three.", "One. Three.", "One. {-Two. -}Three."),
        ("One.", "One. Two.", "One. {+Two. +}"),
        ("Same word", "Same Word", "Same {-word -}{+Word +}"),
        # A word or two in the midst of what changes help nobody.
        ("Keep the old bag closed.", "Open and use the new one now.", "{-Keep the old bag closed-}{+Open and use the new one now+}."),
        ("日本語の文です。", "日本語の新しい文です。", "日本語の{+新しい+}文です。"),
        ("x = 1", "x = 2", "x = {-1 -}{+2 +}"),
    ],
)  # fmt: skip
def test_words_that_change(old, new, expected):
    assert told(old, new) == expected


def test_nothing_changes_where_only_the_markup_does():
    old, new = "<p>Same <b>words</b>.</p><p>Here.</p>", "<ul><li>Same words.</li><li>Here.</li></ul>"
    assert wording.Comparer().words(old, new) == []
    assert wording.Comparer().words("<p>One.</p><p>Two.</p>", "<p>One. Two.</p>") == []


def test_what_stands_apart_is_not_run_together():
    html = "<table><tr><td>a</td><td>b c</td></tr></table><pre>x\n  y</pre><p>I<b>n</b>line<br>next</p>"
    assert blocks.lines(html) == ["a b c", "x", "y", "Inline", "next"]
    assert blocks.text(html) == "a b c x y Inline next"


def test_of_what_stays_only_the_neighbours_are_told():
    words = [f"word{number}" for number in range(100)]
    old = " ".join(words) + "."
    runs = wording.compare([old], [old.replace("word50", "other")])
    assert [run.kind for run in runs] == ["same", "deleted", "inserted", "same"]
    assert runs[0].text.split() == ["…", *words[38:50]]
    assert runs[3].text.split() == [*words[51:63], "…"]


texts = st.lists(st.sampled_from("a b c d. e f! g".split()), max_size=30).map(" ".join)  # noqa: SIM905 - a list


@given(texts, texts)
@settings(deadline=None)
def test_each_text_can_be_read_out_of_the_runs(old, new):
    """What goes and stays is the old text, what comes and stays the new one, where nothing is left out."""
    runs = wording.compare([old], [new])
    if not runs:
        assert old.split() == new.split()
    elif not any("…" in run.text for run in runs):
        for side, text in (("deleted", old), ("inserted", new)):
            read = " ".join(run.text for run in runs if run.kind in {"same", side})
            assert "".join(read.split()) == "".join(text.split())


def test_runs_of_one_kind_are_joined():
    runs = wording.compare(["A b. C d. E f."], ["A x. C y. E z."])
    assert runs
    assert all(one.kind != other.kind for one, other in pairwise(runs))


def test_too_much_is_not_compared():
    many = [f"Sentence {number}." for number in range(wording.SENTENCES_LIMIT + 1)]
    assert wording.compare(many, [f"Other {number}." for number in range(3)]) is None
    # Equal beginnings and ends cost nothing.
    assert [run.kind for run in wording.compare([*many, "Old end."], [*many, "New end."])] == [
        "same",
        "deleted",
        "inserted",
        "same",
    ]
    comparer = wording.Comparer()
    long = "x" * (wording.LETTERS_IN_ALL // 4)
    assert comparer.words("a", "b") is not None
    assert comparer.words(long, long) == []
    assert comparer.words(long, long) is None
    assert comparer.words("a", "b") is None


def test_a_long_passage_changes_in_whole():
    rng = random.Random(1)
    old, new = (" ".join(rng.choice("ab") for _ in range(wording.WORDS_LIMIT + 1)) for _ in range(2))
    assert wording.compare([old], [new]) == [Run("deleted", f"{old}\n"), Run("inserted", f"{new}\n")]


def test_what_is_made_to_cost_much_ends_soon():
    """The worst for the method: many passages of the greatest length out of two words."""
    rng = random.Random(2)

    def text():
        sentence = [
            " ".join(rng.choice("ab") for _ in range(wording.WORDS_LIMIT - 1)) + "." for _ in range(600)
        ]
        return [line for at, one in enumerate(sentence) for line in (one, f"Landmark {at}.")]

    began = time.process_time()
    assert wording.compare(text(), text())
    assert time.process_time() - began < 20
