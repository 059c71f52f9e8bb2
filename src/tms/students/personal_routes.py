import asyncio
import tempfile
from collections.abc import AsyncIterator
from time import monotonic
from typing import IO, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from tms.http import policy
from tms.http.answers import Answer
from tms.http.caller import Caller
from tms.http.parameters import PathId
from tms.platform.errors import DomainError
from tms.platform.schemas import Schema
from tms.students import erasure, export

POLICY = [
    policy.line(
        "GET",
        "/students/{student_id}/export",
        policy.EVERYONE,
        policy.Sight(
            "administrators all students, everybody else themselves",
            trainer=policy.Reach.OWN,
            student=policy.Reach.OWN,
        ),
    ),
    policy.line("DELETE", "/students/{student_id}", policy.ADMIN, "administrators only"),
]
CHUNK_BYTES = 256 * 1024
RECHECK_SECONDS = 2.5

router = APIRouter(prefix="/students", tags=["students"])


class StudentErased(Schema):
    """`finished` is false while the sign-in server does not answer: the account is removed as soon as it does."""

    id: UUID
    status: Literal["erased"] = "erased"
    finished: bool


@router.get(
    "/{student_id}/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "A ZIP archive"}},
)
async def export_student(student_id: PathId, caller: Caller, request: Request) -> StreamingResponse:
    """Everything kept of a student, as a ZIP archive: JSON for each table, and the files that they have uploaded."""
    code = await export.check_allowed(student_id, caller)
    # On disk first: what goes wrong is then an error answer, and no database connection waits for a slow reader.
    archive = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the last byte has been sent
    try:
        await export.write(student_id, archive, by=caller)
        size = archive.tell()
        archive.seek(0)
    except BaseException:
        archive.close()
        raise
    return StreamingResponse(
        _chunks(archive, request),
        media_type="application/zip",
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{code}.zip"',
        },
    )


async def _chunks(archive: IO[bytes], request: Request) -> AsyncIterator[bytes]:
    """The archive piece by piece; whoever is kept out meanwhile gets no more of it."""
    with archive:
        checked = monotonic()
        while chunk := await asyncio.to_thread(archive.read, CHUNK_BYTES):
            if monotonic() - checked > RECHECK_SECONDS:
                try:
                    await request.state.recheck()
                except DomainError:
                    return
                checked = monotonic()
            yield chunk


@router.delete(
    "/{student_id}",
    responses={202: {"model": Answer[StudentErased], "description": "Erased here; the account follows"}},
)
async def erase_student(student_id: PathId, caller: Caller, response: Response) -> Answer[StudentErased]:
    """Erase a student for good: name, address, phone, code, e-mails, files and account go; results stay, with no name.

    Seats in batches that are not over become free. The address can be enrolled again, as somebody new.
    """
    finished = await erasure.erase(student_id, by=caller.id)
    response.status_code = 200 if finished else 202
    message = (
        "Student erased."
        if finished
        else "Student erased. The sign-in server still has to remove the account."
    )
    return Answer(data=StudentErased(id=student_id, finished=finished), message=message)
