"""Every template has its parts, and renders whatever people are called."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib import resources
from typing import get_args

import pytest

from tms.notifications import letters, rendering
from tms.notifications.schemas import Template
from tms.platform.clock import end_of_day

NAMES = get_args(Template)
WHEN = datetime(2026, 3, 29, 12, 30, tzinfo=UTC)
CONTEXTS = {
    "welcome": {"batchName": "Spring"},
    "courses_assigned": {
        "courses": [
            {"title": "Python", "courseCode": "C001", "dueAt": "2026-05-01T21:59:59.999999+00:00"},
            {"title": "SQL", "courseCode": "C002", "dueAt": None},
        ]
    },
}


def values(template, **changes):
    secret = {
        "temporary_password": "abcde-fghij",
        "expires_at": WHEN,
        "reset_link": "https://tms.test/r?a=1&b=2",
    }
    known = {
        "email": "ann@example.org",
        "first_name": "Ann",
        "home_url": "https://tms.test",
        "login_url": "https://tms.test/login",
        "created_at": WHEN,
        "link_minutes": 60,
        "ownAccount": False,
    }
    return {**known, **secret, **CONTEXTS.get(template, {}), **changes}


class Outline(HTMLParser):
    """Refuses what is not closed in order, and collects links."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.links = []

    def handle_starttag(self, tag, attributes):
        if tag not in {"meta", "br", "hr"}:
            self.open.append(tag)
        self.links += [value for name, value in attributes if name == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_each_template_is_a_folder_of_three_and_each_folder_a_template():
    folder = resources.files("tms.notifications") / "templates"
    found = {
        entry.name: {part.name for part in entry.iterdir()} for entry in folder.iterdir() if entry.is_dir()
    }
    assert found == {name: {"subject.txt", "body.txt", "body.html"} for name in NAMES}


@pytest.mark.parametrize("template", NAMES)
def test_bodies_are_whole_and_say_the_same(template):
    rendered = rendering.bodies(template, values(template))
    outline = Outline()
    outline.feed(rendered.html)
    assert outline.open == []
    assert all(link.startswith("https://tms.test") for link in outline.links)
    assert "color-scheme" in rendered.html
    assert rendered.text.startswith("Dear Ann,\n\n")
    assert "\n\n\n" not in rendered.text
    for link in outline.links:
        assert link in rendered.text


@pytest.mark.parametrize("template", sorted(letters.SECRETS))
def test_an_ended_secret_is_said_and_what_to_do(template):
    rendered = rendering.bodies(template, {**values(template), **letters.NO_SECRET})
    for body in (rendered.text, rendered.html):
        assert "no longer valid" in body
        assert "Forgot password?" in body
        assert "https://tms.test/login" in body


@pytest.mark.parametrize("template", NAMES)
@pytest.mark.parametrize(
    "first_name", ["<img src=x onerror=1>", "{{ 7 * 7 }}", "Þórður", "O'Brien", "علی‌رضا"]
)
def test_a_name_is_shown_as_it_is_written(template, first_name):
    rendered = rendering.bodies(template, values(template, first_name=first_name))
    assert f"Dear {first_name}," in rendered.text
    assert "<img" not in rendered.html
    assert "49" not in rendered.text.splitlines()[0]


@pytest.mark.parametrize("evil", ["a\r\nb", "a\nb", "a\tb", "a\x00b", "a\u2028b", "a\x85b"])
def test_a_value_is_one_line(evil):
    assert rendering.as_line(evil) == "a b"


def test_direction_controls_are_dropped():
    assert rendering.as_line("invoice\u202egpj.exe") == "invoicegpj.exe"


def test_who_has_no_name_is_greeted_too():
    assert rendering.bodies("password_changed", values("password_changed", first_name=None)).text.startswith(
        "Hello,\n"
    )


@pytest.mark.parametrize(
    ("template", "context", "subject"),
    [
        ("welcome", {"batchName": None}, "Welcome to Training Management System"),
        ("courses_assigned", CONTEXTS["courses_assigned"], "2 new courses for you"),
        (
            "courses_assigned",
            {"courses": CONTEXTS["courses_assigned"]["courses"][:1]},
            "A new course for you",
        ),
        ("password_reset_by_admin", {}, "Your new temporary password"),
        ("password_reset_link", {}, "Choose a new password"),
        ("password_changed", {}, "Your password was changed"),
    ],
)
def test_subjects(template, context, subject):
    assert rendering.subject(template, context) == subject


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"])
def test_a_due_day_is_that_day_in_the_organisations_zone(configure, zone):
    configure(TMS_TIMEZONE=zone)
    due = end_of_day(WHEN.date(), zone)
    assert rendering.when(due) == "Sunday, 29 March 2026"
    assert rendering.when(due.isoformat()) == "Sunday, 29 March 2026"


def test_an_instant_is_told_with_its_zone(configure):
    configure(TMS_TIMEZONE="Europe/Berlin")
    assert rendering.when(WHEN) == "Sunday, 29 March 2026, 14:30 (Europe/Berlin)"
    assert rendering.when(WHEN - timedelta(days=1)) == "Saturday, 28 March 2026, 13:30 (Europe/Berlin)"


def test_a_welcome_without_a_batch_names_none():
    rendered = rendering.bodies("welcome", values("welcome", batchName=None))
    assert "None" not in rendered.text + rendered.html
    assert "batch" not in rendered.text


def test_whoever_had_an_account_before_is_told_so_and_of_no_password():
    rendered = rendering.bodies("welcome", values("welcome", ownAccount=True))
    for body in (rendered.text, rendered.html):
        assert "account that you already have" in body
        assert "Spring" in body
        assert "abcde-fghij" not in body
        assert "no longer valid" not in body
