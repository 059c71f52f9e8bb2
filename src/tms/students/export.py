"""Everything that is kept of a person, as one ZIP archive: JSON for each table, and the files that they have uploaded."""

import asyncio
import json
import zipfile
from datetime import UTC
from pathlib import PurePosixPath
from typing import IO, Any
from uuid import UUID

from sqlalchemy import RowMapping

from tms.content import personal as content
from tms.operations import audit, personal_data
from tms.platform import clock, db, storage
from tms.platform.caller import Caller
from tms.students import queries
from tms.students.errors import StudentNotFoundError

READ_ME = """This archive holds everything that this training management system keeps of one person.

data/TABLE.json          the rows that are about the person, one object for each
data/TABLE.COLUMN.json   what the person did: only what it was, and when
files/                   the documents that the person has uploaded
about.json               whose data these are, when they were taken, and how many rows each file has

Passwords are not kept, and what only proves a sign-in (hashes of passwords and tokens) is left out.
Instants are in UTC (RFC 3339).
"""


async def check_allowed(student_id: UUID, caller: Caller) -> str:
    """Administrators export anybody who is a student, others themselves; gives the code, for the archive's name.

    Raises `StudentNotFoundError`.
    """
    if not caller.is_admin and caller.id != student_id:
        raise StudentNotFoundError
    code: str = (await queries.student(caller, student_id))["student_id"]
    return code


async def write(student_id: UUID, target: IO[bytes], *, by: Caller) -> None:
    """Write the archive to a file that is open for writing; the tables are read in one state. That it was done is audited."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", READ_ME)
        await check_allowed(student_id, by)
        async with db.snapshot() as session:
            taken_at = await clock.now(session)
            counts: dict[str, int] = {}
            async for name, rows in personal_data.export(session, student_id):
                counts[name] = len(rows)
                if rows:
                    archive.writestr(f"data/{name}.json", _json(rows))
            files = await content.files_of(session, student_id)
        missing = [str(file["id"]) for file in files if not await _add(archive, file)]
        about = {
            "person": str(student_id),
            "takenAt": taken_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "rows": counts,
            "filesNoLongerKept": missing,
        }
        archive.writestr("about.json", _json(about))
    async with db.transaction() as session:
        await audit.record(
            session, actor=by.id, action="student.exported", object_type="user", object_id=student_id
        )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


async def _add(archive: zipfile.ZipFile, file: RowMapping) -> bool:
    """Copy one document, piece by piece; false where the storage has it no more, as after a failed upload."""
    if file["storage_key"] is None:
        return False
    suffix = PurePosixPath(file["file_name"]).suffix
    try:
        chunks = storage.read(file["storage_key"])
        first = await anext(chunks, b"")
    except storage.MissingObjectError:
        return False
    # The id keeps names apart, and no name that somebody chose becomes a path on somebody else's machine.
    with archive.open(f"files/{file['id']}{suffix}", "w", force_zip64=True) as entry:
        await asyncio.to_thread(entry.write, first)
        async for chunk in chunks:
            await asyncio.to_thread(entry.write, chunk)
    return True
