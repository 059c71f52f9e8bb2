"""A small house in which every room has something to examine, made as people would make it, and all of it healthy."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import text
from tests.batches.planning import Planner

from tms.platform import db, storage
from tms.platform.ids import new_id

A_PASSWORD = "abc2d-efghi-jklmn-opq3r"
CONTENT = b"a document"


@dataclass
class House:
    """Ids of what there is; `student` has done one of two sections, `enrolled` has a temporary password and a welcome."""

    admin: UUID
    trainer: UUID
    student: UUID
    enrolled: UUID
    course: UUID
    batch: UUID
    assignment: UUID
    """Of the student, by the batch."""
    by_hand: UUID
    """Of the student and the second course, which nobody but an administrator gave."""
    new: UUID
    """The id of whatever is planted."""


async def build(people, run_jobs, session):
    admin, trainer, student = await people.admin(), await people.trainer(), await people.student()
    planner = Planner(people, admin)
    course, second = await planner.course(sections=2), await planner.course("Fire", sections=1)
    batch = await planner.batch(capacity=5)
    await planner.give(batch, course, "2027-05-31")
    await planner.join(batch, student)
    await planner.runs(batch, trainer)
    await admin.put(f"/courses/{course}/trainers/{trainer.id}")
    await admin.post(f"/courses/{second}/assignments", {"studentIds": [str(student.id)]}, status=201)
    new = {"firstName": "Ada", "lastName": "Example", "email": "ada@example.org", "batchId": batch["id"]}
    enrolled = (await admin.post("/students/enroll", new))["data"]["userId"]
    outline = (await student.get(f"/courses/{course}?include_sections=true"))["data"]["sections"]
    await student.put(f"/progress/sections/{outline[0]['id']}", {"completed": True, "timeSpentSeconds": 60})
    await run_jobs()
    assignments = {
        row.course_id: row.id
        for row in await session.execute(
            text("SELECT id, course_id FROM course_assignments WHERE student_id = :student"),
            {"student": student.id},
        )
    }
    return House(
        admin=admin.id,
        trainer=trainer.id,
        student=student.id,
        enrolled=UUID(enrolled),
        course=UUID(course),
        batch=UUID(batch["id"]),
        assignment=assignments[UUID(course)],
        by_hand=assignments[UUID(second)],
        new=new_id(),
    )


async def store(key, folder, content=CONTENT):
    file = folder / "content"
    file.write_bytes(content)
    await storage.put(key, file)


UPLOAD = """
    WITH work AS (
        INSERT INTO jobs (id, kind, state, created_by) VALUES (:new, 'content.process', 'succeeded', :admin)
    ), file AS (
        INSERT INTO stored_files (key, sha256, size) VALUES (:key, :sha256, :size)
    )
    , document AS (
        INSERT INTO uploads (id, course_id, file_name, size, sha256, storage_key, status, job_id, created_by, finished_at)
        VALUES (:new, :course, 'a.docx', :size, :sha256, :key, 'completed', :new, :admin, now())
    )
    INSERT INTO upload_sections (upload_id, section_id, place, path)
    SELECT :new, id, order_index, jsonb_build_array(title) FROM course_sections WHERE course_id = :course
"""


async def add_upload(house, folder):
    """A document that became the course's sections, with its file."""
    key = f"sha256/{house.new}"
    await store(key, folder)
    values = {
        "new": house.new,
        "course": house.course,
        "admin": house.admin,
        "key": key,
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    async with db.transaction() as session:
        await session.execute(text(UPLOAD), values)
    return key


TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'signing_keys')"


async def remember(url):
    """All rows of the database as PostgreSQL copies them: building the house takes much longer than bringing it back."""
    kept = {}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for (table,) in await (await connection.execute(TABLES)).fetchall():
            async with connection.cursor().copy(_copy("COPY {} TO STDOUT", table)) as rows:
                kept[table] = b"".join([bytes(chunk) async for chunk in rows])
    return {table: rows for table, rows in kept.items() if rows}


async def bring_back(url, kept):
    """Put remembered rows into the empty database, without the triggers that would look at their order."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        for table, rows in kept.items():
            async with connection.cursor().copy(_copy("COPY {} FROM STDIN", table)) as target:
                await target.write(rows)


def _copy(command, table):
    return sql.SQL(command).format(sql.Identifier(table))
