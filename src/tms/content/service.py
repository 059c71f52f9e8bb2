"""An upload from its arrival to its answer: `processing.step` does the work, here or in a worker, whoever is first."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from uuid import UUID

from sqlalchemy import RowMapping, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import files, processing, queries
from tms.content.errors import RECORDED, ArchivedCourseError, DocumentError
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
class Outcome:
    """An upload as it stands; `repeated`: the same document was in the course already, so that nothing was changed."""

    row: RowMapping
    repeated: bool

    @property
    def is_finished(self) -> bool:
        """Whether the sections are there."""
        return bool(self.row["status"] == "completed")


async def check_open(course_id: UUID, caller: Caller) -> None:
    """Refuse before a byte is taken: raises 404, 403, or `ArchivedCourseError`."""
    async with db.reading() as session:
        await courses_queries.check_editable(session, course_id, caller)
        if await queries.course_status(session, course_id) == "archived":
            raise ArchivedCourseError


async def upload(received: ReceivedFile, *, course_id: UUID, caller: Caller) -> Outcome:
    """Make sections of a document, waiting some seconds for them; the same document twice changes nothing.

    Raises the `DocumentError` that says what is wrong with the document; then the course is as it was.
    """
    upload_id, repeated = await _admit(received, course_id, caller)
    failpoints.here("content.admit.committed")
    row = await _wait(upload_id, _begin(upload_id))
    if row["status"] == "failed":
        raise RECORDED.get(row["error_code"], DocumentError)(row["error_detail"])
    return Outcome(row, repeated)


async def _admit(received: ReceivedFile, course_id: UUID, caller: Caller) -> tuple[UUID, bool]:
    """The upload's row, its long work and its job, made together; or the id of the one that is there already."""
    key = await files.keep(received.path, sha256=received.sha256, size=received.size)
    async with db.transaction() as session:
        # The lock makes parallel uploads to one course stand in line here.
        course = await courses_queries.lock(session, course_id, caller)
        if course["status"] == "archived":
            raise ArchivedCourseError
        known = await queries.same_document(session, course_id, received.sha256)
        if known is None or not _holds(known):
            await files.name(session, [key])
            return await _insert(session, received, key, course_id, caller, replaces=known), False
    return known["id"], known["status"] == "completed"


def _holds(known: RowMapping) -> bool:
    """Whether the earlier upload stands: it is at work, or something of what it made is still in the course."""
    return known["status"] != "completed" or bool(known["in_use"])


async def _insert(
    session: AsyncSession,
    received: ReceivedFile,
    key: str,
    course_id: UUID,
    caller: Caller,
    *,
    replaces: RowMapping | None,
) -> UUID:
    upload_id = new_id()
    if replaces is not None:
        await session.execute(update(Upload).where(Upload.id == replaces["id"]).values(status="replaced"))
    job_id = await operations.start_work(session, kind="content.process", by=caller.id)
    await session.execute(
        insert(Upload).values(
            id=upload_id,
            course_id=course_id,
            file_name=received.name,
            size=received.size,
            sha256=received.sha256,
            storage_key=key,
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
    """The row once it is finished, by this step or somebody else's, or as it stands when patience ends."""
    deadline = monotonic() + PATIENCE_SECONDS
    await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    while True:
        async with db.reading() as session:
            row = await queries.upload(session, upload_id)
        if row is None:
            raise CourseNotFoundError
        if row["finished_at"] is not None or monotonic() >= deadline or row["leased_until"] is None:
            return row
        await asyncio.sleep(LOOK_EVERY_SECONDS)
