from typing import Any
from uuid import UUID

from tms.identity import service as identity
from tms.platform.caller import Caller
from tms.platform.statements import Found
from tms.students import queries


async def change_details(
    student_id: UUID, changes: dict[str, Any], *, by: Caller, expected_version: int | None
) -> Found:
    """Change a student's name, address or phone, at the identity provider too; the row is that of `queries.student`.

    Raises `StudentNotFoundError`, 412 where somebody else was faster, and 409 where the address is another's.
    """
    await queries.student(by, student_id)
    await identity.update_user(student_id, changes, by=by, expected_version=expected_version)
    return await queries.student(by, student_id)
