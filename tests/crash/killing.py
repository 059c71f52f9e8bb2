"""A process dies in the middle of a story; its client repeats, and what is left is done."""

import httpx2
import pytest


def killed_during(story, api):
    """Send the request to an API that dies of it."""
    with pytest.raises(httpx2.TransportError):
        story.send()
    api.has_died_at_its_point()
    story.half_way()


def acknowledged(story):
    answer = story.send()
    assert answer.is_success or answer.status_code in story.done_already, answer.text


def repeat_and_check(tms, story):
    """The client repeats its request until it is acknowledged; the worker does what is left."""
    if story.send is not None:
        acknowledged(story)
    tms.settle()
    if story.send is not None:
        # An answer that said "still at work" is asked for once more.
        acknowledged(story)
    story.check()
    tms.examine()


def worker_killed(tms, story, point, api_dies_at):
    """Kill the worker at a point that it comes to; where it finds work only because the API died, that dies first."""
    if api_dies_at is None:
        story.trigger()
    else:
        killed_during(story, tms.restart_api(fail_at=api_dies_at))
    tms.let_time_pass()
    tms.work(fail_at=point).has_died_at_its_point()
    story.half_way()
    if api_dies_at is not None:
        tms.restart_api()
    repeat_and_check(tms, story)
