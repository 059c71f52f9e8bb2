"""Files in a local folder or in S3, by one code path. The caller keeps type, size and hash in the database.

obstore's asynchronous interface can abort an exiting interpreter, so its synchronous one runs in threads.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore, S3Store

from tms.platform import clock
from tms.platform.errors import UnavailableError
from tms.platform.settings import get_settings

PIECE_BYTES = 1024 * 1024
"""Files are read by requests of this size: none of them lasts long, however slow whoever takes the bytes is."""
PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 2
"""Large files are sent in parts; these in memory bound what a transfer takes."""


class StorageUnavailableError(UnavailableError):
    """The storage does not answer or refuses us."""

    code = "storage_unavailable"
    title = "The file storage does not answer at the moment; try again shortly"


class MissingObjectError(Exception):
    """The database names an object that the storage does not have."""


@lru_cache
def _store() -> Any:
    settings = get_settings()
    if settings.aws_s3_bucket:
        secret = settings.aws_secret_access_key
        endpoint: dict[str, Any] = (
            {"endpoint": settings.aws_endpoint_url} if settings.aws_endpoint_url else {}
        )
        return S3Store(
            settings.aws_s3_bucket,
            access_key_id=settings.aws_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
            region=settings.aws_region,
            client_options={"allow_http": True, "timeout": "30s", "connect_timeout": "2s"},
            retry_config={"max_retries": 2},
            **endpoint,
        )
    folder = settings.tms_home / "files"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return LocalStore(folder)


async def put(key: str, file: Path) -> None:
    """Store a local file under `key`, streamed; an object that is there already is replaced by the same bytes."""
    try:
        await asyncio.to_thread(
            obstore.put, _store(), key, file, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
        )
    except obstore.exceptions.BaseError as error:
        raise StorageUnavailableError from error


async def read(key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
    """The object's bytes from `start` up to before `stop` (its end), in pieces of 1 MiB at most.

    Raises `MissingObjectError` before the first one.
    """
    if stop is None:
        stop = await size(key)
        if stop is None:
            raise MissingObjectError(key)
    while start < stop:
        end = min(start + PIECE_BYTES, stop)
        try:
            piece = await asyncio.to_thread(obstore.get_range, _store(), key, start=start, end=end)
        except FileNotFoundError as error:
            raise MissingObjectError(key) from error
        except obstore.exceptions.BaseError as error:
            raise StorageUnavailableError from error
        yield bytes(piece)
        start = end


async def fetch(key: str, target: Path) -> None:
    """Copy the object to a local file, streamed."""
    with target.open("wb") as file:
        async for chunk in read(key):
            await asyncio.to_thread(file.write, chunk)


async def delete(key: str) -> None:
    """Remove the object; one that is not there is fine."""
    try:
        await asyncio.to_thread(obstore.delete, _store(), key)
    except FileNotFoundError:
        return
    except obstore.exceptions.BaseError as error:
        raise StorageUnavailableError from error


async def size(key: str) -> int | None:
    """The object's size in bytes; None if the storage has not got it."""
    try:
        found = await asyncio.to_thread(obstore.head, _store(), key)
    except FileNotFoundError:
        return None
    except obstore.exceptions.BaseError as error:
        raise StorageUnavailableError from error
    return int(found["size"])


async def exists(key: str) -> bool:
    """Whether the storage has the object."""
    return await size(key) is not None


async def keys_older_than(prefix: str, age: timedelta) -> AsyncIterator[str]:
    """The keys below `prefix` whose objects were stored longer ago than `age`, as they are found."""
    pages = iter(obstore.list(_store(), prefix))
    before = clock.local_now() - age
    while True:
        try:
            page = await asyncio.to_thread(next, pages, None)
        except obstore.exceptions.BaseError as error:
            raise StorageUnavailableError from error
        if page is None:
            return
        for found in page:
            if found["last_modified"] < before:
                yield found["path"]
