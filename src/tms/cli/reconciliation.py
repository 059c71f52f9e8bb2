"""`tms reconcile`: users here and accounts at the sign-in server compared, repaired, and told."""

from __future__ import annotations

import asyncio
from collections import Counter

from tms import startup
from tms.cli import database
from tms.cli.failures import fail
from tms.cli.progress import counted
from tms.identity import reconciling
from tms.identity.errors import ComparisonCutShortError
from tms.platform.settings import Settings

CUT_SHORT = 3
"""The exit status where the sign-in server stopped answering before all was compared."""


def reconcile(settings: Settings, *, remake: bool, only_look: bool) -> bool:
    """Print each difference and what became of it; answer whether both sides agree now.

    Ends with `CUT_SHORT` and a line that says how far it came, where the sign-in server stops answering.
    """
    with database.in_use(settings):
        return asyncio.run(_reconcile(settings, remake=remake, only_look=only_look))


async def _reconcile(settings: Settings, *, remake: bool, only_look: bool) -> bool:
    outcomes: Counter[bool] = Counter()
    progress = reconciling.Progress()
    async with startup.database(settings):
        found = (
            reconciling.compare(progress)
            if only_look
            else reconciling.reconcile(remake=remake, progress=progress)
        )
        try:
            with counted(lambda: f"{progress.accounts} accounts compared"):
                async for difference in found:
                    outcomes[difference.repaired] += 1
                    print(f"{'repaired' if difference.repaired else 'LEFT':<9}{difference}", flush=True)
        except ComparisonCutShortError as error:
            print(_summary(progress, outcomes), flush=True)
            fail(error.detail, CUT_SHORT)
    print(_summary(progress, outcomes))
    return not outcomes[False]


def _summary(progress: reconciling.Progress, outcomes: Counter[bool]) -> str:
    return (
        f"{progress.accounts} accounts compared: {outcomes.total()} differences, {outcomes[True]} repaired, "
        f"{outcomes[False]} left."
    )
