"""What every process of TMS does first and last: find the database, bring it up to date, connect, disconnect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tms.identity import administrators, providers
from tms.identity.administrators import FirstAdministrator
from tms.platform import db, embedded, failpoints, migrations
from tms.platform.settings import Settings


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """Connect to the database of the settings, or to the embedded one, which is started or adopted; yields its URL.

    The embedded one is migrated at once, since nobody else looks after it; another one by `tms migrate` or `tms up`.
    Whatever was opened to the identity provider meanwhile is closed at the end. Raises `NotSetUpError`.
    """
    failpoints.arm(settings.tms_fail_at)
    # Said now, not when the first person wants to sign in.
    providers.current()
    try:
        async with _connected(settings) as url:
            yield url
    finally:
        await providers.close()


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[str]:
    if settings.database_url:
        url = settings.database_url.get_secret_value()
        db.connect(url)
        try:
            yield url
        finally:
            await db.disconnect()
        return
    server = await asyncio.to_thread(embedded.acquire, settings.tms_home)
    try:
        await asyncio.to_thread(migrations.upgrade, server.url)
        db.connect(server.url)
        try:
            yield server.url
        finally:
            await db.disconnect()
    finally:
        await asyncio.to_thread(server.release)


async def first_administrator(settings: Settings) -> FirstAdministrator | None:
    """Make the first administrator of the settings where there is none yet, on a database that is connected."""
    password = settings.tms_admin_password
    return await administrators.ensure_first(
        settings.tms_admin_email, password.get_secret_value() if password else None
    )
