"""The data that is measured on: made by the database itself, the same in every run, and growing in place.

Keys are UUIDv7 in shape and end in a decimal number, so that a script of pgbench can make a random one.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tms.identity.builtin import hashing

COURSES = 200
SECTIONS = 20
ASSIGNMENTS = 8
BATCHES = 200
PASSWORD = "a password of the benchmark"  # noqa: S105 - of people who exist for minutes on a loopback address
_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True)
class Size:
    """What the tables hold after `grow`, and how long that took."""

    students: int
    section_progress: int
    seconds: float
    gibibytes: float


def student_id(number: int) -> str:
    """Key of the student with this number, from 1; 0 is the administrator. The account's key differs in one digit."""
    return f"01900000-0000-7000-8000-{number:012d}"


def account_id(number: int) -> str:
    """The `sub` of the tokens of a student, or of the administrator (0)."""
    return f"01900000-0000-7000-8001-{number:012d}"


def section_id(number: int) -> str:
    """Key of a section; sections of course `c` (from 0) are `c * 20 + 1 ... c * 20 + 20`."""
    return f"01900000-0000-7000-8003-{number:012d}"


def course_of(student: int, which: int) -> int:
    """The number, from 0, of the `which`-th (0 to 7) course of a student: those of the batch that they are in."""
    return (student % BATCHES + which * (COURSES // ASSIGNMENTS)) % COURSES


def name_part(number: int) -> str:
    """What people whose numbers share their last two digits have in their last names, and nobody else."""
    return f"{chr(97 + number % 100 // 10)}o{chr(97 + number % 10)}ra"


async def grow(url: str, students: int, learners: int | None = None) -> Size:
    """Add students up to this number, each with eight courses of which 40 % of the sections are done on average.

    With `learners`, only students up to that number have courses.
    """
    started = time.perf_counter()
    hashed = await hashing.hash_password(PASSWORD)
    script = (_SQL / "grow.sql").read_text()
    chosen = {"students": str(students), "learners": str(learners or students), "password_hash": hashed}
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in chosen.items():
            connection.execute("SELECT set_config(%s, %s, false)", [f"bench.{name}", value])
        # Keys and counters are right by construction; checking each foreign key again would take minutes.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET work_mem = '256MB'")
        connection.execute(script)
        settle(connection)
        row = connection.execute(
            "SELECT count(*), pg_database_size(current_database()) FROM section_progress"
        ).fetchone()
    done, size = row if row is not None else (0, 0)
    return Size(students, done, round(time.perf_counter() - started, 1), round(size / 2**30, 2))


def settle(connection: psycopg.Connection) -> None:
    """What autovacuum and the checkpointer would do at some time during the measurement is done now."""
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")


def copy_for_specification(url: str) -> None:
    """The specification's tables in a schema of their own, as its models declare them, filled with the same content."""
    _run(url, "specification.sql")


def favour_specification(url: str) -> None:
    """Give them the indexes on foreign keys that its models lack."""
    _run(url, "specification_favoured.sql")


def _run(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((_SQL / script).read_text().encode())
        settle(connection)
