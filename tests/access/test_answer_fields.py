"""Which fields the answers of each route hold for each role: a new field is looked at before it is given out."""

import csv
import json
import os
from pathlib import Path

import pytest
from tests.access.relations import ROLES

pytestmark = pytest.mark.usefixtures("world")

GOLDEN = Path(__file__).with_name("fields.json")
# Free maps, whose keys belong to what they tell of.
MAPS = {"changes", "result"}


def fields(value, path=""):
    """(path, whether it holds something) of each field; `[]` stands for the members of a list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{path}.{name}" if path else name
            if name in MAPS or not isinstance(inner, dict | list):
                yield here, inner is not None
            else:
                yield from fields(inner, here)
    elif isinstance(value, list):
        if not value:
            yield f"{path}[]", False
        for inner in value:
            if isinstance(inner, dict | list):
                yield from fields(inner, f"{path}[]")
            else:
                yield f"{path}[]", inner is not None


def of_answer(answer):
    """The fields of one answer: of JSON its keys, of a table its columns, of anything else its kind."""
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "application/json":
        return fields(answer.json())
    if kind == "text/csv":
        return [
            (column, True) for column in next(csv.reader(answer.text.removeprefix("\ufeff").splitlines()))
        ]
    return [(kind, True)]


def given(outcomes):
    """Route -> role -> fields, without what every answer has around its data; `= null` is what is never filled."""
    found = {}
    for outcome in outcomes:
        if not outcome.cell.is_allowed or not outcome.is_as_expected:
            continue
        line, role = outcome.cell.line, ROLES[outcome.cell.subject].value
        held = found.setdefault(f"{line.method} {line.path}", {}).setdefault(role, {})
        for path, filled in of_answer(outcome.answer):
            held[path] = held.get(path, False) or filled
    return {
        route: {role: _spelled(held) for role, held in sorted(roles.items())}
        for route, roles in sorted(found.items())
    }


def _spelled(held):
    # A list or a thing that is there for one and not for another shows as its parts alone.
    whole = {
        path
        for path in held
        if not any(other.startswith((f"{path}.", f"{path}[]")) for other in held if other != path)
    }
    return [
        path.removeprefix("data").removeprefix(".") + ("" if held[path] else " = null")
        for path in sorted(whole - {"success", "message", "page.limit", "page.nextCursor", "page.total"})
    ]


def test_each_role_is_given_exactly_the_reviewed_fields(outcomes):
    found = given(outcomes)
    if os.environ.get("REWRITE_FIELDS"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(GOLDEN.read_text()), "review what changed, then run `make fields`"


def test_a_new_field_is_noticed(outcomes):
    golden = json.loads(GOLDEN.read_text())
    golden["GET /api/v1/students/{student_id}"]["trainer"].remove("lastName")
    assert given(outcomes) != golden


def test_telephone_numbers_are_for_administrators_and_oneself(outcomes):
    found = given(outcomes)
    assert "phone" in found["GET /api/v1/students/{student_id}"]["admin"]
    others = [
        outcome.answer.json()["data"]
        for outcome in outcomes
        if outcome.cell.line.path == "/api/v1/students/{student_id}"
        and outcome.cell.line.method == "GET"
        and outcome.cell.is_allowed
        and ROLES[outcome.cell.subject].value == "trainer"
        and outcome.cell.tier != "own"
    ]
    assert others
    assert [one["phone"] for one in others if one["phone"] is not None] == []
