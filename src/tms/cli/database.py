"""The database as the commands see it: reached, or a line that says why not; migrated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tms.cli.failures import CannotStartError, without_secrets
from tms.platform import db, embedded, migrations
from tms.platform.embedded import Embedded
from tms.platform.settings import Settings

OLDEST_VERSION = 160_000


@contextmanager
def in_use(settings: Settings) -> Iterator[str]:
    """Yield the database's URL for the length of a block: that of `DATABASE_URL`, or the embedded one, started or adopted."""
    reach(settings)
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with embedded.acquire(settings.tms_home) as server:
        yield server.url


def reach(settings: Settings) -> None:
    """Raise `CannotStartError` if there is a `DATABASE_URL` whose server does not let us in or is too old."""
    if settings.database_url is None:
        return
    url = settings.database_url.get_secret_value()
    try:
        with psycopg.connect(db.plain_url(url), connect_timeout=10) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        msg = f"Cannot use the database of DATABASE_URL, {without_secrets(url)} ({_first_line(error)}): start it, or correct DATABASE_URL"
        raise CannotStartError(msg) from error
    if version < OLDEST_VERSION:
        msg = f"The database of DATABASE_URL is PostgreSQL {version // 10_000}; TMS needs 16 or newer: upgrade it, or unset DATABASE_URL"
        raise CannotStartError(msg)


def migrate(url: str) -> None:
    """Bring the database to this version's tables."""
    migrations.upgrade(url)


def renew(settings: Settings, held: Embedded) -> Embedded:
    """Use the embedded server anew where its guardian has died, and end the old use."""
    fresh = embedded.acquire(settings.tms_home, timeout=20)
    held.release()
    return fresh


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    # libpq tells the reason last in a line that begins with the address, which is known already.
    return lines[0].rsplit("failed: ", 1)[-1] if lines else type(error).__name__
