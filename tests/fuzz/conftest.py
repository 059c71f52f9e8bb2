import pytest
from tests.fuzz.serving import Served


@pytest.fixture(scope="session")
def served(database_url, tmp_path_factory):
    """The API in a process of its own; it shares the database with the test process."""
    running = Served(database_url, tmp_path_factory.mktemp("served") / "log.txt")
    try:
        yield running.ready()
    finally:
        running.stop()
