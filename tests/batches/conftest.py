import pytest
from tests.batches.planning import Planner

from tms.app import CHECKS
from tms.operations import doctor


@pytest.fixture
async def planner(people):
    return Planner(people, await people.admin())


@pytest.fixture
async def healthy(database):
    """After the test, whatever it did, every promise about the data must still hold."""
    yield
    assert await doctor.examine(CHECKS) == []
