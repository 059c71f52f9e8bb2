"""The staff's pages: who is where, what is read, which e-mails were written, and who may see it."""

import pytest
from sqlalchemy import text

NOWHERE = "0192f0c1-2345-7abc-8def-0123456789ab"
BATCH = {"name": "Autumn", "startDate": "2026-10-01", "endDate": "2027-03-31", "capacity": 12}


@pytest.fixture
async def batch(admin, lessons, student, trainer):
    """A batch with one student, one course and its trainer."""
    made = (await admin.post("/batches", BATCH, status=201))["data"]
    course, sections = await lessons.course("Bandages", "Burns")
    await admin.put(f"/batches/{made['id']}/trainers/{trainer.id}")
    await admin.put(f"/batches/{made['id']}/courses/{course}", {"dueDate": "2026-12-31"})
    await admin.post(f"/batches/{made['id']}/students", {"studentIds": [str(student.id)]}, status=201)
    return made | {"course": course, "sections": sections}


async def test_a_trainer_sees_the_own_batches(admin, batch, trainer, browser):
    await admin.post("/batches", BATCH | {"name": "Somebody else's"}, status=201)
    page = await browser.sign_in(trainer.email)
    assert page.path == "/staff"
    assert "Autumn" in page.words
    assert "1 of 12" in page.words
    assert "Somebody else's" not in page.words
    assert "/staff/emails" not in page.links()


async def test_an_administrator_sees_and_finds_all(admin, batch, browser):
    await admin.post("/batches", BATCH | {"name": "Winter"}, status=201)
    page = await browser.sign_in(admin.email)
    assert "Autumn" in page.words
    assert "Winter" in page.words
    page = await browser.open("/staff?search=wint")
    assert "Autumn" not in page.words
    assert "Winter" in page.words
    assert "No batch is called like that." in (await browser.open("/staff?search=%25")).words


async def test_progress_is_drawn_for_each_student_and_course(
    batch, student, trainer, browser, clock, run_jobs
):
    await student.put(f"/progress/sections/{batch['sections'][0]}", {"completed": True})
    await browser.sign_in(trainer.email)
    page = await browser.open(f"/staff/batches/{batch['id']}")
    (bar,) = page.document.iter("progress")
    assert bar.get("value") == "50"
    assert bar.get("aria-label") == "Progress in First aid of Sami Student"
    assert "In progress" in page.words
    assert "due 31 December 2026" in page.words
    await run_jobs()
    await clock(days=400)
    await browser.sign_in(trainer.email)
    assert "Overdue since 31 December 2026" in (await browser.open(f"/staff/batches/{batch['id']}")).words


async def test_students_of_a_batch_come_in_pages(admin, batch, people, browser):
    more = [await people.student(first_name=f"Name{number}") for number in range(3)]
    await admin.post(
        f"/batches/{batch['id']}/students", {"studentIds": [str(person.id) for person in more]}, status=201
    )
    await browser.sign_in(admin.email)
    page = await browser.open(f"/staff/batches/{batch['id']}?limit=3")
    assert len(list(page.document.iter("progress"))) == 3
    assert "4 in all" in page.words
    page = await browser.open(next(link for link in page.links() if "cursor=" in link))
    assert len(list(page.document.iter("progress"))) == 1
    page = await browser.open(f"/staff/batches/{batch['id']}?search=name1")
    assert len(list(page.document.iter("progress"))) == 1
    await browser.open(f"/staff/batches/{batch['id']}?cursor=nonsense", status=422)


async def test_a_foreign_batch_is_not_there(admin, batch, trainer, browser):
    foreign = (await admin.post("/batches", BATCH | {"name": "Other"}, status=201))["data"]
    await browser.sign_in(trainer.email)
    for missing in (foreign["id"], NOWHERE):
        page = await browser.open(f"/staff/batches/{missing}", status=404)
        assert "Toni Trainer" in page.words
    await browser.open(f"/staff/batches/{batch['id']}")
    page = await browser.open("/staff/batches/nonsense", status=400)
    assert "/staff" in page.links()


async def test_courses_are_read_without_marks(admin, batch, lessons, trainer, browser):
    draft, (section,) = await lessons.course("Secret", title="Draft course", published=False)
    await browser.sign_in(trainer.email)
    page = await browser.open("/staff/courses")
    assert "First aid" in page.words
    assert "Draft course" not in page.words
    await browser.open(f"/staff/courses/{draft}", status=404)
    await browser.open(f"/staff/courses/{draft}/sections/{section}", status=404)
    page = await browser.open(f"/staff/courses/{batch['course']}")
    assert "Burns" in page.words
    path = f"/staff/courses/{batch['course']}/sections"
    page = await browser.open(f"{path}/{batch['sections'][1]}")
    assert page.heading == "Burns"
    assert f"{path}/{batch['sections'][0]}" in page.links()
    assert not list(page.document.iter("progress"))
    assert not [form for form in page.document.forms if form.action != "/logout"]
    assert not list(page.document.iter("script"))
    await browser.open(f"{path}/{section}", status=404)


async def test_administrators_read_the_outbox_and_the_showing_is_noted(
    admin, batch, browser, session, run_jobs
):
    enrolled = await admin.post(
        "/students/enroll",
        {"firstName": "Nora", "lastName": "N", "email": "nora@example.org", "batchId": batch["id"]},
    )
    await run_jobs()
    await browser.sign_in(admin.email)
    page = await browser.open("/staff/emails?search=nora")
    assert "nora@example.org" in page.words
    welcome = (await admin.get("/emails?template=welcome"))["data"][0]
    shown = "SELECT count(*) FROM audit_log WHERE action = 'email.secret_shown'"
    assert (await session.execute(text(shown))).scalar_one() == 0
    page = await browser.open(f"/staff/emails/{welcome['id']}")
    assert enrolled["data"]["temporaryPassword"] in page.text
    assert page.response.headers["cache-control"] == "no-store"
    assert (await session.execute(text(shown))).scalar_one() == 1
    await browser.open(f"/staff/emails/{NOWHERE}", status=404)


async def test_doors_of_the_staff(admin, batch, student, trainer, browsers, run_jobs):
    await run_jobs()
    email = (await admin.get("/emails"))["data"]
    paths = {
        "/staff": {"trainer", "admin"},
        f"/staff/batches/{batch['id']}": {"trainer", "admin"},
        "/staff/courses": {"trainer", "admin"},
        f"/staff/courses/{batch['course']}": {"trainer", "admin"},
        f"/staff/courses/{batch['course']}/sections/{batch['sections'][0]}": {"trainer", "admin"},
        "/staff/emails": {"admin"},
        f"/staff/emails/{email[0]['id'] if email else NOWHERE}": {"admin"},
    }
    for role, person in (("admin", admin), ("trainer", trainer), ("student", student)):
        browser = browsers()
        await browser.sign_in(person.email)
        for path, admitted in paths.items():
            if role in admitted:
                assert (await browser.http.get(path)).status_code in {200, 404}
            else:
                page = await browser.open(path, status=403)
                assert page.heading.startswith("This page is for")
    anonymous = browsers()
    for path in paths:
        answer = await anonymous.http.get(path, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=%2Fstaff")
