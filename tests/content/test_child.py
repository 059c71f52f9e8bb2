"""The parent measures what a child writes; what the child removes meanwhile is no fault."""

import os

import pytest

from tms.content import child


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("a", "inner/b"):
        (tmp_path / name).write_bytes(b"x" * 600)
    return tmp_path


def test_a_full_folder(folder):
    assert child._holds_more(folder, 1000)
    assert not child._holds_more(folder, 1200)


def test_what_vanishes_while_it_is_measured_does_not_fill_a_folder(folder, monkeypatch):
    def gone(path, *_):
        raise FileNotFoundError(path)

    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: gone(path) if str(path).endswith("inner") else scan(path))
    assert not child._holds_more(folder, 1000)
    monkeypatch.setattr(os, "lstat", gone)
    assert not child._holds_more(folder, 1)
