"""Every outside effect stands between two fail points, points are named once, and only development arms them."""

import ast
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from tms import app, cli, worker
from tms.platform import failpoints
from tms.platform.settings import Settings

SOURCE = Path(failpoints.__file__).parents[1]
# What acts outside of our transactions: (module, function).
EFFECTS = {("mail", "send"), ("storage", "put"), ("storage", "delete"), ("sandbox", "extracting")}
# What asks an identity provider and changes nothing there.
QUESTIONS = {"find", "find_by_email", "get", "list", "names", "signing_keys"}


def _called(node):
    """The dotted name of what a call calls, as a tuple; `providers.current().update` is (providers, current, (), update)."""
    names = []
    while isinstance(node, ast.Attribute | ast.Call):
        names.append(node.attr if isinstance(node, ast.Attribute) else "()")
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    return tuple(reversed(names))


def _providers(function):
    """Names that stand for the identity provider in a function."""
    return {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _called(node.value) == ("providers", "current", "()")
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _is_effect(called, providers):
    if called[:3] == ("providers", "current", "()"):
        return len(called) == 4 and called[3] not in QUESTIONS
    if len(called) == 2 and called[0] in providers:
        return called[1] not in QUESTIONS
    return called in EFFECTS


def _passages(function):
    """What a function does, in the order of its lines: `!` for an effect, the name for a fail point."""
    providers = _providers(function)
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            called = _called(node.func)
            if called == ("failpoints", "here"):
                found.append((node.lineno, node.args[0].value))
            elif _is_effect(called, providers):
                found.append((node.lineno, "!"))
    return [what for _, what in sorted(found)]


def unguarded(source):
    """The functions in which an effect has no fail point right before or right after it."""
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    faulty = []
    for function in functions:
        passages = _passages(function)
        around = zip(["!", *passages], passages, [*passages[1:], "!"], strict=False)
        if any(what == "!" and "!" in {before, after} for before, what, after in around):
            faulty.append(function.name)
    return faulty


def _points(source, function):
    """The names that a source gives to `declare` or to `here`."""
    return [
        word.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and _called(node.func) == ("failpoints", function)
        for word in node.args
    ]


# A restore fills an empty place and is begun anew when it was cut short, and serves nobody meanwhile; a document that is
# read for the terminal leaves nothing anywhere.
BEGUN_ANEW = {"cli/backup/restoring.py", "cli/extraction.py"}
MODULES = {path: path.read_text() for path in sorted(SOURCE.rglob("*.py"))}


def test_every_effect_stands_between_two_points():
    found = {str(path.relative_to(SOURCE)): unguarded(source) for path, source in MODULES.items()}
    assert {path for path, functions in found.items() if functions} <= BEGUN_ANEW
    # The look finds what it is to look for.
    effects = Counter(
        what
        for source in MODULES.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AsyncFunctionDef)
        for what in _passages(node)
    )
    assert effects["!"] >= 10


@pytest.mark.parametrize(
    "body",
    [
        "await mail.send(message)",
        "failpoints.here('a.b.c')\n    await storage.put(key, file)",
        "await storage.delete(key)\n    failpoints.here('a.b.c')",
        "failpoints.here('a.b.c')\n    await storage.put(1)\n    await storage.put(2)\n    failpoints.here('a.b.d')",
        "provider = providers.current()\n    await provider.delete(account)",
        "await providers.current().set_password(account)",
        "async with sandbox.extracting(path) as found:\n        failpoints.here('a.b.c')",
    ],
)
def test_an_effect_without_points_is_seen(body):
    assert unguarded(f"async def step():\n    {body}\n") == ["step"]


def test_questions_and_guarded_effects_are_left_alone():
    guarded = "failpoints.here('a.b.c')\n    await mail.send(message)\n    failpoints.here('a.b.d')"
    assert unguarded(f"async def step():\n    {guarded}\n") == []
    assert unguarded("async def ask():\n    return await providers.current().find(user)\n") == []


def test_each_point_is_declared_and_passed_in_one_module():
    for path, source in MODULES.items():
        assert sorted(_points(source, "declare")) == sorted(_points(source, "here")), path
    # The assemblies have imported every module that has one.
    assert app
    assert worker
    assert cli
    assert failpoints.declared() >= {
        name
        for path, source in MODULES.items()
        if path.name != "failpoints.py"
        for name in _points(source, "here")
    }


@pytest.mark.parametrize("name", ["identity.provision", "Identity.provision.x", "a..b", "a.b.c:1", ""])
def test_a_point_has_a_proper_name(name):
    with pytest.raises(ValueError, match="room"):
        failpoints.declare(name)
    assert name not in failpoints.declared()


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="already"):
        failpoints.declare("students.enrol.committed")


PASSING = """
import sys
from tms.platform import failpoints
failpoints.arm(sys.argv[1] or None)
for number in range(5):
    failpoints.here("some.other.point")
    failpoints.here("a.point.passed")
    print(number, flush=True)
"""


def _pass_points(order):
    return subprocess.Popen([sys.executable, "-c", PASSING, order], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("order", "passages"),
    [
        ("", 5),
        ("a.point.passed", 0),
        ("a.point.passed:3", 2),
        ("a.point.passed:9", 5),
        ("nobody.passes.this", 5),
    ],
)
def test_the_process_dies_at_the_passage_that_was_named(order, passages):
    with _pass_points(order) as process:
        said = process.stdout.read().split()
    assert said == [str(number) for number in range(passages)]
    assert process.returncode == (0 if passages == 5 else -signal.SIGKILL)


def test_a_process_that_stands_still_goes_on_when_it_is_let():
    with _pass_points("a.point.passed:2:stop") as process:
        assert process.stdout.readline() == "0\n"
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.read() == "1\n2\n3\n4\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    "order", ["nonsense", "a.b.c:0", "a.b.c:x", "a.b.c:1:kill", "a.b.c:stop", "a.b.c; ls"]
)
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(ValidationError, match="fail point"):
        Settings(tms_fail_at=order)


def test_production_refuses_and_without_an_order_nothing_is_armed(monkeypatch):
    good = {
        "tms_env": "production",
        "secret_key": "correct-horse-battery-staple-and-more-words",
        "tms_public_url": "https://tms.example.org",
    }
    assert Settings(**good).tms_fail_at is None
    with pytest.raises(ValidationError, match="TMS_FAIL_AT"):
        Settings(**good, tms_fail_at="students.enrol.committed")
    monkeypatch.setenv("TMS_FAIL_AT", "")
    assert Settings().tms_fail_at is None
    # Still alive after passing every point there is.
    for name in failpoints.declared():
        failpoints.here(name)


def test_a_point_costs_next_to_nothing():
    began = time.perf_counter()
    for _ in range(100_000):
        failpoints.here("students.enrol.committed")
    assert (time.perf_counter() - began) / 100_000 < 5e-6
