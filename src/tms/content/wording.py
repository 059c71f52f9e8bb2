"""Which words of a lesson a new edition changes: sentences are paired first, then words within those that differ.

Longest common runs are found by Ratcliff and Obershelp's method (`difflib`), which takes the square of what it is given in
the worst case. So equal beginnings and ends are put aside, and what is left is compared only within the limits below.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from tms.content import blocks

SENTENCES_LIMIT = 1500
"""A lesson of which more sentences than this may differ is told as changed, without its words."""
WORDS_LIMIT = 200
"""Longer passages that differ are shown as gone and as new in whole."""
LETTERS_IN_ALL = 1_000_000
"""How much text, old and new, one difference compares."""
CONTEXT = 12
"""So many words that stay are shown on each side of those that do not."""
_FEW = 2
"""So few words in the midst of others that change are no landmark for anybody."""

Kind: TypeAlias = Literal["same", "inserted", "deleted"]

_SENTENCE_ENDS = re.compile(r"(?<=[.!?…] )|(?<=[。！？])")
# As `blocks.tokens` counts words, with all that stands between them.
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Run:
    """Words in a row with one fate; line feeds stand where lines end."""

    kind: Kind
    text: str


class Comparer:
    """Compares the lessons of one difference, as many of them as there is time for."""

    def __init__(self) -> None:
        self._left = LETTERS_IN_ALL

    def words(self, old: str, new: str) -> list[Run] | None:
        """The runs of two lessons' HTML; none where no word changes. None where they are too long, or came too late."""
        self._left -= len(old) + len(new)
        return None if self._left < 0 else compare(blocks.lines(old), blocks.lines(new))


def compare(old: Sequence[str], new: Sequence[str]) -> list[Run] | None:
    """The runs of two texts, each given as its lines; none where both have the same words, None where they are too long."""
    before, after = _sentences(old), _sentences(new)
    if before == after:
        return []
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    first, second = before[head : len(before) - tail], after[head : len(after) - tail]
    if max(len(first), len(second)) > SENTENCES_LIMIT:
        return None
    runs = [
        Run("same", "".join(before[:head])),
        *_pair(first, second),
        Run("same", "".join(before[len(before) - tail :])),
    ]
    joined = _join(runs)
    # Lines may have been parted elsewhere.
    return _shorten(joined) if any(run.kind != "same" for run in joined) else []


def _sentences(lines: Sequence[str]) -> list[str]:
    """Each with the space behind it, if there is any; a line's last one ends the line."""
    return [sentence for line in lines for sentence in _SENTENCE_ENDS.split(f"{line}\n") if sentence.strip()]


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many of the first ones are equal."""
    pairs = zip(first, second, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


def _pair(before: Sequence[str], after: Sequence[str]) -> Iterator[Run]:
    for tag, start, stop, begin, end in SequenceMatcher(None, before, after).get_opcodes():
        old, new = before[start:stop], after[begin:end]
        if tag == "equal":
            yield Run("same", "".join(old))
        elif len(old) == len(new):
            for one, other in zip(old, new, strict=True):
                yield from _within(one, other)
        else:
            yield from _within("".join(old), "".join(new))


def _within(old: str, new: str) -> Iterator[Run]:
    """The words that differ in a passage; a passage that has next to nothing in common changes in whole."""
    before, after = _spell(old), _spell(new)
    if max(len(before), len(after)) > WORDS_LIMIT:
        yield from (Run("deleted", old), Run("inserted", new))
        return
    matcher = SequenceMatcher(None, [word for word, _ in before], [word for word, _ in after], autojunk=False)
    for tag, start, stop, begin, end in _landmarks(matcher.get_opcodes()):
        if tag == "equal":
            yield Run("same", _text(after[begin:end]))
        else:
            yield Run("deleted", _text(before[start:stop]))
            yield Run("inserted", _text(after[begin:end]))


Opcode: TypeAlias = tuple[str, int, int, int, int]


def _landmarks(codes: Sequence[Opcode]) -> Iterator[Opcode]:
    """The same opcodes, but that a few equal words between changes longer than they are change with these."""
    held: Opcode | None = None
    for at, (tag, start, stop, begin, end) in enumerate(codes):
        between = 0 < at < len(codes) - 1
        if tag == "equal" and not (between and _is_lost(codes, at)):
            if held is not None:
                yield held
            held = None
            yield tag, start, stop, begin, end
        elif held is None:
            held = ("replace", start, stop, begin, end)
        else:
            held = ("replace", held[1], stop, held[3], end)
    if held is not None:
        yield held


def _is_lost(codes: Sequence[Opcode], at: int) -> bool:
    words = codes[at][2] - codes[at][1]
    around = [max(stop - start, end - begin) for _, start, stop, begin, end in (codes[at - 1], codes[at + 1])]
    return words <= _FEW and words < min(around)


def _spell(text: str) -> list[tuple[str, str]]:
    """Words and marks, each with what parts it from the next one."""
    found = list(_WORD.finditer(text))
    ends = [*(one.start() for one in found), len(text)][1:]
    return [(one[0], text[one.end() : end]) for one, end in zip(found, ends, strict=True)]


def _text(words: Sequence[tuple[str, str]]) -> str:
    return "".join(word + space for word, space in words)


def _join(runs: Iterable[Run]) -> list[Run]:
    """Neighbours of one kind as one run; where something changes, what goes stands before what comes."""
    joined: list[Run] = []
    gone, come = "", ""
    for run in (*runs, Run("same", "")):
        if run.kind == "deleted":
            gone += run.text
        elif run.kind == "inserted":
            come += run.text
        elif gone or come:
            joined += [Run("deleted", gone), Run("inserted", come), run]
            gone, come = "", ""
        elif joined and run.text:
            joined[-1] = Run("same", joined[-1].text + run.text)
        else:
            joined.append(run)
    return [run for run in joined if run.text]


def _shorten(runs: Sequence[Run]) -> list[Run]:
    """Of what stays, the words next to what does not."""
    last = len(runs) - 1
    return [
        Run(run.kind, _cut(run.text, leads=at > 0, follows=at < last) if run.kind == "same" else run.text)
        for at, run in enumerate(runs)
    ]


def _cut(text: str, *, leads: bool, follows: bool) -> str:
    words = re.findall(r"\S+\s*", text)
    if len(words) <= CONTEXT * (leads + follows) + 1:
        return text
    before = words[:CONTEXT] if leads else []
    behind = words[-CONTEXT:] if follows else []
    return "".join([*before, "… ", *behind])
