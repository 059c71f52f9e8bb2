"""`tms doctor`: the promises that the rooms make about the data, looked at one by one."""

from __future__ import annotations

import asyncio

from tms import app, startup
from tms.cli import database
from tms.operations import doctor
from tms.platform import db, migrations
from tms.platform.settings import Settings


async def examine(settings: Settings) -> bool:
    """Print what each check found; answer whether everything is as promised."""
    await asyncio.to_thread(database.reach, settings)
    async with startup.database(settings):
        async with db.reading() as session:
            found = await migrations.current(session)
        if found != migrations.head():
            print(
                f"The database is at {found or 'no migration'}, this version needs {migrations.head()}: run `tms migrate`."
            )
            return False
        findings = {finding.check: finding for finding in await doctor.examine(app.CHECKS)}
    for check in app.CHECKS:
        broken = findings.get(check)
        print(f"{'BROKEN' if broken else 'ok':<8}{check.name}: {check.promise}")
        if broken:
            print(f"        {', '.join(broken.ids)}")
    print(f"{len(app.CHECKS)} checks, {len(findings)} broken.")
    return not findings
