import tempfile
from functools import partial
from pathlib import Path

import pytest

from tests.content import typesetting
from tests.content.documents import DATA
from tests.progress.learning import make_course
from tms.content.doctor import CHECKS
from tms.operations import doctor

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture
async def admin(people):
    return await people.admin()


@pytest.fixture
async def course(admin):
    """An empty draft; gives its id."""
    return (await make_course(by=admin, status="draft")).id


@pytest.fixture
def upload():
    """`await upload(person, course, "databases.docx")`, or bytes with `name="a.docx"`; the answer's body."""

    async def send(person, course_id, content, *, name=None, status=200):
        if isinstance(content, str | Path):
            name = name or str(content)
            content = (DATA / content).read_bytes()
        files = {"file": (name, content, WORD)}
        answer = await person.post(f"/courses/{course_id}/upload-content", files=files, status=status)
        return answer["data"] if answer["success"] else answer

    return send


@pytest.fixture
def sections(admin):
    """`await sections(course_id)`: the live sections as an administrator reads them."""

    async def read(course_id, person=None, status=200):
        answer = await (person or admin).get(f"/courses/{course_id}?include_sections=true", status=status)
        return answer["data"]["sections"] if answer["success"] else answer

    return read


@pytest.fixture
def typeset(tmp_path):
    """`typeset("= One\\nText")`: the document that becomes of it."""
    return partial(typesetting.typeset, tmp_path)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files, empty again after the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def healthy(database):
    """`await healthy()`: the room's promises hold."""

    async def examine():
        assert await doctor.examine(CHECKS) == []

    return examine
