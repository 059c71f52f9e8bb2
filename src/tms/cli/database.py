"""The database as the commands see it: reached, or a line that says why not; migrated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tms.cli.failures import CannotStartError, without_secrets
from tms.platform import db, embedded, migrations
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
    """Bring the database to this version's tables. Raises `CannotStartError`, and leaves the database as it was then."""
    try:
        migrations.upgrade(url)
    except CommandError as error:
        msg = f"The database {without_secrets(url)} is of another version of TMS ({error}): run the TMS that made it, or a newer one"
        raise CannotStartError(msg) from error
    except SQLAlchemyError as error:
        reason = _first_line(error.orig if isinstance(error, DBAPIError) and error.orig else error)
        msg = f"The database {without_secrets(url)} cannot be brought up to date ({reason}): mend that, then run `tms migrate`"
        raise CannotStartError(msg) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    # libpq tells the reason last in a line that begins with the address, which is known already.
    return lines[0].rsplit("failed: ", 1)[-1] if lines else type(error).__name__
