"""`tms backup FILE`: while the system runs, without stopping anybody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from rich.progress import Progress

from tms import __version__
from tms.cli import database
from tms.cli.backup import tables
from tms.cli.backup.archive import Manifest, Part, TablePart, Writer, file_name, table_name
from tms.cli.failures import CannotStartError
from tms.cli.progress import watched
from tms.content.stored import STORED
from tms.platform import secrets, storage
from tms.platform.settings import Settings


def back_up(settings: Settings, path: Path) -> None:
    """Write the backup and print what it holds. Raises `CannotStartError`, and leaves no half file behind."""
    try:
        with Writer(path) as writer, database.in_use(settings) as url, watched() as progress:
            manifest = asyncio.run(_save(settings, url, writer, progress))
            size = writer.finish(manifest, settings)
    except (psycopg.Error, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CannotStartError(
            f"The backup was broken off, and nothing is left of it ({reason}): try again"
        ) from error
    rows = sum(part.rows for part in manifest.tables.values())
    print(
        f"{path}: {size / 1e6:,.1f} MB, {len(manifest.tables)} tables with {rows:,} rows, {len(manifest.files):,} files."
    )
    if manifest.missing:
        print(f"The storage has no more: {', '.join(manifest.missing[:20])}. `tms doctor` says more.")
    print("It holds personal data, and no SECRET_KEY: keep that too, apart from it.")


async def _save(settings: Settings, url: str, writer: Writer, progress: Progress) -> Manifest:
    async with tables.connected(url) as connection, tables.one_state(connection):
        migration = await _migration(connection)
        # The first query above has fixed the state that every later one sees.
        taken_at = datetime.now(UTC)
        written = await _tables(connection, writer, progress)
        positions = await tables.sequences(connection)
        keys = [str(key) for key in await tables.column(connection, STORED)]
        server = connection.info.server_version
    files, missing = await _files(keys, writer, progress)
    return Manifest(
        version=__version__,
        migration=migration,
        taken_at=taken_at,
        postgresql=server,
        key_id=secrets.key_id(settings.secret),
        tables=written,
        sequences=positions,
        files=files,
        missing=missing,
    )


async def _migration(connection: tables.Connection) -> str:
    there = await tables.column(connection, "SELECT to_regclass('public.alembic_version')::text")
    found = (
        await tables.column(connection, "SELECT version_num FROM alembic_version") if there != [None] else []
    )
    if len(found) != 1:
        raise CannotStartError("There is nothing to back up: this database has no tables of TMS")
    return str(found[0])


async def _tables(connection: tables.Connection, writer: Writer, progress: Progress) -> dict[str, TablePart]:
    written = {}
    found = await tables.tables(connection)
    task = progress.add_task("Tables", total=sum(table.bytes for table in found) or None)
    for table in found:
        with writer.part(table_name(table.name)) as sink:
            rows = await tables.write(connection, table, sink)
        written[table.name] = TablePart(
            size=sink.size, sha256=sink.sha256, columns=list(table.columns), rows=rows
        )
        progress.advance(task, table.bytes)
    return written


async def _files(keys: list[str], writer: Writer, progress: Progress) -> tuple[dict[str, Part], list[str]]:
    """What lies under a key never changes, so that files may be read after the state has been left."""
    written, missing = {}, []
    task = progress.add_task("Files", total=len(keys) or None)
    for key in keys:
        try:
            chunks = storage.read(key)
            first = await anext(chunks, b"")
        except storage.MissingObjectError:
            missing.append(key)
            continue
        with writer.part(file_name(key)) as sink:
            sink.write(first)
            async for chunk in chunks:
                sink.write(chunk)
        written[key] = Part(size=sink.size, sha256=sink.sha256)
        progress.advance(task)
    return written, missing
