from contextlib import contextmanager

import pytest
from tests.access import matrix, pages
from tests.access.doors import DOORS
from tests.access.ground import Ground
from tests.access.world import World
from tests.conftest import EMPTY_ALL

from tms.app import POLICY
from tms.platform.settings import get_settings


@contextmanager
def _mail_configured():
    """With a mail server set, e-mails can be sent once more; nothing in these tests delivers them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMTP_URL", "smtp://127.0.0.1:1")
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


async def _as_it_was(world, ground):
    await ground.put_back()
    world.forget()
    await world.renew_tokens()


@pytest.fixture(scope="session")
async def _prepared(app, connected, database_url):
    """The world and its ground; made by the first module that asks, put back for each that follows."""
    async with Ground(database_url) as ground:
        world = World(app)
        await ground.clear(EMPTY_ALL)
        await world.build()
        await ground.keep()
        yield world, ground
        await world.close()
        await ground.connection.execute("DROP SCHEMA ground CASCADE")


@pytest.fixture(scope="module")
async def world(_prepared):
    """The prepared organisation; what it holds is gone again after the module, as other tests expect."""
    made, ground = _prepared
    with _mail_configured():
        await _as_it_was(made, ground)
        yield made
        await ground.clear(EMPTY_ALL)
        made.forget()


@pytest.fixture(scope="module")
def ground(_prepared):
    return _prepared[1]


@pytest.fixture(scope="session")
async def outcomes(_prepared):
    """What came of every cell of the routes under the API's prefix, asked once for all modules.

    A module that uses it uses `world` too, which empties the database after it.
    """
    world, ground = _prepared
    lines = [line for line in POLICY.lines if (line.method, line.path) in DOORS]
    with _mail_configured():
        await _as_it_was(world, ground)
        return [await matrix.run(cell, DOORS, world, ground) for cell in matrix.cells(lines, DOORS)]


@pytest.fixture(scope="session")
async def page_outcomes(_prepared):
    """The same of the pages, asked from browsers."""
    world, ground = _prepared
    cells = matrix.cells(pages.LINES, pages.DOORS, page=True)
    with _mail_configured():
        await _as_it_was(world, ground)
        return [await matrix.run(cell, pages.DOORS, world, ground) for cell in cells]
