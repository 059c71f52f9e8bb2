"""The genuine Keycloak of a test run, or the one line that says why tests with it did not run."""

import contextlib
import os

import pytest

from tests.keycloak import server
from tests.keycloak.distribution import KeycloakMissingError


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory, worker_id):
    """One Keycloak for all test processes of a run; each makes a realm of its own. The last one that leaves ends it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "keycloak"
    with contextlib.ExitStack() as held:
        try:
            found = held.enter_context(server.shared(folder))
        except KeycloakMissingError as error:
            _tell(f"tests with a genuine Keycloak did not run: {error}")
        yield found


def _tell(reason):
    if os.environ.get("TMS_TEST_KEYCLOAK") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
