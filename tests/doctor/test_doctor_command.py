"""`tms doctor` as people and programs see it, and that it changes nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tests.content as content_tests
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.batches.planning import Planner
from tests.doctor import house as houses

from tms import app
from tms.cli import examination
from tms.content import sandbox
from tms.operations import doctor
from tms.operations.doctor import Check
from tms.platform import db, storage


@pytest.fixture
def examined(database, tmp_path):
    """`examined("--json")` runs the command on the test's database; its status and what it printed."""

    def run(*options, **more):
        inherited = ("PATH", "HOME", "LANG", "TMS_HOME", "SECRET_KEY", "TMS_PUBLIC_URL")
        environment = {name: os.environ[name] for name in inherited if name in os.environ}
        return subprocess.run(
            [sys.executable, "-P", "-m", "tms.cli", "doctor", *options],
            cwd=tmp_path,
            env=environment | {"DATABASE_URL": database} | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


async def test_people_are_told_what_is_broken_by_what_and_what_to_do(people, examined):
    planner = Planner(people, await people.admin())
    batch = await planner.batch(capacity=5)
    async with db.transaction() as session:
        await session.execute(text("UPDATE batches SET seats_taken = 1"))
    told = examined()
    assert told.returncode == 1, told.stderr
    lines = told.stdout.splitlines()
    [place] = [number for number, line in enumerate(lines) if line.startswith("BROKEN")]
    assert lines[place] == "BROKEN  batches.seats: " + next(
        check.promise for check in app.CHECKS if check.name == "batches.seats"
    )
    assert lines[place + 1] == f"        Broken by: {batch['id']}"
    assert lines[place + 2] == f"        What to do: {doctor.FAULT}"
    without_files = [check for check in app.CHECKS if not check.reads_files]
    assert sum(line.startswith("ok ") for line in lines) == len(without_files) - 1
    assert lines[-1] == f"{len(without_files)} checks, 1 broken."


async def test_programs_get_one_document_and_every_row_stays_as_it_was(
    people, examined, tmp_path, run_jobs, session, database
):
    house = await houses.build(people, run_jobs, session)
    key = await houses.add_upload(house, tmp_path)
    before = await houses.remember(database)
    assert len(before) > 15
    healthy = examined("--json", "--files")
    assert await houses.remember(database) == before
    assert healthy.returncode == 0, healthy.stdout
    assert json.loads(healthy.stdout) == {
        "healthy": True,
        "examined": len(app.CHECKS),
        "broken": [],
        "notes": [],
    }
    await houses.store(key, tmp_path, b"something else")
    broken = examined("--json", "--files")
    assert broken.returncode == 1
    [finding] = json.loads(broken.stdout)["broken"]
    assert (finding["name"], finding["ids"]) == ("content.files_unchanged", [str(house.new)])
    assert (finding["total"], finding["trouble"]) == (1, None)
    await storage.delete(key)


async def test_a_database_of_another_version_is_left_as_it_is(people, examined, session):
    await people.admin()
    right = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    async with db.transaction() as writing:
        await writing.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    try:
        told = examined("--json")
        found = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    finally:
        async with db.transaction() as writing:
            await writing.execute(text("UPDATE alembic_version SET version_num = :right"), {"right": right})
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == f"tms: The database is at 0001, this version needs {right}: run `tms migrate`\n"
    assert found == "0001"


async def test_nothing_that_a_check_runs_can_write(database):
    for statement in (
        "SELECT nextval('student_codes')::text",
        "SELECT lo_create(0)::text",
        "SELECT set_config('transaction_read_only', 'off', true) || nextval('student_codes')",
    ):
        with pytest.raises(DBAPIError, match=r"read-only transaction|must be set before any query"):
            await doctor.examine([Check("room.what", "A promise.", statement)])


async def test_many_violations_are_counted_and_the_first_are_named(database):
    many = Check("room.many", "There are none.", "SELECT n::text FROM generate_series(1, 1000) AS n")

    async def look():
        for number in range(1000):
            yield str(number)

    for check in (many, Check("room.more", "There are none.", look)):
        [finding] = await doctor.examine([check])
        assert finding.total == 1000
        assert len(finding.ids) == doctor.MOST_SHOWN


async def test_a_machine_that_cannot_confine_is_noted_and_is_healthy_all_the_same(
    database, monkeypatch, capsys, tmp_path
):
    planted = str(Path(content_tests.__file__).parent / "planted.py")
    monkeypatch.setattr(sandbox, "_PROGRAM", (planted, "without-namespaces,landlock,filter:read"))
    check = next(check for check in app.CHECKS if check.name == "content.reading_confined")
    assert await doctor.examine([check]) == []
    found = [finding async for _, finding in doctor.examinations([check])]
    assert [finding.ids for finding in found] == [("the network", "other files")]
    report = examination._Report(as_json=False)
    report.add(check, found[0])
    assert report.end()
    told = capsys.readouterr().out
    assert told.startswith("NOTE    content.reading_confined: ")
    assert "user namespaces" in told
    assert told.endswith("1 checks, 0 broken.\n")
    report = examination._Report(as_json=True)
    report.add(check, found[0])
    assert report.end()
    written = json.loads(capsys.readouterr().out)
    assert (written["healthy"], written["broken"]) == (True, [])
    assert [note["name"] for note in written["notes"]] == [check.name]


async def test_a_storage_that_does_not_answer_is_told_and_the_rest_is_examined(people, examined):
    await people.admin()
    told = examined(
        AWS_S3_BUCKET="bucket",
        AWS_ACCESS_KEY_ID="k",
        AWS_SECRET_ACCESS_KEY="s",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )
    assert told.returncode == 1
    unknown = [line for line in told.stdout.splitlines() if line.startswith("UNKNOWN")]
    assert [line.split()[1] for line in unknown] == ["content.files_exist:", "content.files_have_rows:"]
    assert told.stdout.splitlines()[-1].endswith("2 could not be examined, 0 broken.")
