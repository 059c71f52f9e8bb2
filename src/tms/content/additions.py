"""Pictures, videos and sounds that editors add to a course by hand, for sections that they write themselves."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import UUID

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import files, formats, sandbox, scanning
from tms.content.errors import ArchivedCourseError, NoMediaError
from tms.content.handover import Extraction
from tms.content.models import Media
from tms.content.receiving import ReceivedFile
from tms.content.sniff import Kind
from tms.courses import queries as courses_queries
from tms.operations import audit
from tms.platform import db, failpoints
from tms.platform.caller import Caller
from tms.platform.ids import new_id

failpoints.declare("content.add.before_reading", "content.add.after_reading", "content.add.committed")

SUFFIXES = frozenset(
    suffix for kind in (Kind.PICTURE, Kind.VIDEO, Kind.AUDIO) for suffix in formats.FORMATS[kind].suffixes
)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file holds that can be shown: `path` is the file itself, or what was made of it."""

    path: Path
    media_type: str
    size: int
    sha256: str
    width: int
    height: int


async def add(received: ReceivedFile, *, course_id: UUID, caller: Caller) -> RowMapping:
    """The row of `media` for a file, which the same file has already if it was added before and is there still.

    A reader in a child process judges it as in documents. Raises a `DocumentError`, or `ArchivedCourseError`.
    """
    # The reader holds the content to what the name says.
    if PurePosixPath(received.name).suffix.lower() not in SUFFIXES:
        raise NoMediaError
    await scanning.check(received)
    failpoints.here("content.add.before_reading")
    async with AsyncExitStack() as place:
        await place.enter_async_context(sandbox.PLACES)
        async with sandbox.extracting(received.path, filename=received.name) as extraction:
            # Storing a film takes long, and needs no place among those that read.
            await place.aclose()
            failpoints.here("content.add.after_reading")
            found = _only(extraction, received)
            key = await files.keep(found.path, sha256=found.sha256, size=found.size)
    async with db.transaction() as session:
        course = await courses_queries.lock(session, course_id, caller)
        if course["status"] == "archived":
            raise ArchivedCourseError
        await files.name(session, [key])
        row = await _known(session, found) or await _insert(session, found, key)
        await audit.record(
            session,
            actor=caller.id,
            action="content.media_added",
            object_type="course",
            object_id=course_id,
            changes={"mediaId": str(row["id"]), "sha256": found.sha256},
        )
    failpoints.here("content.add.committed")
    return row


def _only(extraction: Extraction, received: ReceivedFile) -> _Found:
    if extraction.original is not None:
        original = extraction.original
        size, sha256 = received.size, received.sha256
        return _Found(received.path, original.content_type, size, sha256, original.width, original.height)
    if len(extraction.pictures) != 1:
        raise NoMediaError
    (one,) = extraction.pictures
    return _Found(one.path, one.content_type, one.size, one.sha256, one.width, one.height)


async def _known(session: AsyncSession, found: _Found) -> RowMapping | None:
    """A row for the same bytes, which is kept from being swept for another day."""
    statement = select(Media.id).where(Media.sha256 == found.sha256, Media.media_type == found.media_type)
    used = (
        update(Media)
        .where(Media.id == statement.order_by(Media.id).limit(1).scalar_subquery())
        .values(unused_since=None)
        .returning(Media.__table__)
    )
    row: RowMapping | None = (await session.execute(used)).mappings().one_or_none()
    return row


async def _insert(session: AsyncSession, found: _Found, key: str) -> RowMapping:
    statement = insert(Media).values(
        id=new_id(),
        media_type=found.media_type,
        size=found.size,
        sha256=found.sha256,
        width=found.width,
        height=found.height,
        storage_key=key,
    )
    row: RowMapping = (await session.execute(statement.returning(Media.__table__))).mappings().one()
    return row
