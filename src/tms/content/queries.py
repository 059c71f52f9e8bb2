from uuid import UUID

from sqlalchemy import ColumnElement, Row, RowMapping, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content.errors import MediaNotFoundError, UploadNotFoundError
from tms.content.models import Media, StoredFile, Upload, UploadLesson, UploadSection
from tms.courses import queries as courses
from tms.courses.errors import CourseNotFoundError
from tms.courses.models import Course, Section
from tms.platform import paging
from tms.platform.caller import Caller
from tms.platform.paging import Page, PageRequest

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


async def count_sections(session: AsyncSession, upload_id: UUID) -> int:
    """How many sections an upload has made, those that were removed since too."""
    statement = select(func.count()).select_from(UploadSection).where(UploadSection.upload_id == upload_id)
    return (await session.execute(statement)).scalar_one()


def _shown() -> Select[*tuple[object, ...]]:
    """Uploads with `course_version course_title course_status sections`, the last being how many they made."""
    made = (
        select(func.count())
        .select_from(UploadSection)
        .where(UploadSection.upload_id == Upload.id)
        .correlate(Upload)
    )
    return (
        select(
            Upload.__table__,
            Course.version.label("course_version"),
            Course.title.label("course_title"),
            Course.status.label("course_status"),
            made.scalar_subquery().label("sections"),
        )
        .select_from(Upload)
        .join(Course, Course.id == Upload.course_id)
    )


async def editable(session: AsyncSession, upload_id: UUID, caller: Caller) -> RowMapping:
    """An upload to a course that the caller may change, as `_shown`; else `UploadNotFoundError`."""
    statement = _shown().where(Upload.id == upload_id, courses.editable_by(caller))
    row = (await session.execute(statement)).mappings().one_or_none()
    if row is None:
        raise UploadNotFoundError
    return row


async def of_work(session: AsyncSession, job_id: UUID) -> UUID | None:
    """The upload that this long work is about."""
    return (await session.execute(select(Upload.id).where(Upload.job_id == job_id))).scalar_one_or_none()


async def check_editor(session: AsyncSession, course_id: UUID, caller: Caller) -> None:
    """Raises `CourseNotFoundError` unless the caller may change the course: to others its documents are not there."""
    if not await courses.is_editable(session, course_id, caller):
        raise CourseNotFoundError


async def page(session: AsyncSession, course_id: UUID, caller: Caller, request: PageRequest) -> Page:
    """A page of the uploads to a course, as `editable` shows them; none where the caller may not change it."""
    return await paging.fetch(
        session,
        _shown().where(Upload.course_id == course_id, courses.editable_by(caller)),
        request=request,
        sorts={"createdAt": Upload.created_at},
        key=Upload.id,
    )


async def outline(session: AsyncSession, upload_id: UUID) -> list[RowMapping]:
    """The rows of an outline that waits, in order."""
    statement = (
        select(UploadLesson.__table__).where(UploadLesson.upload_id == upload_id).order_by(UploadLesson.place)
    )
    return list((await session.execute(statement)).mappings())


async def sections_of(session: AsyncSession, upload_id: UUID) -> list[Row[UUID, str, int | None]]:
    """`id title order_index` of what an upload has made, in the document's order; removed sections have no place."""
    statement = (
        select(Section.id, Section.title, Section.order_index)
        .join(UploadSection, UploadSection.section_id == Section.id)
        .where(UploadSection.upload_id == upload_id)
        .order_by(UploadSection.place)
    )
    return list((await session.execute(statement)).all())


async def origin(session: AsyncSession, section_id: UUID) -> RowMapping | None:
    """`id file_name created_at` of the upload whose newest edition made the section; None where it was written by hand."""
    statement = (
        select(Upload.id, Upload.file_name, Upload.created_at)
        .join(UploadSection, UploadSection.upload_id == Upload.id)
        .where(UploadSection.section_id == section_id)
        .order_by(Upload.created_at.desc(), Upload.id.desc())
        .limit(1)
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def same_document(session: AsyncSession, course_id: UUID, sha256: str) -> RowMapping | None:
    """The upload of the same bytes to the same course that has not failed; `in_use`: whether anything of it is left."""
    live = exists().where(
        Section.id == UploadSection.section_id,
        Section.archived_at.is_(None),
        UploadSection.upload_id == Upload.id,
    )
    statement = select(Upload.__table__, live.label("in_use")).where(
        Upload.course_id == course_id,
        Upload.sha256 == sha256,
        Upload.status.in_((*UNFINISHED, "needs_review", "completed")),
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
