from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, String, cast, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content.errors import MediaNotFoundError
from tms.content.models import Media, StoredFile, Upload
from tms.courses.models import Course, Section

UNFINISHED = ("queued", "processing")


def is_named() -> ColumnElement[bool]:
    """Which rows of `stored_files` another row needs. That of a failed upload must be uploaded again anyway."""
    return or_(
        exists().where(Upload.storage_key == StoredFile.key, Upload.status != "failed"),
        exists().where(Media.storage_key == StoredFile.key),
    )


async def upload(session: AsyncSession, upload_id: UUID) -> RowMapping | None:
    """One upload; None if it has gone together with its course."""
    statement = select(Upload.__table__).where(Upload.id == upload_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def same_document(session: AsyncSession, course_id: UUID, sha256: str) -> RowMapping | None:
    """The upload of the same bytes to the same course that has not failed; `in_use`: whether anything of it is left."""
    live = exists().where(
        Section.course_id == course_id,
        Section.archived_at.is_(None),
        Upload.section_ids.has_key(cast(Section.id, String)),
    )
    statement = select(Upload.__table__, live.label("in_use")).where(
        Upload.course_id == course_id,
        Upload.sha256 == sha256,
        Upload.status.in_((*UNFINISHED, "completed")),
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def course_status(session: AsyncSession, course_id: UUID) -> str | None:
    """`draft`, `published` or `archived`; None if there is no such course."""
    return (await session.execute(select(Course.status).where(Course.id == course_id))).scalar_one_or_none()


async def media(session: AsyncSession, media_id: UUID) -> RowMapping:
    """One picture; raises `MediaNotFoundError`."""
    statement = select(Media.media_type, Media.size, Media.sha256, Media.storage_key).where(
        Media.id == media_id
    )
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise MediaNotFoundError
    return row
