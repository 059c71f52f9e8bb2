"""Which lesson of a new edition is which section of the old one: told by headings and words, not by places.

Two lessons are likened by the words that they have in common (Dice's coefficient over runs of three words, `2 * shared /
(a + b)`, in 0..1) and by their heading: the same path of headings weighs more than the same title elsewhere. Pairs are
taken from the most alike downwards, each lesson once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tms.content import blocks

SAME_PATH, SAME_TITLE = 0.6, 0.3
"""What equal headings add to the likeness of words."""
WORDS_ALONE = 0.5
"""From here on words tell a lesson that got another heading."""
TITLE_NEEDS = 0.1
"""With the same title elsewhere, so much of the words must agree."""
_RUN = 3
_COMMON = 50
"""What stands in more sections than this tells none from another, and would cost the square of their number."""


@dataclass(frozen=True)
class Text:
    """A lesson as it is compared."""

    path: tuple[str, ...]
    words: str
    runs: Counter[tuple[str, ...]] = field(init=False, repr=False)
    folded: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = blocks.tokens(self.words)
        last = max(1, len(found) - _RUN + 1)
        runs = Counter(tuple(found[at : at + _RUN]) for at in range(last)) if found else Counter()
        object.__setattr__(self, "runs", runs)
        object.__setattr__(self, "folded", tuple(" ".join(part.casefold().split()) for part in self.path))


def pairs(old: Sequence[Text], new: Sequence[Text]) -> dict[int, int]:
    """For places in `new` the place in `old` of the same lesson; lessons without a counterpart are left out."""
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, after, before in sorted(_candidates(old, new)):
        if after not in found and before not in taken:
            found[after] = before
            taken.add(before)
    return found


def _candidates(old: Sequence[Text], new: Sequence[Text]) -> Iterator[tuple[float, int, int, int]]:
    """Pairs that may be the same, the most alike first when sorted, among equals those whose places are nearest."""
    shared = _shared_runs(old, new)
    for after, lesson in enumerate(new):
        for before, section in enumerate(old):
            same_path = lesson.folded == section.folded
            same_title = lesson.folded[-1:] == section.folded[-1:]
            common = shared[after].get(before, 0)
            if not common and not same_path:
                continue
            size = lesson.runs.total() + section.runs.total()
            alike = 2 * common / size if size else 1.0
            if same_path or alike >= WORDS_ALONE or (same_title and alike >= TITLE_NEEDS):
                weight = alike + (SAME_PATH if same_path else SAME_TITLE if same_title else 0)
                yield -weight, abs(after - before), after, before


def _shared_runs(old: Sequence[Text], new: Sequence[Text]) -> list[dict[int, int]]:
    """For each new lesson how many runs of words it has in common with which old one."""
    where: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for before, section in enumerate(old):
        for run, times in section.runs.items():
            where[run].append((before, times))
    shared: list[dict[int, int]] = []
    for lesson in new:
        counts: dict[int, int] = defaultdict(int)
        for run, times in lesson.runs.items():
            places = where.get(run, ())
            for before, others in places if len(places) <= _COMMON else ():
                counts[before] += min(times, others)
        shared.append(counts)
    return shared


def moved(places: Sequence[int]) -> set[int]:
    """Which of these different old places, listed in their new order, were moved: the fewest that explain the order.

    Those that stay are a longest increasing subsequence (patience sorting).
    """
    tails: list[int] = []
    before: list[int | None] = []
    for at, place in enumerate(places):
        low, high = 0, len(tails)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if places[tails[middle]] < place else (low, middle)
        before.append(tails[low - 1] if low else None)
        tails[low : low + 1] = [at]
    staying: set[int] = set()
    at_last = tails[-1] if tails else None
    while at_last is not None:
        staying.add(places[at_last])
        at_last = before[at_last]
    return set(places) - staying
