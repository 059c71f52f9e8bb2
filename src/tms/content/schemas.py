from typing import Literal
from uuid import UUID

from tms.platform.schemas import Schema


class UploadOut(Schema):
    """A document that was uploaded; `processing`: watch `GET /jobs/{jobId}`. Warnings are sentences for its author."""

    upload_id: UUID
    job_id: UUID
    file_name: str
    file_size: int
    processing_status: Literal["processing", "completed"]
    extracted_sections: int
    warnings: list[str]
