"""`tms doctor`: the promises that the rooms make about the data, looked at one by one, for people or for programs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from tms import app
from tms.cli import database
from tms.cli.failures import CannotStartError
from tms.operations import doctor
from tms.operations.doctor import Check, Finding
from tms.platform import db, migrations
from tms.platform.settings import Settings


def examine(settings: Settings, *, files: bool = False, as_json: bool = False) -> bool:
    """Print what each check found; answer whether everything is as promised. Changes nothing, not even old tables.

    `files` reads every stored file too. Raises `CannotStartError` where the database is of another version.
    """
    with database.in_use(settings) as url:
        return asyncio.run(_examine(url, files=files, as_json=as_json))


async def _examine(url: str, *, files: bool, as_json: bool) -> bool:
    db.connect(url)
    try:
        await _check_version()
        report = _Report(as_json=as_json)
        async for check, finding in doctor.examinations(app.CHECKS, files=files):
            report.add(check, finding)
        return report.end()
    except SQLAlchemyError as error:
        msg = f"The database stopped answering in the middle of the examination ({type(error).__name__}): try again"
        raise CannotStartError(msg) from error
    finally:
        await db.disconnect()


async def _check_version() -> None:
    async with db.reading() as session:
        found = await migrations.current(session)
    if found != migrations.head():
        msg = f"The database is at {found or 'no migration'}, this version needs {migrations.head()}: run `tms migrate`"
        raise CannotStartError(msg)


class _Report:
    """What was found so far: people see each check as it ends, programs get one document at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._examined = 0
        self._findings: list[Finding] = []

    def add(self, check: Check, finding: Finding | None) -> None:
        self._examined += 1
        if finding is not None:
            self._findings.append(finding)
        if not self._as_json:
            print("\n".join(_told(check, finding)), flush=True)

    def end(self) -> bool:
        notes = [finding for finding in self._findings if finding.check.is_note]
        found = [finding for finding in self._findings if not finding.check.is_note]
        unknown = sum(finding.trouble is not None for finding in found)
        broken = len(found) - unknown
        if self._as_json:
            document = {
                "healthy": not found,
                "examined": self._examined,
                "broken": [_as_data(finding) for finding in found],
                "notes": [_as_data(finding) for finding in notes],
            }
            print(json.dumps(document, indent=2))
        else:
            doubt = f" {unknown} could not be examined," if unknown else ""
            print(f"{self._examined} checks,{doubt} {broken} broken.")
        return not found


def _told(check: Check, finding: Finding | None) -> list[str]:
    if finding is None:
        return [f"ok      {check.name}: {check.promise}"]
    state = "NOTE" if check.is_note else "UNKNOWN" if finding.trouble else "BROKEN"
    lines = [f"{state:<8}{check.name}: {check.promise}"]
    if finding.trouble:
        lines.append(f"        It could not be examined: {finding.trouble}.")
    if finding.ids:
        more = finding.total - len(finding.ids)
        shown = ", ".join(finding.ids) + (f" and {more} more" if more else "")
        lines += [f"        Broken by: {shown}", f"        What to do: {check.remedy}"]
    return lines


def _as_data(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.check.name,
        "promise": finding.check.promise,
        "ids": finding.ids,
        "total": finding.total,
        "remedy": finding.check.remedy,
        "trouble": finding.trouble,
    }
