"""Every fail point, in every process that passes it: the process is killed there, and nothing is lost, doubled or half done."""

import pytest

from tests.crash import stories
from tests.crash.killing import killed_during, repeat_and_check, worker_killed
from tms.platform import failpoints

pytestmark = pytest.mark.processes

# Who passes which point, and in which story. A point that is declared and is not here fails the first test below.
BY_API = {
    "students.enrol.before_commit": stories.Enrolment,
    "students.enrol.committed": stories.Enrolment,
    "students.enrol.answered": stories.Enrolment,
    "http.idempotency.answered": stories.Enrolment,
    "http.write.before_commit": stories.NewCourse,
    "http.write.committed": stories.NewCourse,
    "identity.provision.before_account": stories.Enrolment,
    "identity.provision.after_account": stories.Enrolment,
    "identity.provision.recorded": stories.Enrolment,
    "identity.create.committed": stories.NewTrainer,
    "identity.mirror.before_update": stories.Disabling,
    "identity.mirror.after_update": stories.Disabling,
    "identity.mirror.after_enabling": stories.Disabling,
    "identity.reset_password.committed": stories.NewPassword,
    "identity.apply_password.before_password": stories.NewPassword,
    "identity.apply_password.after_password": stories.NewPassword,
    "identity.apply_password.recorded": stories.NewPassword,
    "content.add.before_reading": stories.NewPicture,
    "content.add.after_reading": stories.NewPicture,
    "content.add.committed": stories.NewPicture,
    "content.keep.before_storing": stories.Upload,
    "content.keep.after_storing": stories.Upload,
    "content.admit.committed": stories.Upload,
    "content.process.before_reading": stories.Upload,
    "content.process.after_reading": stories.Upload,
    "content.process.recorded": stories.Upload,
    "identity.erase.before_account": stories.Erasure,
    "identity.erase.after_account": stories.Erasure,
    "content.remove.before_removal": stories.Erasure,
    "content.remove.after_removal": stories.Erasure,
}
# The third word is where the API dies first, where the worker finds work only because it did.
BY_WORKER = {
    "identity.provision.before_account": (stories.Enrolment, "students.enrol.committed"),
    "identity.provision.after_account": (stories.Enrolment, "students.enrol.committed"),
    "identity.provision.recorded": (stories.Enrolment, "students.enrol.committed"),
    "identity.mirror.before_update": (stories.Disabling, None),
    "identity.mirror.after_update": (stories.Disabling, None),
    "identity.mirror.after_enabling": (stories.Disabling, None),
    "identity.apply_password.before_password": (stories.NewPassword, "identity.reset_password.committed"),
    "identity.apply_password.after_password": (stories.NewPassword, "identity.reset_password.committed"),
    "identity.apply_password.recorded": (stories.NewPassword, "identity.reset_password.committed"),
    "identity.end_passwords.before_ending": (stories.ExpiredPassword, None),
    "identity.end_passwords.after_ending": (stories.ExpiredPassword, None),
    "notifications.send.queued": (stories.Enrolment, None),
    "notifications.deliver.before_sending": (stories.Enrolment, None),
    "notifications.deliver.after_sending": (stories.Enrolment, None),
    "notifications.deliver.recorded": (stories.Enrolment, None),
    "content.process.before_reading": (stories.Upload, "content.admit.committed"),
    "content.process.after_reading": (stories.Upload, "content.admit.committed"),
    "content.keep.before_storing": (stories.Upload, "content.admit.committed"),
    "content.keep.after_storing": (stories.Upload, "content.admit.committed"),
    "content.process.recorded": (stories.Upload, "content.admit.committed"),
    "identity.erase.before_account": (stories.Erasure, "identity.erase.before_account"),
    "identity.erase.after_account": (stories.Erasure, "identity.erase.before_account"),
    "content.remove.before_removal": (stories.Erasure, "content.remove.before_removal"),
    "content.remove.after_removal": (stories.Erasure, "content.remove.before_removal"),
    "content.sweep.before_removal": (stories.Sweeping, None),
    "content.sweep.after_removal": (stories.Sweeping, None),
}
BY_COMMAND = {
    "identity.recover.before_password": stories.LostAdministrator,
    "identity.recover.after_password": stories.LostAdministrator,
}
# Between handing a message over and writing that down nothing can tell whether it left: it may come twice.
MAY_COME_TWICE = {"notifications.deliver.after_sending"}

# In every run: the middle of an enrolment, the commit of an ordinary write, the one place where a mail may double.
# All others are killed by `make crash`.
ALWAYS_BY_API = {"identity.provision.after_account", "http.write.committed"}
ALWAYS_BY_WORKER = {"notifications.deliver.after_sending", "content.keep.after_storing"}


def _cases(points, always):
    return [
        pytest.param(point, id=point, marks=[] if point in always else pytest.mark.long)
        for point in sorted(points)
    ]


def test_no_fail_point_escapes():
    assert set(BY_API) | set(BY_WORKER) | set(BY_COMMAND) == failpoints.declared()


@pytest.mark.parametrize("point", _cases(BY_API, ALWAYS_BY_API))
def test_the_api_is_killed(tms, point):
    story = BY_API[point](tms)
    api = tms.restart_api(fail_at=point)
    killed_during(story, api)
    tms.restart_api()
    repeat_and_check(tms, story)


@pytest.mark.parametrize("point", _cases(BY_WORKER, ALWAYS_BY_WORKER))
def test_the_worker_is_killed(tms, point):
    kind, api_dies_at = BY_WORKER[point]
    story = kind(tms)
    if point in MAY_COME_TWICE:
        story.most_copies = 2
    worker_killed(tms, story, point, api_dies_at)


@pytest.mark.parametrize("point", _cases(BY_COMMAND, ()))
def test_a_command_is_killed(tms, point):
    story = BY_COMMAND[point](tms)
    tms.start(*story.words, fail_at=point).has_died_at_its_point()
    story.check()
    tms.settle()
    tms.examine()
