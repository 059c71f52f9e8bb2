"""`docs/authorisation.md` says what the gate obeys."""

import subprocess
import sys
from pathlib import Path

from tms.app import POLICY
from tms.cli import policy_page
from tms.http import policy

PAGE = Path(__file__).parents[2] / "docs" / "authorisation.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == policy_page.page(POLICY.lines), "stale: run `make docs`"


def test_a_changed_line_makes_it_stale():
    others = [line for line in POLICY.lines if line.path != "/api/v1/users"]
    assert PAGE.read_text() != policy_page.page(others)
    opened = policy.line("GET", "/users", policy.EVERYONE, "administrators only")
    assert PAGE.read_text() != policy_page.page([*others, opened])


def test_every_route_has_its_row():
    rows = [row.split("|") for row in PAGE.read_text().splitlines() if row.startswith("| `")]
    assert len(rows) == len(POLICY.lines)
    guarded = {row[1].strip(" `"): [cell.strip() for cell in row[2:6]] for row in rows if len(row) == 8}
    assert guarded["GET /batches/{batch_id}"] == ["no", "own", "own", "any"]
    assert guarded["PATCH /courses/{course_id}"] == ["no", "no", "own; reads related", "any"]
    assert guarded["GET /users"] == ["no", "no", "no", "any"]


def test_the_command_prints_it():
    command = [sys.executable, "-m", "tms.cli", "authorisation"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == PAGE.read_text()
