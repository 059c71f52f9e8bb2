"""The original of an upload, as it came in: for those who may change its course."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import queries
from tms.content.errors import OriginalNotKeptError
from tms.platform import storage
from tms.platform.caller import Caller


@dataclass(frozen=True, slots=True)
class Original:
    """A stored file: what its uploader called it, its size in bytes, its hash, and where it lies."""

    name: str
    size: int
    sha256: str
    key: str

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to before `stop`; raises `OriginalNotKeptError` where the storage has lost it."""
        try:
            async for chunk in storage.read(self.key, start, stop):
                yield chunk
        except storage.MissingObjectError as error:
            raise OriginalNotKeptError from error


async def find(session: AsyncSession, upload_id: UUID, caller: Caller) -> Original:
    """Raises `UploadNotFoundError` unless the caller may change the course, and `OriginalNotKeptError`.

    What came to nothing, since it was refused, cancelled, discarded or has expired, is not kept; between that decision
    and the removal of the file nobody is given it any more.
    """
    row = await queries.editable(session, upload_id, caller)
    if row["status"] == "failed" or row["storage_key"] is None:
        raise OriginalNotKeptError
    return Original(row["file_name"], row["size"], row["sha256"], row["storage_key"])
