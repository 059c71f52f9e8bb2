"""An editor's pages without script: a document is uploaded, looked over, compared with the course and applied."""

import asyncio
import re

import httpx2
import pytest
from tests.content.documents import DATA, build
from tests.content.editing import waiting, work_of

from tms.content import formats, service
from tms.content.doctor import CHECKS
from tms.operations import doctor, watching

FIRST = (
    ("Heading 1", "Burns"),
    (None, "Cool a burn with water for ten minutes and cover it loosely afterwards."),
    ("Heading 2", "Blisters"),
    (None, "Leave them closed, whatever your grandmother told you about needles."),
    ("Heading 1", "Contents"),
    (None, "A list of headings."),
    ("Heading 1", "Poison"),
    (None, "Call the poison centre and keep the package of what was swallowed."),
)


@pytest.fixture
async def course(lessons):
    """An empty draft's id."""
    course, _ = await lessons.course(published=False)
    return course


@pytest.fixture
def send(browser, tmp_path):
    """`await send(course, blocks, purpose=...)`: the page of the document, once it has been read."""

    async def upload(course, content=FIRST, *, purpose="review", status=200, name="aid.docx", csrf=None):
        if not isinstance(content, bytes):
            content = build(tmp_path / "a.docx", *content).read_bytes()
        page = await browser.open(f"/staff/courses/{course}")
        form = page.form("purpose")
        fields = dict(form.form_values()) | {"purpose": purpose}
        if csrf is not None:
            fields["csrf"] = csrf
        answer = await browser.http.post(
            form.action, data=fields, files={"file": (name, content)}, headers={"Origin": browser.site}
        )
        assert answer.status_code == status, answer.text
        await asyncio.gather(*service._working)
        return browser._page(await browser.http.get(answer.url), 200) if status == 200 else answer

    return upload


@pytest.fixture
def contents_of(admin):
    """`await contents_of(course)`: the titles of its sections."""

    async def read(course):
        found = (await admin.get(f"/courses/{course}?include_sections=true"))["data"]["sections"]
        return [section["title"] for section in found]

    return read


@pytest.fixture
async def sound(database):
    yield
    assert await doctor.examine(CHECKS) == []


def titles(page):
    return [
        " ".join(item.text_content().split())
        for item in page.document.xpath("//ol[contains(@class, 'outline')]/li")
    ]


