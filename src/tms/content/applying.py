"""Lessons become sections of the course, in the transaction of whoever calls; what was made of what is noted."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import fingerprints
from tms.content.models import UploadSection
from tms.content.plans import Draft
from tms.courses import service as courses
from tms.operations import audit


async def append(session: AsyncSession, upload: RowMapping, drafts: Sequence[Draft], *, by: UUID) -> None:
    """Add the lessons at the end of the (locked) course."""
    section_ids = await courses.change_sections(
        session, course_id=upload["course_id"], by=by, add=[new_section(draft) for draft in drafts]
    )
    await note(session, upload, list(zip(section_ids, drafts, strict=True)), by=by)


def new_section(draft: Draft) -> courses.NewSection:
    """The section that a lesson becomes."""
    return courses.NewSection(title=draft.title, content=draft.content, duration=draft.minutes)


async def note(
    session: AsyncSession, upload: RowMapping, made: Sequence[tuple[UUID, Draft]], *, by: UUID
) -> None:
    """Write down which sections the upload has made, and tell the audit log."""
    pictures = await fingerprints.pictures_of(session, [draft.content for _, draft in made])
    rows: list[dict[str, Any]] = [
        {
            "upload_id": upload["id"],
            "section_id": section_id,
            "place": place,
            "path": list(draft.path),
            "fingerprint": fingerprints.of(draft.title, draft.content, pictures),
        }
        for place, (section_id, draft) in enumerate(made, start=1)
    ]
    await session.execute(insert(UploadSection), rows)
    await audit.record(
        session,
        actor=by,
        action="content.uploaded",
        object_type="course",
        object_id=upload["course_id"],
        changes={"uploadId": str(upload["id"]), "sha256": upload["sha256"], "sections": len(made)},
    )
