"""As `test_kills`, with the accounts in a genuine Keycloak: killed at every fail point of identity, and at every call to it."""

import pytest

from tests.crash.accounts import InKeycloak
from tests.crash.installation import Installation
from tests.crash.killing import killed_during, repeat_and_check, worker_killed
from tests.crash.stories import Enrolment
from tests.crash.test_kills import BY_API, BY_COMMAND, BY_WORKER
from tests.keycloak.proxy import ENROLLING, Way

pytestmark = [pytest.mark.processes, pytest.mark.keycloak, pytest.mark.long]

ROOMS = ("identity.", "students.")


@pytest.fixture(scope="module")
def installation(tmp_path_factory, keycloak):
    """An installation of this module, with a realm of its own."""
    accounts = InKeycloak(keycloak, Way(keycloak.url))
    made = Installation(tmp_path_factory.mktemp("crash") / "home", accounts)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def way(tms):
    """Where TMS reaches Keycloak; whatever went wrong there is healed afterwards."""
    yield tms.accounts.way
    tms.accounts.way.heal()


def _points(points):
    return sorted(point for point in points if point.startswith(ROOMS))


@pytest.mark.parametrize("point", _points(BY_API))
def test_the_api_is_killed(tms, point):
    story = BY_API[point](tms)
    api = tms.restart_api(fail_at=point)
    killed_during(story, api)
    tms.restart_api()
    repeat_and_check(tms, story)


@pytest.mark.parametrize("point", _points(BY_WORKER))
def test_the_worker_is_killed(tms, point):
    kind, api_dies_at = BY_WORKER[point]
    worker_killed(tms, kind(tms), point, api_dies_at)


@pytest.mark.parametrize("point", sorted(BY_COMMAND))
def test_a_command_is_killed(tms, point):
    story = BY_COMMAND[point](tms)
    tms.start(*story.words, fail_at=point).has_died_at_its_point()
    story.check()
    tms.settle()
    tms.examine()


CALLS = [(moment, step) for moment in ("before", "after") for step in ENROLLING]


@pytest.mark.parametrize(("moment", "step"), CALLS)
def test_the_api_is_killed_at_a_call(tms, way, moment, step):
    """Killed when the request has left and has not been answered: before Keycloak has seen it, or after it has done it."""
    story = Enrolment(tms)
    api = tms.restart_api()
    fault = way.go_wrong(moment, on=ENROLLING[step], call=api.kill)
    killed_during(story, api)
    assert fault.happened == 1
    tms.restart_api()
    repeat_and_check(tms, story)
    # What is asked of Keycloak holds addresses of people, and is written into no log.
    assert not [process.words for process in tms.started if story.email in process.said]


@pytest.mark.parametrize(("moment", "step"), CALLS)
def test_the_worker_is_killed_at_a_call(tms, way, moment, step):
    story = Enrolment(tms)
    killed_during(story, tms.restart_api(fail_at="students.enrol.committed"))
    tms.let_time_pass()

    def kill_worker():
        tms.worker.process.kill()

    fault = way.go_wrong(moment, on=ENROLLING[step], call=kill_worker)
    tms.work().has_died_at_its_point()
    assert fault.happened == 1
    story.half_way()
    tms.restart_api()
    repeat_and_check(tms, story)
