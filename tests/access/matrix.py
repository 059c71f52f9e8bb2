"""Every route, asked by everybody about everything; what is expected follows from the policy table alone."""

import asyncio
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from tests.access.ground import COUNTERS
from tests.access.relations import (
    ADMIN,
    FOREIGN,
    MISSING,
    REFUSED,
    ROLES,
    SUBJECTS,
    reaches,
    relation,
)

from tms.content import service as uploads
from tms.http.policy import Line, Reach
from tms.platform.caller import Role

SUCCESS = (200, None)
"""Stands for any 2xx, and for a page that leads on."""
TO_SIGN_IN = (303, None)


@dataclass(frozen=True)
class Cell:
    """One request to come: who asks at which door about which thing."""

    line: Line
    subject: str
    thing: str
    tier: str
    expected: tuple[int, str | None]
    page: bool = False

    @property
    def is_allowed(self):
        return self.expected == SUCCESS

    def __str__(self):
        return f"{self.line.method} {self.line.path} [{self.subject}; {self.thing or '-'}: {self.tier}]"


@dataclass(frozen=True)
class Outcome:
    """What came of it: the answer, the tables that it changed, and what exactly was sent."""

    cell: Cell
    sent: str
    answer: Any
    changed: frozenset[str]

    @property
    def status(self):
        return self.answer.status_code

    @property
    def code(self):
        is_problem = self.answer.headers.get("content-type") == "application/problem+json"
        return self.answer.json()["code"] if is_problem else None

    @property
    def is_as_expected(self):
        to_sign_in = self.answer.headers.get("location", "").startswith("/login")
        if self.cell.is_allowed:
            return 200 <= self.status < 300 or (self.cell.page and self.status == 303 and not to_sign_in)
        if self.cell.expected == TO_SIGN_IN:
            return self.status == 303 and to_sign_in
        status, code = self.cell.expected
        return self.status == status and code in {None, self.code}


def expectation(line, subject, tier, *, page=False):
    """(status, code) by the table: who may not come in is told so, what is out of reach is not found."""
    if subject in REFUSED:
        return TO_SIGN_IN if page else REFUSED[subject]
    role = ROLES[subject]
    if role not in line.roles:
        return 403, None if page else "forbidden"
    if tier == MISSING:
        return 404, None
    if tier == "" or reaches(line.reach(role), tier):
        return SUCCESS
    if line.sight and reaches(line.sight.reads, tier):
        return 403, None
    return 404, None


def _tier(door, subject, thing):
    if thing in {"", MISSING}:
        return thing
    return relation(door.kind, thing, subject) if subject in ROLES else FOREIGN


def without_door(lines, doors):
    """Routes of which nobody has said how to ask there, so that they would have no cells."""
    return [(line.method, line.path) for line in lines if (line.method, line.path) not in doors]


def cells(lines, doors, *, page=False):
    """Every cell of these lines, each of which has a door."""
    for line in lines:
        door = doors[line.method, line.path]
        for thing in door.things():
            for subject in SUBJECTS:
                tier = _tier(door, subject, thing)
                expected = expectation(line, subject, tier, page=page)
                yield Cell(line, subject, thing, tier, expected, page)


async def run(cell, doors, world, ground):
    """Ask, note what the answer left changed, and put everything back as it was."""
    await world.renew_tokens()
    door = doors[cell.line.method, cell.line.path]
    address, options = door.request(world, cell.line.path, cell.thing)
    answer = await world.send(cell.subject, cell.line.method, address, page=cell.page, **options)
    # What a page has begun and does not wait for ends before everything is put back.
    await asyncio.gather(*uploads._working)
    changed = await ground.put_back()
    if "users" in changed:
        world.forget()
    sent = f"{cell.line.method} {address} {options.get('json', '')}"
    return Outcome(cell, sent, answer, frozenset(changed - COUNTERS))


def half_stated(line):
    """Whether a line admits a role and does not say how far it reaches, or the other way round."""
    sight = line.sight
    stated = {role for role in Role if sight and getattr(sight, role.value) is not Reach.NONE}
    return stated != line.roles


def without_sibling(outcomes):
    """Denials of a request that nobody was allowed: nothing shows that it was denied for who asked."""
    allowed = {outcome.sent for outcome in outcomes if outcome.cell.is_allowed and outcome.is_as_expected}
    return [
        outcome
        for outcome in outcomes
        if not outcome.cell.is_allowed and outcome.cell.thing != MISSING and outcome.sent not in allowed
    ]


def shown(answer):
    """All that an answer tells, but the number that every request has of its own."""
    number = answer.headers["x-request-id"]
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, headers, answer.text.replace(number, "")


def telling(outcomes):
    """Answers about what is out of reach that differ from the answer about what is not there."""
    of_missing = {
        (outcome.cell.line.method, outcome.cell.line.path, outcome.cell.subject): shown(outcome.answer)
        for outcome in outcomes
        if outcome.cell.thing == MISSING
    }
    return [
        outcome
        for outcome in outcomes
        if outcome.cell.expected[0] == 404
        and outcome.cell.thing != MISSING
        and shown(outcome.answer)
        != of_missing[outcome.cell.line.method, outcome.cell.line.path, outcome.cell.subject]
    ]


def text_of(answer):
    """The words of an answer; of an archive those of everything in it."""
    if answer.headers.get("content-type") != "application/zip":
        return answer.text
    with ZipFile(BytesIO(answer.content)) as archive:
        return "\n".join(archive.read(name).decode(errors="replace") for name in archive.namelist())


def leaks(outcomes, secrets):
    """(cell, word) for each word in an answer to somebody who may not read the thing that it stands in."""
    return [
        (str(outcome.cell), word)
        for outcome in outcomes
        if outcome.cell.subject != ADMIN
        for text in [text_of(outcome.answer)]
        for word, readers in secrets.items()
        if outcome.cell.subject not in readers and word in text
    ]
