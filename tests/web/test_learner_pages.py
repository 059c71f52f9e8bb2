"""A learner's pages, without script: what is to do, reading, marking as done."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.web.conftest import SITE

NOWHERE = "0192f0c1-2345-7abc-8def-0123456789ab"


def days(count):
    return (datetime.now(UTC) + timedelta(days=count)).isoformat().replace("+00:00", "Z")


@pytest.fixture
async def signed_in(student, browser):
    await browser.sign_in(student.email)
    return browser


async def mark(browser, course, section, status=200):
    page = await browser.open(f"/my/courses/{course}/sections/{section}")
    return await browser.submit(page, page.form(action=f"/my/courses/{course}/sections/{section}"), status)


async def test_my_courses_say_what_is_due_and_how_far_i_am(lessons, student, browser, clock, run_jobs):
    late, (first, _) = await lessons.course("Bandages", "Burns", title="Late course")
    soon, _ = await lessons.course("One", title="Soon course")
    done, (only,) = await lessons.course("Only", title="Done course")
    draft, _ = await lessons.course("One", title="Draft course", published=False)
    await lessons.assign(late, student, due=days(1))
    await lessons.assign(soon, student, due=days(30))
    await lessons.assign(done, student, due=days(1))
    await lessons.assign(draft, student)
    await student.put(f"/progress/sections/{first}", {"completed": True})
    await student.put(f"/progress/sections/{only}", {"completed": True})
    await run_jobs()
    await clock(days=3)
    page = await browser.sign_in(student.email)
    assert page.heading == "My courses"
    titles = [" ".join(title.text_content().split()) for title in page.document.iter("h2", "h3")]
    assert titles == ["To do", "Late course", "Soon course", "Completed", "Done course"]
    figures = [" ".join(item.text_content().split()) for item in page.document.find_class("figures")[0]]
    assert figures == [
        "3courses",
        "1not started",
        "1in progress",
        "1completed",
        "50 %progress on average",
    ]
    cards = [" ".join(card.text_content().split()) for card in page.document.find_class("course")]
    assert "Overdue since" in cards[0]
    assert "1 of 2 sections done" in cards[0]
    assert "Due by" in cards[1]
    assert "Overdue" not in cards[1]
    assert "Completed on" in cards[2]
    assert "Overdue" not in cards[2]
    bars = [(bar.get("value"), bar.get("aria-label")) for bar in page.document.iter("progress")]
    assert bars == [
        ("50", "Progress in Late course"),
        ("0", "Progress in Soon course"),
        ("100", "Progress in Done course"),
    ]


async def test_a_long_list_goes_on_over_pages(lessons, student, signed_in):
    for number in range(3):
        course, _ = await lessons.course("One", title=f"Course {number}")
        await lessons.assign(course, student)
    page = await signed_in.open("/my?limit=2")
    seen = [bar.get("aria-label") for bar in page.document.iter("progress")]
    onward = next(link for link in page.links() if "cursor=" in link)
    page = await signed_in.open(onward)
    seen += [bar.get("aria-label") for bar in page.document.iter("progress")]
    assert sorted(seen) == [f"Progress in Course {number}" for number in range(3)]


async def test_reading_from_the_first_section_to_the_last(lessons, student, signed_in):
    course, sections = await lessons.course("Bandages", "Burns", "Breaks")
    await lessons.assign(course, student)
    page = await signed_in.open(f"/my/courses/{course}/continue")
    assert page.path.endswith(sections[0])
    assert page.heading == "Bandages"
    assert "About Bandages." in page.words
    assert f"/my/courses/{course}/sections/{sections[1]}" in page.links()
    page = await mark(signed_in, course, sections[0])
    assert page.heading == "Burns"
    # Marked again by somebody who went back: nothing changes, and they go on where there is something to do.
    page = await signed_in.open(f"/my/courses/{course}/sections/{sections[0]}")
    assert "You have done this section." in page.words
    page = await mark(signed_in, course, sections[2])
    assert page.heading == "Burns"
    page = await mark(signed_in, course, sections[1])
    assert page.path == f"/my/courses/{course}"
    assert "You have completed this course" in page.words
    states = [mark.text for mark in page.document.find_class("state")]
    assert states == ["Done", "Done", "Done"]
    assert (await student.get("/progress"))["data"][0]["progress"] == 100


async def test_marking_twice_counts_once(lessons, student, signed_in):
    course, sections = await lessons.course("Bandages", "Burns")
    await lessons.assign(course, student)
    page = await signed_in.open(f"/my/courses/{course}/sections/{sections[0]}")
    form = page.form(action=f"/my/courses/{course}/sections/{sections[0]}")
    for _ in range(2):
        after = await signed_in.submit(page, form)
        assert after.heading == "Burns"
    state = (await student.get("/progress"))["data"][0]
    assert (state["sectionsCompleted"], state["progress"]) == (1, 50)


async def test_it_goes_on_where_i_was(lessons, student, signed_in):
    course, sections = await lessons.course("Bandages", "Burns", "Breaks")
    await lessons.assign(course, student)
    await student.put(f"/progress/sections/{sections[1]}", {"timeSpentSeconds": 5})
    assert (await signed_in.open(f"/my/courses/{course}/continue")).heading == "Burns"
    await student.put(f"/progress/sections/{sections[1]}", {"completed": True})
    assert (await signed_in.open(f"/my/courses/{course}/continue")).heading == "Breaks"
    await student.put(f"/progress/sections/{sections[2]}", {"completed": True})
    assert (await signed_in.open(f"/my/courses/{course}/continue")).heading == "Bandages"
    await student.put(f"/progress/sections/{sections[0]}", {"completed": True})
    assert (await signed_in.open(f"/my/courses/{course}/continue")).heading == "Bandages"


async def test_sections_are_done_in_the_way_that_their_author_chose(lessons, student, signed_in):
    course, (viewed, tested) = await lessons.course(
        {"title": "Seen", "completion": "viewed"}, {"title": "Tested", "completion": "test"}
    )
    await lessons.assign(course, student)
    page = await mark(signed_in, course, viewed)
    assert page.heading == "Tested"
    assert "done when you pass its test" in page.words
    page = await signed_in.open(f"/my/courses/{course}/sections/{viewed}")
    form = page.form(having="csrf")
    answer = await signed_in.http.post(
        f"/my/courses/{course}/sections/{tested}",
        data={"csrf": form.fields["csrf"]},
        headers={"Origin": SITE},
    )
    assert answer.status_code == 409
    assert answer.headers["content-type"].startswith("text/html")
    assert (await student.get("/progress"))["data"][0]["sectionsCompleted"] == 1


async def test_time_is_noted_in_totals(lessons, student, signed_in):
    course, (section, _) = await lessons.course("Bandages", "Burns")
    await lessons.assign(course, student)
    page = await signed_in.open(f"/my/courses/{course}/sections/{section}")
    assert (await student.get("/progress"))["data"][0]["status"] == "not-started"
    form = page.form(action=f"/my/courses/{course}/sections/{section}/time")
    assert form.get("data-reading") == "0"
    for seconds, total in (("40", 40), ("75", 75), ("60", 75)):
        answer = await signed_in.submit(page, form, status=204, seconds=seconds)
        assert answer.text == ""
        state = (await student.get("/progress"))["data"][0]
        assert (state["timeSpentSeconds"], state["status"]) == (total, "in-progress")
    assert state["resume"]["sectionId"] == section
    for rubbish in ("-1", "x", "1e9", "999999999999", ""):
        await signed_in.submit(page, form, status=422, seconds=rubbish)
    page = await signed_in.open(f"/my/courses/{course}/sections/{section}")
    assert page.form(action=f"/my/courses/{course}/sections/{section}/time").get("data-reading") == "75"


async def test_what_is_somebody_elses_is_not_there(lessons, student, people, signed_in):
    mine, (own,) = await lessons.course("Mine")
    foreign, (section,) = await lessons.course("Theirs")
    other = await people.student()
    await lessons.assign(mine, student)
    await lessons.assign(foreign, other)
    for path in (
        f"/my/courses/{foreign}",
        f"/my/courses/{foreign}/continue",
        f"/my/courses/{foreign}/sections/{section}",
        f"/my/courses/{mine}/sections/{section}",
        f"/my/courses/{mine}/sections/{NOWHERE}",
        f"/my/courses/{NOWHERE}",
    ):
        page = await signed_in.open(path, status=404)
        assert page.heading == "This lesson is not here"
        assert "Sami Student" in page.words
    await signed_in.open(f"/my/courses/{mine}/sections/{own}")
    page = await signed_in.open(f"/my/courses/{mine}/sections/{own}")
    token = page.form(having="csrf").fields["csrf"]
    for course in (mine, foreign):
        answer = await signed_in.http.post(
            f"/my/courses/{course}/sections/{section}", data={"csrf": token}, headers={"Origin": SITE}
        )
        assert answer.status_code == 404
    assert (await other.get("/progress"))["data"][0]["sectionsCompleted"] == 0


async def test_what_was_removed_is_a_friendly_page(lessons, admin, student, signed_in):
    course, (first, second) = await lessons.course("Bandages", "Burns")
    await lessons.assign(course, student)
    await admin.delete(f"/courses/{course}/sections/{second}")
    page = await signed_in.open(f"/my/courses/{course}/sections/{second}", status=404)
    assert "This section was removed, or the link is an old one." in page.words
    assert (await signed_in.open(f"/my/courses/{course}/sections/{first}")).status == 200
    await admin.put(f"/courses/{course}/archive")
    assert (await signed_in.open(f"/my/courses/{course}/sections/{first}")).status == 200


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({"Origin": SITE}, ""),
        ({"Origin": SITE}, "e" * 64),
        ({"Origin": SITE}, "é"),
        ({"Origin": "https://evil.example"}, None),
        ({"Origin": "null"}, None),
        ({"Sec-Fetch-Site": "same-site"}, None),
    ],
)
async def test_a_forged_form_marks_nothing(lessons, student, signed_in, headers, csrf):
    course, (section,) = await lessons.course("Bandages")
    await lessons.assign(course, student)
    page = await signed_in.open(f"/my/courses/{course}/sections/{section}")
    values = {} if csrf is None else {"csrf": csrf}
    for action in (
        f"/my/courses/{course}/sections/{section}",
        f"/my/courses/{course}/sections/{section}/time",
    ):
        form = page.form(action=action)
        await signed_in.submit(page, form, status=403, headers=headers, seconds="1", **values)
    assert (await student.get("/progress"))["data"][0]["status"] == "not-started"


async def test_the_token_of_another_session_marks_nothing(lessons, student, people, signed_in, browsers):
    course, (section,) = await lessons.course("Bandages")
    await lessons.assign(course, student)
    other = browsers()
    own = await other.sign_in(student.email)
    page = await signed_in.open(f"/my/courses/{course}/sections/{section}")
    form = page.form(action=f"/my/courses/{course}/sections/{section}")
    await signed_in.submit(page, form, status=403, csrf=own.form(having="csrf").fields["csrf"])


async def test_reading_is_not_for_strangers(lessons, student, browser):
    course, (section,) = await lessons.course("Bandages")
    await lessons.assign(course, student)
    path = f"/my/courses/{course}/sections/{section}"
    for method in ("GET", "POST"):
        answer = await browser.http.request(method, path, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=%2Fmy%2Fcourses%2F")
        assert answer.headers["cache-control"] == "no-store"
    page = await browser.sign_in(student.email, address=path)
    assert page.heading == "Bandages"


async def test_lessons_are_shown_as_they_were_stored(lessons, student, signed_in):
    content = (
        "<h1>Top</h1><h2>Below</h2><pre>code here</pre><table><tr><td>1</td></tr></table>"
        '<img src="media:0192f0c1-2345-7abc-8def-0123456789ab"><script>alert(1)</script>'
        '<p onclick="alert(1)">a &lt;pre&gt; <a href="javascript:alert(1)">b</a></p>'
    )
    course, (section,) = await lessons.course(
        {
            "title": "<script>alert('title')</script>",
            "content": content,
            "videoUrl": "https://video.example/watch?v=1&t=2",
            "duration": 12,
        },
        title="<b>Course</b>",
    )
    await lessons.assign(course, student)
    page = await signed_in.open(f"/my/courses/{course}/sections/{section}")
    (prose,) = page.document.find_class("prose")
    assert [element.tag for element in prose.iter("h1", "h2", "h3")] == ["h2", "h3"]
    assert prose.find(".//pre").get("tabindex") == "0"
    assert prose.find(".//table").getparent().get("tabindex") == "0"
    image = prose.find(".//img")
    assert image.get("alt") == ""
    assert image.get("src").startswith("/api/v1/media/0192f0c1-2345-7abc-8def-0123456789ab?signature=")
    assert [script.get("src", "").split("?")[0] for script in page.document.iter("script")] == [
        "/static/reading.js"
    ]
    assert page.heading == "<script>alert('title')</script>"
    assert not [link for link in page.links() if link and "javascript" in link]
    assert "https://video.example/watch?v=1&t=2" in page.links()
    assert "about 12 minutes" in page.words


async def test_a_trainer_may_be_a_learner_too(lessons, trainer, browser):
    course, (section,) = await lessons.course("Bandages")
    page = await browser.sign_in(trainer.email, address="/my")
    assert page.path == "/staff"
    await lessons.assign(course, trainer)
    assert (await browser.open("/my")).heading == "My courses"
    page = await browser.open("/staff")
    assert "You learn 1 course yourself" in page.words
    page = await mark(browser, course, section)
    assert "You have completed this course" in page.words
