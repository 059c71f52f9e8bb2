"""The house's laws that no off-the-shelf linter knows; each has a planted case that it must catch."""

import ast
import re
from pathlib import Path

import pytest

from tms import worker
from tms.platform import queue

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "tms").rglob("*.py"))
MODULE_LINES = 400
TEST_LINES = 600
WEB_ROOMS = {"web", "http", "app"}
# Written in halves, so that this file does not find itself.
HALVES = [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK"), ("NotImplemented", "Error")]
UNFINISHED = re.compile(rf"\b({'|'.join(head + tail for head, tail in HALVES)})\b")


def _module(path):
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def knows_the_web(source):
    return any(name.split(".")[0] in {"fastapi", "starlette"} for name in _imports(ast.parse(source)))


def may_know_the_web(module):
    parts = module.split(".")
    return (
        parts[1] in WEB_ROOMS
        or parts[-1] == "routes"
        or parts[-1].endswith("_routes")
        or "routes" in parts[2:]
    )


def commits(source):
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]


def enqueued(source):
    """The names of jobs that a source enqueues; None for one that is no literal."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "enqueue"
        ):
            name = node.args[1] if len(node.args) > 1 else None
            yield name.value if isinstance(name, ast.Constant) else None


def test_only_routes_web_http_and_app_know_fastapi():
    offenders = [
        _module(path)
        for path in SOURCES
        if knows_the_web(path.read_text()) and not may_know_the_web(_module(path))
    ]
    assert offenders == []
    assert knows_the_web("from fastapi import APIRouter")
    assert not may_know_the_web("tms.students.service")


def test_nothing_commits_but_the_edges():
    offenders = [(_module(path), line) for path in SOURCES for line in commits(path.read_text())]
    assert offenders == []
    assert commits("await session.commit()") == [1]


def test_every_enqueued_job_exists():

    assert worker.JOBS
    names = {(_module(path), name) for path in SOURCES for name in enqueued(path.read_text())}
    assert {(module, name) for module, name in names if name not in queue.names()} == set()
    assert list(enqueued('queue.enqueue(session, "nobody.does_this")')) == ["nobody.does_this"]
    assert "nobody.does_this" not in queue.names()


def test_every_jobs_module_is_known_to_the_worker():

    modules = {_module(path) for path in SOURCES if path.name == "jobs.py"}
    assert {module.__name__ for module in worker.JOBS} == modules


@pytest.mark.parametrize(
    ("folder", "most"), [("src", MODULE_LINES), ("migrations", MODULE_LINES), ("tests", TEST_LINES)]
)
def test_modules_stay_small(folder, most):
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > most
    }
    assert long == {}


def test_nothing_is_left_unfinished():
    marked = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("src", "tests", "migrations")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert marked == []
    assert UNFINISHED.search(f"# {''.join(HALVES[0])}: later")


def test_migrations_form_one_line_with_telling_names():
    names = sorted(path.name for path in (ROOT / "migrations" / "versions").glob("*.py"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z]+(_[a-z]+)*\.py", name) for name in names)
