"""`tms content extract`: a document's outline on the terminal, without a database."""

import json
import os
import subprocess
import sys

import pytest

from tests.content.documents import build

BLOCKS = (
    ("Heading 1", "First [bold]steps[/bold]"),
    (None, "Words to read."),
    ("Heading 1", "Second"),
    (None, "More of them."),
)


@pytest.fixture
def extract(tmp_path):
    """`extract(*words)`: the command in a process of its own that has no database, and a home where nothing is."""

    def run(*words):
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        environment = kept | {"TMS_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "COLUMNS": "120"}
        return subprocess.run(
            [sys.executable, "-P", "-m", "tms.cli", "content", "extract", *map(str, words)],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=120,
            check=False,
        )

    return run


def test_the_outline_as_a_table(extract, tmp_path):
    ended = extract(build(tmp_path / "a.docx", *BLOCKS))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "1. First [bold]steps[/bold]" in ended.stdout
    assert "2. Second" in ended.stdout
    assert "2 lessons" in ended.stdout
    assert not (tmp_path / "home").exists()


def test_a_path_from_where_one_is(extract, tmp_path):
    build(tmp_path / "a.docx", *BLOCKS)
    ended = extract("a.docx")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "2 lessons" in ended.stdout


def test_the_outline_for_programs(extract, tmp_path):
    ended = extract(build(tmp_path / "a.docx", *BLOCKS), "--json")
    document = json.loads(ended.stdout)
    assert [lesson["title"] for lesson in document["lessons"]] == ["First [bold]steps[/bold]", "Second"]
    assert document["lessons"][1]["html"] == "<p>More of them.</p>"
    assert set(document["lessons"][0]) >= {"level", "pageFrom", "pageTo", "words", "images", "confidence"}


@pytest.mark.parametrize(
    ("content", "advice"),
    [(b"", "empty"), (b"PK\x03\x04 cut short", "damaged"), (b"\x00\x01\x02", "not that of a Word document")],
)
def test_what_cannot_be_read_ends_with_advice(extract, tmp_path, content, advice):
    path = tmp_path / "a.docx"
    path.write_bytes(content)
    ended = extract(path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("tms: ")
    assert len(ended.stderr.splitlines()) == 1
    assert advice in ended.stderr


def test_a_file_that_is_not_there(extract, tmp_path):
    ended = extract(tmp_path / "nowhere.docx")
    assert ended.returncode == 2
    assert "Usage:" in ended.stderr
