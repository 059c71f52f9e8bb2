"""What content keeps of people: the documents that they have uploaded. The lessons made of them are the course's."""

from uuid import UUID

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import files
from tms.content.models import Upload
from tms.operations.personal_data import Holding
from tms.platform import db

HOLDINGS = [
    Holding(
        "uploads",
        acted={
            "created_by": frozenset(
                {"course_id", "file_name", "size", "sha256", "status", "created_at", "finished_at"}
            )
        },
    )
]
"""Rows and files of uploads go by `remove_files`."""

# An outline that waits has nobody at work on it.
_FINISHED = Upload.finished_at.is_not(None) | (Upload.status == "needs_review")


async def files_of(session: AsyncSession, user_id: UUID) -> list[RowMapping]:
    """`id, file_name, size, storage_key` of every document that the person has uploaded."""
    columns = (Upload.id, Upload.file_name, Upload.size, Upload.storage_key)
    statement = select(*columns).where(Upload.created_by == user_id).order_by(Upload.created_at, Upload.id)
    return list((await session.execute(statement)).mappings())


async def forget_file_names(session: AsyncSession, user_id: UUID) -> None:
    """Documents are called "document" from now on: what people call their files often says who they are."""
    await session.execute(
        update(Upload).where(Upload.created_by == user_id).values(file_name="document", error_detail=None)
    )


async def remove_files(user_id: UUID) -> bool:
    """Remove the rows of the person's documents, and the files but for those that other rows name, such as another's
    upload of the same document; false while one is still being read.
    """
    async with db.transaction() as session:
        statement = select(Upload.id, Upload.storage_key).where(Upload.created_by == user_id, _FINISHED)
        found = (await session.execute(statement)).all()
        keys = [row.storage_key for row in found if row.storage_key is not None]
        await files.lock(session, keys)
        await session.execute(delete(Upload).where(Upload.id.in_([row.id for row in found])))
        await files.condemn(session, keys)
        left = await session.execute(select(Upload.id).where(Upload.created_by == user_id).limit(1))
        is_done = left.first() is None
    await files.remove_condemned()
    return is_done
