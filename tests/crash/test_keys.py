"""Every POST of the API keeps the promise of `Idempotency-Key`; the table of routes says which ones there are."""

import asyncio
import re
import threading
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from tests.content.documents import build
from tests.crash.installation import eventually
from tests.crash.stories import COURSE, WORD, Enrolment
from tests.progress.learning import make_course
from tms import app as assembly

PERSON = {"firstName": "Ada", "lastName": "Example", "email": "ada@example.org"}
BATCH = {"name": "Autumn", "startDate": "2026-10-01", "endDate": "2026-12-31"}
NOBODY = str(uuid4())
# A body for each POST; none where the route takes none. A new route needs a line.
BODIES = {
    "/batches": BATCH,
    "/batches/{batch_id}/students": {"studentIds": [NOBODY]},
    "/batches/{batch_id}/students/{student_id}/move": {"toBatchId": NOBODY},
    "/courses": {"title": "Python", **COURSE},
    "/courses/{course_id}/assignments": {"studentIds": [NOBODY]},
    "/courses/{course_id}/duplicate": None,
    "/courses/{course_id}/sections": {"title": "One", "content": "<p>One</p>"},
    "/emails/{email_id}/retry": None,
    "/students/enroll": PERSON,
    "/users": {**PERSON, "role": "trainer"},
    "/jobs/{job_id}/cancel": None,
    "/uploads/{upload_id}/apply": {"lessons": []},
    "/users/{user_id}/adopt-account": None,
    "/users/{user_id}/disable": None,
    "/users/{user_id}/enable": None,
    "/users/{user_id}/reset-password": None,
    "/users/{user_id}/retry-provisioning": None,
}
# The document's own hash stands for a key there.
BY_CONTENT = {"/courses/{course_id}/upload-content", "/courses/{course_id}/media"}
# Looks and changes nothing, so that it may be asked again without a key.
LOOKING = {"/uploads/{upload_id}/preview"}


@pytest.fixture
async def admin(people):
    return await people.admin()


def key(value):
    return {"headers": {"Idempotency-Key": value}}


def _posts():
    prefix = "/api/v1"
    return {
        line.path.removeprefix(prefix)
        for line in assembly.POLICY.lines
        if line.method == "POST" and line.path.startswith(prefix)
    }


def test_every_post_has_a_line_here():
    assert _posts() == BODIES.keys() | BY_CONTENT | LOOKING


def test_the_description_offers_the_key_for_every_post_that_needs_it():
    described = assembly.create_app().openapi()["paths"]
    for path in _posts():
        parameters = described[f"/api/v1{path}"]["post"].get("parameters", [])
        offered = "Idempotency-Key" in {parameter["name"] for parameter in parameters}
        assert offered == (path not in BY_CONTENT | LOOKING), path


@pytest.mark.parametrize("path", sorted(BODIES))
async def test_every_post_knows_the_keys_of_its_caller(admin, session, path):
    # A route that did not look at the key would look for the objects, which do not exist, or make something.
    await admin.post("/batches", BATCH | {"name": "Other"}, status=201, **key("used"))
    problem = await admin.post(re.sub(r"\{\w+\}", NOBODY, path), BODIES[path], status=422, **key("used"))
    assert problem["code"] == "idempotency_key_reused"
    assert (await session.execute(text("SELECT count(*) FROM users"))).scalar_one() == 1


async def test_a_key_does_no_harm_to_an_upload(admin, session, tmp_path):
    course = (await make_course(by=admin, status="draft")).id
    content = build(tmp_path / "a.docx", ("Heading 1", "One"), ("Normal", "Text")).read_bytes()
    other = build(tmp_path / "b.docx", ("Heading 1", "Two"), ("Normal", "Text")).read_bytes()

    async def send(what):
        path = f"/courses/{course}/upload-content"
        return (await admin.post(path, files={"file": ("a.docx", what, WORD)}, **key("one")))["data"]

    first = await send(content)
    assert (await send(content))["uploadId"] == first["uploadId"]
    assert (await send(other))["uploadId"] != first["uploadId"]
    sections = "SELECT count(*) FROM course_sections"
    assert (await session.execute(text(sections))).scalar_one() == 2
    assert (await session.execute(text("SELECT count(*) FROM idempotency_keys"))).scalar_one() == 0


async def test_a_repeat_of_what_has_an_outside_effect_does_it_once(admin):
    made = (await admin.post("/users", BODIES["/users"], status=201, **key("make")))["data"]
    assert (await admin.post("/users", BODIES["/users"], status=201, **key("make")))["data"] == made
    path = f"/users/{made['id']}"
    for verb, status in (("disable", "disabled"), ("enable", "active")):
        first = (await admin.post(f"{path}/{verb}", **key(verb)))["data"]
        assert first["status"] == status
        assert (await admin.post(f"{path}/{verb}", **key(verb)))["data"] == first
    # A late repeat of what was taken back meanwhile does not do it anew.
    assert (await admin.post(f"{path}/disable", **key("disable")))["data"]["status"] == "active"


async def test_a_repeated_try_at_provisioning_is_no_error_once_it_has_worked(admin, session, database):
    made = (await admin.post("/users", BODIES["/users"], status=201))["data"]["id"]
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute(
            "UPDATE users SET status = 'identity_conflict', account_id = NULL WHERE id = %s", [made]
        )
    path = f"/users/{made}/retry-provisioning"
    first = (await admin.post(path, **key("one")))["data"]
    assert first["status"] == "active"
    assert (await admin.post(path, **key("one")))["data"] == first
    assert (await admin.post(path, status=409, **key("two")))["code"] == "wrong_status"


async def test_a_repeat_while_the_first_is_in_flight_is_told_so(admin, session, database):
    course = (await make_course(by=admin, status="draft")).id
    path, body = f"/courses/{course}/sections", BODIES["/courses/{course_id}/sections"]
    async with await psycopg.AsyncConnection.connect(database) as holder:
        await holder.execute("SELECT 1 FROM courses WHERE id = %s FOR UPDATE", [course])
        first = asyncio.create_task(admin.post(path, body, **key("one")))
        # The proof that it is at work: it stands in line for the course.
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        for _ in range(200):
            if (await session.execute(waiting)).scalar_one():
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("the first request is not in flight")
        refused = await admin.http.post(f"/api/v1{path}", json=body, **key("one"))
        assert not first.done()
        await holder.rollback()
    assert (refused.status_code, refused.json()["code"]) == (409, "request_in_flight")
    assert refused.headers["retry-after"] == "1"
    made = await first
    assert await admin.post(path, body, **key("one")) == made
    assert (await session.execute(text("SELECT count(*) FROM course_sections"))).scalar_one() == 1


@pytest.mark.processes
def test_a_repeat_at_another_process_while_the_first_stands_still(tms):
    """The enrolment stands still inside of its transaction, so that nothing can be quicker than the repeat."""
    story = Enrolment(tms)
    tms.serve(name="other")
    api = tms.restart_api(fail_at="students.enrol.before_commit:1:stop")
    first = threading.Thread(target=story.send)
    first.start()
    eventually(api.stands_still, "it does not stand still")
    body = {"firstName": "Ada", "lastName": "Example", "email": story.email, "batchId": story.batch}
    repeat = {"key": story.key, "json": body, "name": "other"}
    refused = tms.request("POST", "/students/enroll", **repeat)
    assert (refused.status_code, refused.json()["code"]) == (409, "request_in_flight")
    api.go_on()
    first.join()
    assert story.answer.status_code == 200
    assert tms.done("POST", "/students/enroll", **repeat) == story.answer.json()["data"]
    tms.settle()
    story.check()
    tms.examine()
