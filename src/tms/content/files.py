"""The bytes of originals and media: kept once, however many rows name them, and removed when none does any more.

A file's key is its SHA-256 and behind it an id of this life of it. A row of `stored_files` is committed before the first
byte is stored, and is condemned before the first byte is removed. A condemned key never comes back to life: who
stores the same bytes again is given another, so that a removal may be repeated by anybody at any time.

Rows are locked in this order: course, stored files (by key), uploads and media.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Text,
    case,
    column,
    delete,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import queries
from tms.content.errors import FileRemovedError
from tms.content.models import StoredFile
from tms.platform import clock, db, failpoints, storage
from tms.platform.ids import new_id

failpoints.declare(
    "content.keep.before_storing",
    "content.keep.after_storing",
    "content.remove.before_removal",
    "content.remove.after_removal",
)

PREFIX = "sha256"
PREFIXES = (PREFIX, "originals", "media")
"""Where files lie; under the last two those of versions that kept a file for each upload."""
_AT_ONCE = 500


async def keep(file: Path, *, sha256: str, size: int) -> str:
    """Store a local file unless the same bytes are there; gives the key, for a row that is written within a day.

    The transaction that writes this row calls `name` first.
    """
    keys = await claim({sha256: size})
    await store(keys[sha256], file, size=size)
    return keys[sha256]


async def claim(sizes: Mapping[str, int]) -> dict[str, str]:
    """The keys for files of these SHA-256 and sizes, to be stored at within a day; see `keep`."""
    if not sizes:
        return {}
    # Rows are locked as they are written: in one order, whoever else claims the same files.
    hashes = sorted(sizes)
    told = (
        func.unnest(
            literal([f"{PREFIX}/{sha256}-{new_id().hex}" for sha256 in hashes], ARRAY(Text())),
            literal(hashes, ARRAY(Text())),
            literal([sizes[sha256] for sha256 in hashes], ARRAY(BigInteger())),
        )
        .table_valued(column("key", Text()), column("sha256", Text()), column("size", BigInteger()))
        .render_derived()
    )
    names = ["key", "sha256", "size", "unnamed_since"]
    new = insert(StoredFile).from_select(names, select(*told.c, clock.db_now()))
    kept_alive = case((StoredFile.unnamed_since.is_not(None), new.excluded.unnamed_since), else_=null())
    statement = new.on_conflict_do_update(
        index_elements=[StoredFile.sha256],
        index_where=StoredFile.condemned_at.is_(None),
        set_={"unnamed_since": kept_alive},
    ).returning(StoredFile.sha256, StoredFile.key)
    async with db.transaction() as session:
        return {row.sha256: row.key for row in await session.execute(statement)}


async def store(key: str, file: Path, *, size: int) -> None:
    """Store a local file at a key that was claimed for it, unless its bytes are there."""
    if await storage.size(key) != size:
        failpoints.here("content.keep.before_storing")
        await storage.put(key, file)
        failpoints.here("content.keep.after_storing")


async def name(session: AsyncSession, keys: Collection[str]) -> None:
    """Hold these files for rows that this transaction writes; raises `FileRemovedError` where one was condemned since."""
    if len(await _lock(session, keys, StoredFile.condemned_at.is_(None))) != len(set(keys)):
        raise FileRemovedError
    await session.execute(
        update(StoredFile)
        .where(StoredFile.key.in_(keys), StoredFile.unnamed_since.is_not(None))
        .values(unnamed_since=None)
    )


async def lock(session: AsyncSession, keys: Collection[str]) -> None:
    """Nobody names these files until the transaction ends; before rows that name them are removed."""
    await _lock(session, keys)


async def _lock(
    session: AsyncSession, keys: Collection[str], *conditions: ColumnElement[bool]
) -> Collection[str]:
    statement = select(StoredFile.key).where(StoredFile.key.in_(keys), *conditions).order_by(StoredFile.key)
    return (await session.execute(statement.with_for_update())).scalars().all()


async def condemn(
    session: AsyncSession, keys: Collection[str], *, unnamed_for: timedelta | None = None
) -> None:
    """Decide that those of these files go which no row names, or has not for some time; `remove_condemned` does it."""
    await _lock(session, keys)
    # A statement of its own after the lock, so that it sees every row that was written before it was had.
    statement = update(StoredFile).where(
        StoredFile.key.in_(keys), StoredFile.condemned_at.is_(None), ~queries.is_named()
    )
    if unnamed_for is not None:
        statement = statement.where(StoredFile.unnamed_since < clock.db_now() - unnamed_for)
    await session.execute(statement.values(condemned_at=clock.db_now()))


async def remove_condemned() -> int:
    """Remove every condemned file, whoever condemned it; gives their number. Safe to repeat, and for several at once."""
    removed = 0
    while keys := await _condemned():
        for key in keys:
            failpoints.here("content.remove.before_removal")
            await storage.delete(key)
            failpoints.here("content.remove.after_removal")
        async with db.transaction() as session:
            await session.execute(
                delete(StoredFile).where(StoredFile.key.in_(keys), StoredFile.condemned_at.is_not(None))
            )
        removed += len(keys)
    return removed


async def _condemned() -> Collection[str]:
    async with db.reading() as session:
        statement = select(StoredFile.key).where(StoredFile.condemned_at.is_not(None)).limit(_AT_ONCE)
        return (await session.execute(statement)).scalars().all()


async def sweep(grace: timedelta) -> int:
    """Note which files are named; remove those that have not been for as long as `grace`; gives their number."""
    async with db.transaction() as session:
        await session.execute(
            update(StoredFile)
            .where(
                StoredFile.condemned_at.is_(None), StoredFile.unnamed_since.is_(None) != queries.is_named()
            )
            .values(unnamed_since=case((queries.is_named(), null()), else_=clock.db_now()))
        )
    async with db.reading() as session:
        statement = select(StoredFile.key).where(StoredFile.unnamed_since < clock.db_now() - grace)
        keys = (await session.execute(statement)).scalars().all()
    for start in range(0, len(keys), _AT_ONCE):
        async with db.transaction() as session:
            await condemn(session, keys[start : start + _AT_ONCE], unnamed_for=grace)
    return await remove_condemned()
