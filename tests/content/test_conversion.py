"""What only LibreOffice opens: saved by it, confined, and read; refused with advice where it is not installed."""

import tempfile
from pathlib import Path

import pypandoc
import pytest
from pptx import Presentation

from tests.corpus.good.writers import by_libreoffice
from tests.corpus.material import saved, zipped
from tests.office import PROGRAM, needs_office
from tms.content import formats, office, sandbox
from tms.content.errors import CorruptDocumentError, UnsupportedTypeError
from tms.content.sniff import Kind

MARKDOWN = "# Heat\n\nWater *boils*.\n\n- one\n- two\n\n# Ice\n\nWater freezes.[^1]\n\n[^1]: At zero.\n"
TEXT = "application/vnd.oasis.opendocument.text"


def sockets():
    return set(Path(tempfile.gettempdir()).glob("OSL_PIPE*")) | set(Path("/tmp").glob("OSL_PIPE*"))


async def read(path, name):
    async with sandbox.extracting(path, filename=name) as extraction:
        return extraction


@needs_office
async def test_an_open_document_becomes_lessons_and_nothing_is_left(tmp_path, temporary):
    path = tmp_path / "upload"
    pypandoc.convert_text(MARKDOWN, "odt", format="markdown", outputfile=f"{path}.odt")
    before = sockets()
    extraction = await read(path.with_suffix(".odt"), "course.odt")
    assert extraction.kind is Kind.ODT
    assert [lesson.title for lesson in extraction.lessons] == ["Heat", "Ice"]
    assert "<em>boils</em>" in extraction.lessons[0].html
    assert "<ul><li>one</li><li>two</li></ul>" in extraction.lessons[0].html
    assert "At zero." in extraction.lessons[1].html
    # In the same test, so that no other socket comes meanwhile: what LibreOffice cannot open is damaged.
    path.write_bytes(zipped({"mimetype": TEXT, "content.xml": "no markup"}))
    with pytest.raises(CorruptDocumentError):
        await read(path, "course.odt")
    assert sockets() <= before


@needs_office
async def test_titles_of_an_old_presentation(tmp_path, temporary):
    """LibreOffice keeps those of section headers as text boxes only."""
    deck = Presentation()
    for layout, title, words in ((2, "Heat", "What moves"), (1, "Steam", "Water boils."), (2, "Ice", "")):
        slide = deck.slides.add_slide(deck.slide_layouts[layout])
        slide.shapes.title.text = title
        slide.placeholders[1].text = words
    old = by_libreoffice(saved(deck.save), "pptx", "ppt", PROGRAM)
    path = tmp_path / "upload"
    path.write_bytes(old)
    extraction = await read(path, "course.ppt")
    assert [lesson.title for lesson in extraction.lessons] == ["Heat"]
    assert extraction.lessons[0].html == (
        '<p>What moves</p><h2 data-page="2">Steam</h2><ul><li>Water boils.</li></ul><h2 data-page="3">Ice</h2>'
    )


@pytest.mark.parametrize("suffix", [".odt", ".doc", ".rtf", ".ppt", ".odp"])
def test_without_libreoffice_there_is_advice(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(office, "find", lambda: None)
    contents = {
        ".odt": zipped({"mimetype": TEXT}),
        ".odp": zipped({"mimetype": "application/vnd.oasis.opendocument.presentation"}),
        ".rtf": b"{\\rtf1 text}",
        ".doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"),
        ".ppt": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "PowerPoint Document".encode("utf-16-le"),
    }
    path = tmp_path / "upload"
    path.write_bytes(contents[suffix])
    with pytest.raises(UnsupportedTypeError, match="save it as"):
        formats.admit(path, f"course{suffix}")
    assert suffix not in formats.accepted_suffixes()
