"""Hundreds of hostile files: each has its expected outcome, within limits, and leaves nothing behind."""

import logging
from collections import Counter

import pytest

from tests.corpus import running
from tests.corpus.hostile.case import READ
from tests.corpus.hostile.corpus import CASES
from tms.content.errors import BY_CODE

MEMORY = 512 * 1024 * 1024
SECONDS = 30
# Of each family some, spread evenly; those that take long to make or to read wait for the whole campaign.
OF_EACH_FAMILY = 4
SLOW = (
    "hundred thousand parts",
    "fifteen hundred sheets",
    "bomb",
    "twenty thousand rows",
    "huge map",
    "wide attribute",
)


def some():
    for family in dict.fromkeys(case.family for case in CASES):
        quick = [
            case for case in CASES if case.family == family and not any(slow in case.name for slow in SLOW)
        ]
        yield from quick[:: max(1, len(quick) // OF_EACH_FAMILY)][:OF_EACH_FAMILY]


async def hold(case, folder, caplog):
    caplog.set_level(logging.ERROR, logger="tms.content")
    outcome = await running.read(case.make(), case.filename, folder)
    told = f"{case.id}: {outcome.code} in {outcome.seconds:.1f} s: {outcome.text[:300]}"
    assert outcome.code in case.outcomes, told
    assert outcome.seconds < SECONDS, told
    assert outcome.memory < MEMORY, told
    assert not [word for word in case.banned if word in outcome.text], told
    # A reader that breaks down is told of as damage to the author, and as a fault to us.
    assert [record.getMessage() for record in caplog.records] == [], told


def test_the_corpus_is_large_and_each_case_has_its_name():
    assert len(CASES) >= 400
    assert len({case.id for case in CASES}) == len(CASES)
    assert {code for case in CASES for code in case.outcomes} <= {READ, *BY_CODE}
    assert min(Counter(case.family for case in CASES).values()) >= 18


@pytest.mark.parametrize("case", list(some()), ids=lambda case: case.id)
async def test_some_hostile_files(case, tmp_path, temporary, caplog):
    await hold(case, tmp_path, caplog)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_every_hostile_file(case, tmp_path, temporary, caplog):
    await hold(case, tmp_path, caplog)
