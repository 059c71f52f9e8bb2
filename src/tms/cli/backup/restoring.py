"""`tms restore FILE`: into an empty database and an empty storage. The copy sends none of the original's e-mails."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from rich.progress import Progress

from tms import personal, startup
from tms.cli import database, examination
from tms.cli.backup import tables
from tms.cli.backup.archive import Manifest, Reader, file_name, table_name
from tms.cli.failures import CannotStartError
from tms.cli.progress import watched
from tms.courses.silence import SILENCE as COURSES
from tms.identity.silence import SILENCE as IDENTITY
from tms.notifications.silence import SILENCE as NOTIFICATIONS
from tms.operations.silence import SILENCE as OPERATIONS
from tms.platform import db, migrations, storage
from tms.platform.settings import Settings
from tms.students import erasure

SILENCE = (*NOTIFICATIONS, *COURSES, *IDENTITY, *OPERATIONS)
_EVERY_AGE = timedelta(days=-1)
"""Also what was stored this moment, by a clock that is ahead."""


def restore(settings: Settings, path: Path, *, erasures: Path | None, trust: bool) -> bool:
    """Check the whole backup, load it, bring it to this version, erase again, and examine it; true if all is as promised.

    Raises `CannotStartError` before anything is changed where the backup is broken or the place is not empty.
    """
    gone = _ids(erasures) if erasures else []
    with Reader(path, settings, trust=trust) as backup, watched() as progress:
        _check_known(backup.manifest)
        task = progress.add_task(
            "Checking", total=sum(p.size for p in backup.manifest.parts().values()) or None
        )
        for size in backup.verify():
            progress.advance(task, size)
        with database.in_use(settings) as url:
            asyncio.run(_fill(url, backup, progress))
            database.migrate(url)
    rows = sum(part.rows for part in backup.manifest.tables.values())
    print(
        f"Restored {rows:,} rows and {len(backup.manifest.files):,} files of {backup.manifest.taken_at:%Y-%m-%d %H:%M} UTC."
    )
    if backup.manifest.missing:
        print(f"The backup has not got {len(backup.manifest.missing)} files that its original had lost.")
    print("E-mails that were waiting are in the outbox, and nothing sends them by itself.")
    if erasures:
        print(f"Erased again: {asyncio.run(_erase_again(settings, gone))}.")
    return examination.examine(settings, files=True, as_json=False)


def _ids(path: Path) -> list[UUID]:
    try:
        return [UUID(line) for line in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read as what `tms erasures` prints, one id in each line: correct it"
        raise CannotStartError(msg) from error


def _check_known(manifest: Manifest) -> None:
    scripts = ScriptDirectory.from_config(migrations.config())
    try:
        scripts.get_revision(manifest.migration)
    except CommandError as error:
        msg = f"The backup was made by TMS {manifest.version}, which is newer than this one: restore it with that version"
        raise CannotStartError(msg) from error


async def _fill(url: str, backup: Reader, progress: Progress) -> None:
    manifest = backup.manifest
    async with tables.connected(url) as connection:
        await tables.check_empty(connection, manifest.migration)
        await _check_storage(manifest)
        # By our own migrations, so that nothing in the backup says what the tables are.
        await asyncio.to_thread(command.upgrade, migrations.config(url), manifest.migration)
        await _files(backup, progress)
        task = progress.add_task("Tables", total=sum(part.size for part in manifest.tables.values()) or None)
        read = {name: backup.read(table_name(name)) for name in manifest.tables}
        columns = {name: part.columns for name, part in manifest.tables.items()}
        try:
            async for name, rows in tables.load(connection, columns, read, manifest.sequences, SILENCE):
                if rows != manifest.tables[name].rows:
                    raise CannotStartError(
                        f"The table {name} has not the number of rows that it should have: use another backup"
                    )
                progress.advance(task, manifest.tables[name].size)
        except psycopg.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise CannotStartError(
                f"PostgreSQL does not take the backup, and nothing was restored ({reason})"
            ) from error


async def _check_storage(manifest: Manifest) -> None:
    """What an earlier try has left is fine: it is the same file under the same key."""
    async for key in storage.keys_older_than("", _EVERY_AGE):
        if key not in manifest.files:
            raise CannotStartError(
                "The file storage is not empty, and a restore replaces nothing: set TMS_HOME to a folder of its own, or "
                "AWS_S3_BUCKET to a new bucket"
            )


async def _files(backup: Reader, progress: Progress) -> None:
    task = progress.add_task("Files", total=len(backup.manifest.files) or None)
    with tempfile.TemporaryDirectory(prefix="tms-restore-") as folder:
        local = Path(folder) / "file"
        for key in backup.manifest.files:
            with local.open("wb") as file:
                for chunk in backup.read(file_name(key)):
                    file.write(chunk)
            await storage.put(key, local)
            progress.advance(task)


async def _erase_again(settings: Settings, gone: list[UUID]) -> int:
    personal.join()
    async with startup.database(settings):
        return await erasure.replay(gone)


async def list_erased(settings: Settings) -> list[UUID]:
    """The ids of all who were erased."""
    async with startup.database(settings), db.reading() as session:
        return await erasure.erased(session)
