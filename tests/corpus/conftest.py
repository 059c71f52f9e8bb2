import tempfile

import pytest


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files, empty again after the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
