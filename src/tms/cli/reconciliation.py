"""`tms reconcile`: users here and accounts at the sign-in server compared, repaired, and told."""

from __future__ import annotations

import asyncio
from collections import Counter

from tms import startup
from tms.cli import database
from tms.identity import reconciling
from tms.platform.settings import Settings


def reconcile(settings: Settings, *, remake: bool, only_look: bool) -> bool:
    """Print each difference and what became of it; answer whether both sides agree now.

    Raises `ProviderUnavailableError` where the sign-in server does not answer; what was repaired before stays so.
    """
    with database.in_use(settings):
        return asyncio.run(_reconcile(settings, remake=remake, only_look=only_look))


async def _reconcile(settings: Settings, *, remake: bool, only_look: bool) -> bool:
    outcomes: Counter[bool] = Counter()
    async with startup.database(settings):
        found = reconciling.compare() if only_look else reconciling.reconcile(remake=remake)
        async for difference in found:
            outcomes[difference.repaired] += 1
            print(f"{'repaired' if difference.repaired else 'LEFT':<9}{difference}", flush=True)
    print(f"{outcomes.total()} differences, {outcomes[True]} repaired, {outcomes[False]} left.")
    return not outcomes[False]
