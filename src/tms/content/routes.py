import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from tms.content import receiving, service
from tms.content.errors import MalformedFormError
from tms.content.schemas import UploadOut
from tms.content.service import ReceivedFile
from tms.http import policy
from tms.http.answers import PROBLEMS, Answer
from tms.http.caller import Caller
from tms.http.parameters import PathId
from tms.platform import limits

UPLOAD_BYTES = 50 * 1024 * 1024
POLICY = [
    policy.line(
        "POST",
        "/courses/{course_id}/upload-content",
        policy.STAFF,
        policy.Sight(
            "administrators every course, trainers those they are named on",
            trainer=policy.Reach.OWN,
            reads=policy.Reach.RELATED,
        ),
        max_bytes=UPLOAD_BYTES,
        limit=limits.UPLOADS,
    ),
]
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A Word document (.docx), at most 50 MiB.",
                        }
                    },
                }
            }
        },
    }
}

router = APIRouter(tags=["content"])


@router.post(
    "/courses/{course_id}/upload-content",
    responses={
        202: {"model": Answer[UploadOut], "description": "Received; the sections are being made"},
        415: {**PROBLEMS[422], "description": "Not a Word document"},
    },
    openapi_extra=_FORM,
)
async def upload_content(
    course_id: PathId, caller: Caller, request: Request, response: Response
) -> Answer[UploadOut]:
    """Make sections of a Word document: one for each first-level heading, appended in order, or none at all.

    Answers 202 when that takes longer than some seconds. The same document again changes nothing.
    """
    await service.check_open(course_id, caller)
    async with _received(request) as received:
        outcome = await service.upload(received, course_id=course_id, caller=caller)
    if not outcome.is_finished:
        response.status_code = 202
    return Answer(data=_out(outcome), message=_message(outcome))


def _out(outcome: service.Outcome) -> UploadOut:
    row = outcome.row
    return UploadOut(
        upload_id=row["id"],
        job_id=row["job_id"],
        file_name=row["file_name"],
        file_size=row["size"],
        processing_status="completed" if outcome.is_finished else "processing",
        extracted_sections=len(row["section_ids"]),
        warnings=row["warnings"],
    )


def _message(outcome: service.Outcome) -> str:
    if outcome.repeated:
        return "This document is in the course already; nothing was changed"
    if outcome.is_finished:
        return "File uploaded and processed successfully"
    return "File uploaded; its sections are being made"


@asynccontextmanager
async def _received(request: Request) -> AsyncIterator[ReceivedFile]:
    """The form's file on disk with its hash; permission was checked before this reads the first byte of it."""
    with tempfile.NamedTemporaryFile(prefix="tms-received-") as target:
        try:
            taken = await receiving.take_file(
                request.headers.get("content-type", ""), request.stream(), target.file
            )
        except ClientDisconnect as error:
            raise MalformedFormError from error
        name = service.display_name(taken.name)
        yield ReceivedFile(Path(target.name), name, taken.size, taken.digest.hexdigest())