async def test_from_a_document_to_lessons(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    page = await send(course)
    assert page.heading == "Outline of aid.docx"
    assert "Cool a burn with water" in page.words
    form = page.form("title.1")
    assert [form.fields[f"title.{place}"] for place in (1, 2, 3)] == ["Burns", "Contents", "Poison"]
    page = await browser.submit(
        page, form, **{"title.3": "Poison & co", "do.2": "skip", "split.1": "1", "do.3": "merge"}
    )
    assert page.path.startswith("/staff/uploads/")
    assert "2 sections of the course come from this document" in page.words
    assert [entry.lstrip("0123456789 ") for entry in titles(page)] == ["Burns", "Blisters"]
    page = await browser.open(f"/staff/courses/{course}")
    assert "In the course" in page.words
    section = [link for link in page.links() if "/sections/" in link][1]
    words = (await browser.open(section)).words
    assert "Leave them closed" in words
    assert "PoisonCall the poison centre" in words


async def test_the_original_is_saved_from_the_page(admin, student, browser, browsers, course, send, tmp_path):
    await browser.sign_in(admin.email)
    content = build(tmp_path / "b.docx", *FIRST).read_bytes()
    page = await send(course, content, name="Erste Hilfe – Übung.docx")
    assert "Save the original" in page.words
    (address,) = [link for link in page.links() if link.endswith("/original")]
    answer = await browser.http.get(address)
    assert answer.content == content
    assert answer.headers["content-disposition"].startswith("attachment;")
    page = await browser.submit(page, page.form("title.1"))
    assert address in page.links()
    learner = browsers()
    await learner.sign_in(student.email)
    await learner.open(address, status=403)
    page = await send(course, b"\x00\x01 nothing", name="a.docx")
    assert not [link for link in page.links() if link.endswith("/original")]
    await browser.open(f"{page.path}/original", status=404)


async def test_lessons_that_are_split_off_get_names(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    page = await send(course)
    form = page.form("title.1")
    assert form.fields["title.1.1"] == "Blisters"
    changed = await browser.submit(page, form, **{"split.1": "1", "title.1.1": " What to do with blisters "})
    assert titles(changed)[1].endswith("What to do with blisters")
    # What is named and not split off keeps its heading; a name that was emptied is that of the heading.
    page = await send(course, (*FIRST, (None, "More.")))
    form = page.form("title.1")
    page = await browser.submit(page, form, **{"title.1.1": "Never mind"})
    assert "Never mind" not in page.words
    page = await send(course, (*FIRST, (None, "Still more.")))
    form = page.form("title.1")
    await browser.submit(page, form, status=422, **{"split.1": "1", "title.1.1": "x" * 300})
    page = await browser.submit(page, form, **{"split.1": "1", "title.1.1": "  "})
    assert titles(page)[1].endswith("Blisters")


async def test_the_form_offers_the_kinds_of_files_that_are_read(admin, browser, course):
    await browser.sign_in(admin.email)
    page = await browser.open(f"/staff/courses/{course}")
    (chooser,) = page.document.xpath("//input[@type='file']")
    assert chooser.get("accept").split(",") == list(formats.accepted_suffixes())
    assert {".docx", ".pdf", ".mp4"} <= set(chooser.get("accept").split(","))
    assert ".mov" not in chooser.get("accept")
    assert "Word document, PDF, EPUB book" in page.words


async def test_a_form_sent_twice_applies_once(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    page = await send(course)
    form = page.form("title.1")
    await browser.submit(page, form)
    again = await browser.submit(page, form)
    assert len(titles(again)) == 3
    assert len(titles(await browser.open(f"/staff/courses/{course}"))) == 3


async def test_at_once(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    page = await send(course, (DATA / "databases.docx").read_bytes(), purpose="apply")
    assert "9 sections of the course come from this document" in page.words
    assert "remarks on the document" in page.words or "remark on the document" in page.words


async def test_a_section_tells_its_editors_where_it_comes_from(
    admin, trainer, browser, browsers, lessons, send, sound
):
    course, _ = await lessons.course("By hand")
    await browser.sign_in(admin.email)
    first = (await send(course, purpose="apply")).path
    by_hand, burns = [
        link for link in (await browser.open(f"/staff/courses/{course}")).links() if "/sections/" in link
    ][:2]
    assert "aid.docx" not in (await browser.open(by_hand)).words
    assert first in (await browser.open(burns)).links()
    page = await send(course, (*FIRST, (None, "More.")), purpose=f"edition:{first.rpartition('/')[2]}")
    page = await browser.submit(page, page.form("title.1"))
    second = (await browser.submit(page, page.form("plan"))).path
    # A section that an edition keeps comes from that edition, too.
    assert second in (await browser.open(burns)).links()
    other = browsers()
    await other.sign_in(trainer.email)
    assert "aid.docx" not in (await other.open(burns)).words


async def test_discarded(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    page = await send(course)
    page = await browser.submit(page, page.form(action=re.sub("$", "/discard", page.path)))
    assert page.path == f"/staff/courses/{course}"
    assert "Not used" in page.words
    assert "has no section yet" in page.words


async def test_a_new_edition_and_whom_it_touches(admin, student, browser, lessons, send, sound):
    course, _ = await lessons.course("Before", published=True)
    await browser.sign_in(admin.email)
    page = await send(course, purpose="apply")
    first = page.path.rpartition("/")[2]
    await admin.post(f"/courses/{course}/assignments", {"studentIds": [str(student.id)]}, status=201)
    found = (await admin.get(f"/courses/{course}?include_sections=true"))["data"]["sections"]
    await student.put(f"/progress/sections/{found[1]['id']}", {"completed": True})
    await student.put(f"/progress/sections/{found[3]['id']}", {"completed": True})
    await admin.patch(f"/courses/{course}/sections/{found[1]['id']}", {"content": "<p>By hand.</p>"})
    edition = [
        *FIRST[6:],
        *((style, words and words.replace("ten", "twenty")) for style, words in FIRST[:4]),
    ]
    page = await send(course, edition, purpose=f"edition:{first}")
    assert "This is a new edition" in page.words
    page = await browser.submit(page, page.form("title.1"))
    assert page.heading == "What the new edition changes"
    assert "1 of 1 learner would notice it" in page.words
    assert "1 has completed a section that changes; it stays completed" in page.words
    assert "Sami Student" in page.words
    assert "50 % becomes 66 %" in page.words
    assert "edited by hand since it was uploaded" in page.words
    # Beside the section as it is now, that is with what somebody wrote by hand.
    (wording,) = page.document.xpath("//details[@class='wording']")
    assert [one.text_content() for one in wording.iter("del")] == ["[gone: By hand.] "]
    (inserted,) = wording.iter("ins")
    assert "Cool a burn with water for twenty minutes" in inserted.text_content()
    assert wording.findtext("summary") == "Words: 24 new, 2 gone"
    form = page.form("plan")
    refused = await browser.submit(page, form, status=409)
    assert "keep" in refused.words
    choice = f"choice.{found[1]['id']}"
    page = await browser.submit(page, form, **{choice: "keep"})
    assert "2 sections of the course come from this document" in page.words
    now = (await admin.get(f"/courses/{course}?include_sections=true"))["data"]["sections"]
    assert [section["title"] for section in now] == ["Before", "Poison", "Burns"]
    assert [section["id"] for section in now] == [found[0]["id"], found[3]["id"], found[1]["id"]]
    assert now[2]["content"] == "<p>By hand.</p>"


async def test_back_from_the_difference_nothing_that_was_chosen_is_lost(
    admin, browser, course, send, contents_of, sound
):
    await browser.sign_in(admin.email)
    first = (await send(course, purpose="apply")).path.rpartition("/")[2]
    page = await send(course, (*FIRST, (None, "More.")), purpose=f"edition:{first}")
    chosen = {
        "title.1": "All burns",
        "split.1": "1",
        "title.1.1": "On blisters",
        "do.2": "skip",
        "do.3": "merge",
    }
    page = await browser.submit(page, page.form("title.1"), **chosen)
    assert page.heading == "What the new edition changes"
    page = await browser.submit(page, page.form("plan"), back="1")
    assert page.heading == "Outline of aid.docx"
    form = page.form("title.1")
    assert {name: form.fields[name] for name in chosen if name != "split.1"} | {"split.1": "1"} == chosen
    assert page.document.xpath("//input[@name='split.1']/@checked")
    page = await browser.submit(page, form)
    await browser.submit(page, page.form("plan"))
    assert await contents_of(course) == ["All burns", "On blisters"]


async def test_what_was_chosen_stays_in_a_form_that_is_refused(admin, browser, course, send):
    await browser.sign_in(admin.email)
    page = await send(course)
    everything = {f"do.{place}": "skip" for place in (1, 2, 3)}
    refused = await browser.submit(
        page, page.form("title.1"), status=422, **everything, **{"title.2": "Mine"}
    )
    assert "A plan has at least one lesson" in refused.words
    form = refused.form("title.1")
    assert (form.fields["title.2"], form.fields["do.2"]) == ("Mine", "skip")


async def test_many_sections_that_stay_are_told_together(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    blocks = [
        part
        for number in range(1, 7)
        for part in (
            ("Heading 1", f"Part {number}"),
            (None, f"Words of part {number}, {number * 7} of them."),
        )
    ]
    first = (await send(course, blocks, purpose="apply")).path.rpartition("/")[2]
    blocks[1] = (None, "Words of part 1, which were changed.")
    page = await send(course, blocks, purpose=f"edition:{first}")
    page = await browser.submit(page, page.form("title.1"))
    (kept,) = page.document.xpath("//li[@class='kept']")
    assert kept.findtext(".//summary") == "5 sections stay as they are"
    assert [" ".join(one.text_content().split()) for one in kept.iter("li")][1:] == [
        f"Part {number} 7 words" for number in range(2, 7)
    ]


async def test_the_course_says_why_nothing_came_of_a_document(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    page = await send(course, b"\x00\x01 nothing", name="a.docx")
    assert f"/staff/courses/{course}#documents" in page.links()
    page = await browser.open(f"/staff/courses/{course}")
    (why,) = page.document.xpath("//span[@class='why']")
    assert why.text.startswith("The file is called .docx, but its content is not that of a Word document")
    await send(course)
    page = await browser.open(f"/staff/courses/{course}")
    assert page.document.xpath("//span[@class='why']")[0].text.startswith("until ")


async def test_a_course_that_changed_between_comparing_and_applying(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    first = (await send(course, purpose="apply")).path.rpartition("/")[2]
    page = await send(course, FIRST[:4], purpose=f"edition:{first}")
    page = await browser.submit(page, page.form("title.1"))
    await admin.post(f"/courses/{course}/sections", {"title": "Meanwhile"})
    refused = await browser.submit(page, page.form("plan"), status=412)
    assert "Somebody else has changed this" in refused.heading


async def test_what_cannot_be_read_is_told_with_advice(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    page = await send(course, b"\x00\x01 nothing", name="a.docx")
    assert "Nothing was changed in the course." in page.words
    answer = await send(course, b"", status=422)
    assert "The file is empty" in answer.text
    answer = await send(course, purpose="edition:nonsense", status=422)
    assert "newest edition" in answer.text


@pytest.mark.parametrize("fault", ["title.1", "plan"])
async def test_forms_that_no_page_of_ours_sends(admin, browser, course, send, sound, fault):
    await browser.sign_in(admin.email)
    page = await send(course)
    form = page.form("title.1")
    bad = {"title.1": "x" * 300, "plan": "{"}[fault]
    assert (await browser.submit(page, form, status=422, **{fault: bad})).heading
    assert (await browser.submit(page, form, status=403, csrf="other")).heading == "This form has expired"
    assert (await browser.submit(page, form, status=403, headers={"Origin": "http://evil.test"})).heading


async def test_parts_that_are_not_there_split_nothing(admin, browser, course, send, sound):
    await browser.sign_in(admin.email)
    page = await send(course)
    page = await browser.submit(page, page.form("title.1"), **{"split.1": ["9" * 5000, "²", "-1", "7"]})
    assert len(titles(page)) == 3


async def test_uploading_asks_for_the_forms_token_and_origin(admin, browser, course, send):
    await browser.sign_in(admin.email)
    await send(course, status=403, csrf="other")
    answer = await browser.http.post(
        f"/staff/courses/{course}/uploads",
        files={"file": ("a.docx", b"x")},
        headers={"Origin": "http://x.test"},
    )
    assert answer.status_code == 403
    assert "Not used" not in (await browser.open(f"/staff/courses/{course}")).words


async def test_only_editors_have_these_pages(admin, trainer, student, browsers, lessons, send, browser):
    course, _ = await lessons.course("One")
    await browser.sign_in(admin.email)
    upload = (await send(course)).path
    other = browsers()
    await other.sign_in(trainer.email)
    page = await other.open(f"/staff/courses/{course}")
    assert "Documents" not in page.words
    await other.open(upload, status=404)
    learner = browsers()
    await learner.sign_in(student.email)
    await learner.open(upload, status=403)


async def test_progress_by_events(admin, browser, course, send, app):
    """The page's own stream: it goes by the cookie, and ends with the work."""
    await browser.sign_in(admin.email)
    page = await send(course)
    upload = (await admin.get(f"/uploads/{page.path.rpartition('/')[2]}"))["data"]
    address = f"/staff/jobs/{upload['jobId']}/events"
    answer = await browser.http.get(address)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: progress") == 1
    assert '"state":"succeeded"' in answer.text
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=browser.site) as nobody:
        assert (await nobody.get(address)).status_code == 303


async def test_a_stream_ends_with_the_session(admin, browser, course, monkeypatch):
    monkeypatch.setattr(watching, "LOOK_EVERY_SECONDS", 0.02)
    await browser.sign_in(admin.email)
    job = work_of(await waiting(course, admin, [], status="processing"))
    stream = asyncio.create_task(browser.http.get(f"/staff/jobs/{job}/events"))
    await asyncio.sleep(0.5)
    assert not stream.done()
    page = await browser.open(f"/staff/courses/{course}")
    form = page.form(action="/logout")
    await browser.http.post(
        "/logout", data=dict(form.form_values()), headers={"Origin": browser.site}, follow_redirects=False
    )
    answer = await asyncio.wait_for(stream, 10)
    assert '"state":"running"' in answer.text


async def test_cancelled_on_the_page(admin, browser, course):
    await browser.sign_in(admin.email)
    upload = await waiting(course, admin, [], status="processing")
    page = await browser.open(f"/staff/uploads/{upload}")
    assert "Being read" in page.words
    form = page.form(action=f"/staff/jobs/{work_of(upload)}/cancel")
    page = await browser.submit(page, form)
    assert "Nothing was changed in the course. This was cancelled" in page.words
    # Sent twice, or too late: the page says what became of the document.
    assert (await browser.submit(page, form)).path == f"/staff/uploads/{upload}"
