import pytest
from tests.batches.planning import Planner

from tms.app import CHECKS
from tms.operations import doctor


@pytest.fixture
async def planner(people):
    return Planner(people, await people.admin())


@pytest.fixture
def healthy():
    async def check():
        assert await doctor.examine(CHECKS) == []

    return check
