"""Migrations as the running system sees them: bring a database up to date, and tell whether it is."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import tms


def config(url: str | None = None) -> Config:
    """Alembic's configuration; the scripts lie beside the sources in a checkout and inside the package when installed."""
    package = Path(tms.__file__).parent
    inside = package / "migrations"
    found = Config()
    found.set_main_option(
        "script_location", str(inside if inside.exists() else package.parents[1] / "migrations")
    )
    found.attributes["url"] = url
    return found


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest migration; parallel callers wait for each other."""
    command.upgrade(config(url), "head")


def head() -> str | None:
    """The newest migration that this code knows."""
    return ScriptDirectory.from_config(config()).get_current_head()


async def current(session: AsyncSession) -> str | None:
    """The migration at which the database is; none where it has never been migrated."""
    known: Any = (
        await session.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    ).scalar_one()
    if not known:
        return None
    return (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
