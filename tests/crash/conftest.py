import pytest

from tests.crash.installation import Installation


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """An installation of this module: its database lives as long, its processes come and go."""
    made = Installation(tmp_path_factory.mktemp("crash") / "home")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def tms(installation):
    """The module's installation with an API that answers and no worker, whatever the test before has left."""
    installation.stop_working()
    if installation.api is None or not installation.api.runs:
        installation.serve()
    yield installation
    installation.end_strays()
