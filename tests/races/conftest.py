import pytest
from sqlalchemy import text
from tests.batches.planning import Planner
from tests.races.contest import Doors, Track

from tms import app
from tms.operations import doctor


@pytest.fixture(scope="session")
def doors(connected, database_url, tmp_path_factory):
    opened = Doors(database_url, tmp_path_factory.mktemp("doors"))
    try:
        opened.wait_until_open()
        yield opened
    finally:
        opened.close()


@pytest.fixture
async def track(doors, database):
    """Where races are run; afterwards it is certain that some were, and that nobody was in anybody's way for good."""
    track = Track(doors)
    yield track
    await track.close()
    assert track.met


DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.fixture
async def healthy(session):
    """`await healthy()`: every promise about the data holds, and no two transactions have waited for each other."""
    before = (await session.execute(text(DEADLOCKS))).scalar_one()

    async def examine():
        broken = [f"{one.check.name}: {', '.join(one.ids)}" for one in await doctor.examine(app.CHECKS)]
        assert not broken, "\n".join(broken)
        assert (await session.execute(text(DEADLOCKS))).scalar_one() == before, "there were deadlocks"

    return examine


@pytest.fixture
async def planner(people):
    return Planner(people, await people.admin())


@pytest.fixture
def count(session):
    """`await count(query, ...)`: the one number that a query gives."""

    async def ask(query, **values):
        return (await session.execute(text(query), values)).scalar_one()

    return ask
