"""Recovery without anybody's help, in real time; and workers that come back from the dead after others did their work."""

import httpx2
import pytest

from tests.crash import stories
from tests.crash.installation import eventually

pytestmark = [pytest.mark.processes, pytest.mark.long]


def test_a_student_whose_api_died_is_enrolled_within_two_minutes(tms):
    """A lease runs for a minute; the job comes back to it by itself, though nobody repeats the request."""
    story = stories.Enrolment(tms)
    api = tms.restart_api(fail_at="identity.provision.after_account")
    with pytest.raises(httpx2.TransportError):
        story.send()
    api.has_died_at_its_point()
    tms.work()
    status = "SELECT status FROM users WHERE email = %s"
    eventually(lambda: tms.value(status, story.email) == "active", tms.left, patience=120)
    eventually(lambda: tms.mails_to(story.email), tms.left)
    tms.restart_api()
    stories_end(tms, story)


def test_a_document_whose_api_died_is_read_within_a_minute(tms):
    """The lease of 20 seconds is not renewed any more; the job that comes then does the work, or looks once more."""
    story = stories.Upload(tms)
    api = tms.restart_api(fail_at="content.process.after_reading")
    with pytest.raises(httpx2.TransportError):
        story.send()
    api.has_died_at_its_point()
    tms.work()
    eventually(lambda: story.sections() == 2, tms.left, patience=60)
    tms.restart_api()
    stories_end(tms, story)


def test_a_document_whose_worker_died_is_read_within_two_minutes(tms):
    """Nobody's job is left: every minute somebody looks for leases that have run out."""
    story = stories.Upload(tms)
    api = tms.restart_api(fail_at="content.admit.committed")
    with pytest.raises(httpx2.TransportError):
        story.send()
    api.has_died_at_its_point()
    tms.let_time_pass()
    tms.work(fail_at="content.process.after_reading").has_died_at_its_point()
    tms.work()
    eventually(lambda: story.sections() == 2, tms.left, patience=120)
    tms.restart_api()
    stories_end(tms, story)


def test_a_mail_whose_worker_died_is_sent_within_six_minutes(tms):
    """The heartbeat is missed after 45 seconds, the rescue runs every minute, and the lease is of two."""
    tms.restart_api()
    story = stories.Enrolment(tms)
    story.trigger()
    tms.work(fail_at="notifications.deliver.before_sending").has_died_at_its_point()
    tms.work()
    eventually(lambda: tms.mails_to(story.email), tms.left, patience=360)
    stories_end(tms, story)


def stories_end(tms, story):
    tms.settle()
    assert story.send().is_success
    story.check()
    tms.examine()


@pytest.mark.parametrize(
    ("point", "kind", "api_dies_at", "copies"),
    [
        ("identity.provision.after_account", stories.Enrolment, "students.enrol.committed", 1),
        ("content.keep.after_storing", stories.Upload, "content.admit.committed", 1),
        # Nothing calls a message back: a sender that was thought dead may send it after the other one did.
        ("notifications.deliver.before_sending", stories.Enrolment, None, 2),
    ],
)
def test_a_worker_that_stood_still_beyond_its_lease_changes_nothing_any_more(
    tms, point, kind, api_dies_at, copies
):
    tms.restart_api()
    story = kind(tms)
    story.most_copies = copies
    if api_dies_at is None:
        story.trigger()
    else:
        api = tms.restart_api(fail_at=api_dies_at)
        with pytest.raises(httpx2.TransportError):
            story.send()
        api.has_died_at_its_point()
    tms.stop_working()
    tms.let_time_pass()
    zombie = tms.start("worker", fail_at=f"{point}:1:stop")
    eventually(zombie.stands_still, lambda: zombie.said)
    tms.settle()
    tms.restart_api()
    zombie.go_on()
    assert story.send().is_success
    # It lives: it takes jobs again once it has noticed how much time went by.
    zombie.end()
    tms.settle()
    story.check()
    tms.examine()
