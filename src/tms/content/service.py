"""An upload from its arrival to its answer: `processing.step` does the work, here or in a worker, whoever is first."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from uuid import UUID

from sqlalchemy import RowMapping, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import files, outlines, processing, queries, scanning
from tms.content.errors import RECORDED, ArchivedCourseError, DocumentError, NoSuchEditionError
from tms.content.models import Upload
from tms.content.receiving import ReceivedFile
from tms.courses import queries as courses_queries
from tms.courses.errors import CourseNotFoundError
from tms.operations import service as operations
from tms.platform import clock, db, failpoints, queue
from tms.platform.caller import Caller
from tms.platform.errors import UnavailableError
from tms.platform.ids import new_id

logger = logging.getLogger(__name__)

failpoints.declare("content.admit.committed")

PATIENCE_SECONDS = 10.0
"""How long a request waits for the sections before it answers that they are being made."""
JOB_AFTER = timedelta(seconds=20)
LOOK_EVERY_SECONDS = 0.2
# Steps begun by requests whose patience ended; a task that nobody holds may be collected half-way.
_working: set[asyncio.Task[None]] = set()


@dataclass(frozen=True, slots=True)
class Purpose:
    """What is to become of a file: sections at once, or an outline to look over first.

    `replaces` is the upload whose new edition it is; that always stops at an outline, to be compared with the course.
    """

    review: bool = False
    replaces: UUID | None = None

    def is_that_of(self, upload: RowMapping) -> bool:
        """Whether the upload was asked for in the same way."""
        return bool(upload["review"] == self.review and upload["replaces_id"] == self.replaces)


AT_ONCE = Purpose()


@dataclass(frozen=True, slots=True)
class Outcome:
    """An upload as it stands; `repeated`: the same document was there already, so that nothing was changed."""

    row: RowMapping
    repeated: bool
    sections: int
    """How many it has made."""

    @property
    def is_read(self) -> bool:
        """Whether the sections, or the outline, are there."""
        return self.row["status"] not in queries.UNFINISHED


async def check_open(course_id: UUID, caller: Caller, purpose: Purpose = AT_ONCE) -> None:
    """Refuse before a byte is taken: raises 404, 403, `ArchivedCourseError`, or `NoSuchEditionError`."""
    async with db.reading() as session:
        await courses_queries.check_editable(session, course_id, caller)
        if await queries.course_status(session, course_id) == "archived":
            raise ArchivedCourseError
        await _check_edition(session, course_id, purpose)


async def _check_edition(session: AsyncSession, course_id: UUID, purpose: Purpose) -> None:
    if purpose.replaces is None:
        return
    replaced = await queries.upload(session, purpose.replaces)
    if replaced is None or replaced["course_id"] != course_id or replaced["status"] != "completed":
        raise NoSuchEditionError


async def upload(received: ReceivedFile, *, course_id: UUID, caller: Caller, purpose: Purpose) -> Outcome:
    """Make sections or an outline of a document, waiting some seconds; the same document twice changes nothing.

    Raises the `DocumentError` that says what is wrong with the document; then the course is as it was.
    """
    upload_id, repeated = await _admit(received, course_id, caller, purpose)
    failpoints.here("content.admit.committed")
    row = await _wait(upload_id, _begin(upload_id))
    if row["status"] == "failed":
        raise RECORDED.get(row["error_code"], DocumentError)(row["error_detail"])
    async with db.reading() as session:
        return Outcome(row, repeated, await queries.count_sections(session, upload_id))


async def begin(received: ReceivedFile, *, course_id: UUID, caller: Caller, purpose: Purpose) -> UUID:
    """As `upload`, without waiting: the upload's id, at which it can be watched."""
    upload_id, _ = await _admit(received, course_id, caller, purpose)
    _begin(upload_id)
    return upload_id


async def _admit(
    received: ReceivedFile, course_id: UUID, caller: Caller, purpose: Purpose
) -> tuple[UUID, bool]:
    """The upload's row, its long work and its job, made together; or the id of the one that is there already."""
    await scanning.check(received)
    key = await files.keep(received.path, sha256=received.sha256, size=received.size)
    async with db.transaction() as session:
        # The lock makes parallel uploads to one course stand in line here.
        course = await courses_queries.lock(session, course_id, caller)
        if course["status"] == "archived":
            raise ArchivedCourseError
        await _check_edition(session, course_id, purpose)
        known = await queries.same_document(session, course_id, received.sha256)
        if known is None or not _holds(known, purpose):
            await _make_way(session, known)
            await files.name(session, [key])
            return await _insert(session, received, key, course_id, caller, purpose), False
    return known["id"], known["status"] not in queries.UNFINISHED


def _holds(known: RowMapping, purpose: Purpose) -> bool:
    """Whether the earlier upload of the same document stands.

    It does while it is at work and while anything of what it made is in the course; an outline that waits stands unless
    the document is now wanted in another way.
    """
    if known["status"] == "needs_review":
        return purpose.is_that_of(known)
    return known["status"] in queries.UNFINISHED or bool(known["in_use"])


async def _make_way(session: AsyncSession, known: RowMapping | None) -> None:
    if known is None:
        return
    if known["status"] == "needs_review":
        await outlines.give_up(session, [known["id"]], outlines.DISCARDED)
    else:
        await session.execute(update(Upload).where(Upload.id == known["id"]).values(status="replaced"))


async def _insert(
    session: AsyncSession,
    received: ReceivedFile,
    key: str,
    course_id: UUID,
    caller: Caller,
    purpose: Purpose,
) -> UUID:
    upload_id = new_id()
    job_id = await operations.start_work(session, kind="content.process", by=caller.id)
    await session.execute(
        insert(Upload).values(
            id=upload_id,
            course_id=course_id,
            file_name=received.name,
            size=received.size,
            sha256=received.sha256,
            storage_key=key,
            review=purpose.review,
            replaces_id=purpose.replaces,
            job_id=job_id,
            created_by=caller.id,
            created_at=clock.db_now(),
        )
    )
    await queue.enqueue(session, "content.process", after=JOB_AFTER, upload_id=str(upload_id))
    return upload_id


def _begin(upload_id: UUID) -> asyncio.Task[None]:
    task = asyncio.create_task(_step(upload_id))
    _working.add(task)
    task.add_done_callback(_working.discard)
    return task


async def _step(upload_id: UUID) -> None:
    try:
        await processing.step(upload_id)
    except UnavailableError:
        logger.warning("an upload waits for the storage", extra={"upload": str(upload_id)})
    except Exception:
        # The job will try again; the request answers that the work goes on.
        logger.exception("a step of an upload failed", extra={"upload": str(upload_id)})


async def _wait(upload_id: UUID, task: asyncio.Task[None]) -> RowMapping:
    """The row once it was read, by this step or somebody else's, or as it stands when patience ends."""
    deadline = monotonic() + PATIENCE_SECONDS
    await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    while True:
        async with db.reading() as session:
            row = await queries.upload(session, upload_id)
        if row is None:
            raise CourseNotFoundError
        at_work = row["status"] in queries.UNFINISHED and row["leased_until"] is not None
        if not at_work or monotonic() >= deadline:
            return row
        await asyncio.sleep(LOOK_EVERY_SECONDS)
