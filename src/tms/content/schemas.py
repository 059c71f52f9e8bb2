from typing import Literal
from uuid import UUID

from tms.platform.schemas import Schema


class MediaOut(Schema):
    """A picture, a video or a sound; `width` and `height`, in pixels, are 0 where it does not tell.

    Write `address` into a section's HTML: `<img src>`, `<video src controls>` or `<audio src controls>`. It is signed for
    some minutes, and whoever reads the section is given a new one. What no section names is removed after a day.
    """

    id: UUID
    address: str
    media_type: str
    size: int
    width: int
    height: int


class UploadOut(Schema):
    """A document that was uploaded; `processing`: watch `GET /jobs/{jobId}`. Warnings are sentences for its author."""

    upload_id: UUID
    job_id: UUID
    file_name: str
    file_size: int
    processing_status: Literal["processing", "completed"]
    extracted_sections: int
    warnings: list[str]
