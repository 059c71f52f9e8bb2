"""Well-formed documents of known content: what share of their words, titles and order the lessons hold."""

import pytest

from tests.corpus import running
from tests.corpus.good.corpus import DOCUMENTS, OFFICE_DOCUMENTS, Good
from tests.corpus.good.known import Block, Known, KnownLesson
from tests.corpus.good.measuring import Measure, measure
from tests.office import PROGRAM
from tms.content import formats
from tms.content.lessons.document import Source
from tms.content.pictures import PictureFolder
from tms.courses import html as lesson_html

# The floor for each document, and for the mean of all.
FLOOR = Measure(words=0.995, titles=1, order=0.995)
MEAN = Measure(words=0.999, titles=0.999, order=0.995)


def lessons_of(good: Good, folder):
    """Read in this process; the sandbox has tests of its own."""
    path = folder / "document"
    path.write_bytes(good.write())
    kind = formats.admit(path, good.filename)
    source = Source(path, good.filename, kind, PictureFolder(folder), lambda *_: None)
    document = formats.reader(kind).read(source)
    for lesson in document.lessons:
        lesson.html = lesson_html.sanitise_extracted(lesson.html)
    return document.lessons


def holds(found: Measure, floor: Measure):
    return found.words >= floor.words and found.titles >= floor.titles and found.order >= floor.order


def test_the_measure_notices_what_is_lost_and_what_is_out_of_order():
    known = Known("a", "latin", [KnownLesson("m1q One", [Block("paragraph", ["m2q two", "m3q three"])])])

    class Read:
        title = "m1q One"
        html = "<p>m3q three</p><p>m2q</p>"

    assert measure(known, [Read()]) == Measure(words=5 / 6, titles=1, order=2 / 3)
    Read.html = '<p>m2q two <img src="media:1" alt="m3q three"></p>'
    assert measure(known, [Read()]).words == 4 / 6
    Read.title = "Another"
    assert measure(known, [Read()]).titles == 0


def test_the_corpus_is_large():
    assert len(DOCUMENTS) >= 60
    assert len({good.id for good in DOCUMENTS}) == len(DOCUMENTS)


@pytest.mark.parametrize("good", DOCUMENTS, ids=lambda good: good.id)
def test_a_document_of_known_content(good, tmp_path):
    found = measure(good.known, lessons_of(good, tmp_path))
    assert holds(found, FLOOR), found


@pytest.mark.long
async def test_all_documents_through_the_child(tmp_path, temporary, capsys):
    """Also those that LibreOffice wrote, or that it alone opens, where it is installed."""
    measures = {}
    for good in [*DOCUMENTS, *(OFFICE_DOCUMENTS if PROGRAM else [])]:
        outcome = await running.read(good.write(), good.filename, tmp_path)
        assert outcome.code == "read", (good.id, outcome.text)
        measures[good.id] = measure(good.known, outcome.lessons)
    means = Measure(
        *(
            sum(getattr(one, field) for one in measures.values()) / len(measures)
            for field in ("words", "titles", "order")
        )
    )
    worst = sorted(measures.items(), key=lambda item: sum((item[1].words, item[1].titles, item[1].order)))[:5]
    with capsys.disabled():
        print(f"\n{len(measures)} documents, shares kept: {means}")  # noqa: T201  what the campaign is for
        if not PROGRAM:
            print("  none of LibreOffice, which is not installed")  # noqa: T201  what the campaign is for
        for name, one in worst:
            print(f"  {name}: {one}")  # noqa: T201  what the campaign is for
    assert holds(means, MEAN), means
