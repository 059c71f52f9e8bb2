"""Every route of the API that changes something writes to the audit log who did it; a route that does not is found."""

import pytest
from fastapi import APIRouter
from sqlalchemy import text
from tests.access.doors import files
from tests.content.documents import PNG
from tests.content.editing import waiting, work_of
from tests.people import Client

from tms import app as assembly
from tms.http import policy
from tms.http.caller import Caller
from tms.http.sessions import WriteSession
from tms.identity.models import User
from tms.notifications import service as notifications
from tms.operations import audit
from tms.platform import db
from tms.platform.settings import get_settings

BATCH = {"name": "Spring", "startDate": "2026-03-02", "endDate": "2026-06-26"}
COURSE = {
    "title": "Safety at work",
    "category": "Safety",
    "templateType": "text-only",
    "difficulty": "beginner",
    "estimatedDuration": 2,
}
PERSON = {"firstName": "Tess", "lastName": "Trainer", "email": "tess@example.org"}
SECTION = {"title": "Part", "content": "<p>.</p>"}

# What is exempt, and why.
EXEMPT = {
    "POST /uploads/{upload_id}/preview": "changes nothing: it shows what applying would do",
    "PUT /progress/sections/{section_id}": "learning is kept in its own rows, with its times; a completed course is audited",
}
# Outside of the API: what the pages and the sign-in server do, with their own records.
ELSEWHERE = {
    "/realms/": "sessions and tokens have rows of their own; a changed password and signing out everywhere are audited",
    "/login/back-channel-logout": "ends page sessions, as below, at the word of the sign-in server",
    "/logout": "ends a page session, which has a row of its own",
    "/my/": "learning, as above",
    "/staff/": "an editor's forms call what the API's routes call, which writes to the audit log",
}


class Ground:
    """An administrator, and things to change; each is made when a route asks for it."""

    def __init__(self, people, admin, configure):
        self.people = people
        self.admin = admin
        self.configure = configure

    async def make(self, path, body=None, status=201):
        return (await self.admin.post(path, body, status=status))["data"]

    async def batch(self):
        return f"/batches/{(await self.make('/batches', BATCH))['id']}"

    async def joined(self):
        batch, student = await self.batch(), await self.people.student()
        await self.make(f"{batch}/students", {"studentIds": [str(student.id)]})
        return batch, student

    async def course(self, sections=1, *, published=False):
        course = f"/courses/{(await self.make('/courses', COURSE))['id']}"
        for _ in range(sections):
            await self.make(f"{course}/sections", SECTION, status=200)
        if published:
            await self.admin.put(f"{course}/publish")
        return course

    async def sections(self, course):
        found = await self.admin.get(f"{course}?include_sections=true")
        return [section["id"] for section in found["data"]["sections"]]

    async def assignment(self):
        student = await self.people.student()
        course = await self.course(published=True)
        await self.make(f"{course}/assignments", {"studentIds": [str(student.id)]})
        [found] = (await self.admin.get("/assignments", params={"student": str(student.id)}))["data"]
        return f"/assignments/{found['id']}"

    async def given(self):
        batch, course = await self.batch(), await self.course(published=True)
        path = f"{batch}{course}"
        await self.admin.put(path, {})
        return path

    async def named(self, path):
        trainer = await self.people.trainer()
        await self.admin.put(f"{path}/trainers/{trainer.id}")
        return f"{path}/trainers/{trainer.id}"

    async def user(self, **fields):
        return f"/users/{(await self.people.trainer(**fields)).id}"

    async def stuck(self):
        person = await self.people.trainer()
        async with db.transaction() as session:
            await session.execute(
                User.__table__.update().where(User.id == person.id).values(status="identity_conflict")
            )
        return f"/users/{person.id}"

    async def in_conflict(self):
        made = await self.make("/users", {**PERSON, "role": "trainer"})
        async with db.transaction() as session:
            for statement in (
                "UPDATE accounts SET user_id = NULL WHERE user_id = :id",
                "UPDATE users SET status = 'identity_conflict', account_id = NULL WHERE id = :id",
            ):
                await session.execute(text(statement), {"id": made["id"]})
        return f"/users/{made['id']}"

    async def email(self):
        self.configure(SMTP_URL="smtp://127.0.0.1:9")
        person = await self.people.student()
        async with db.transaction() as session:
            made = await notifications.queue_email(
                session,
                user_id=person.id,
                to=person.email,
                template="courses_assigned",
                context={"courses": [{"title": "Safety", "courseCode": "C001", "dueAt": None}]},
            )
            await session.execute(
                text("UPDATE emails SET status = 'sent', sent_at = now() WHERE id = :id"), {"id": made}
            )
        return f"/emails/{made}"


async def nothing(ground):
    return ""


def of(prepare, tail="", body=None, **options):
    """How a route is called: what is made before, where it goes, what it carries."""

    async def prepared(ground):
        return f"{await prepare(ground)}{tail}", {**({"json": body} if body is not None else {}), **options}

    return prepared


async def _trainer_of_batch(ground):
    return f"{await ground.batch()}/trainers/{(await ground.people.trainer()).id}"


async def _trainer_of_course(ground):
    return f"{await ground.course()}/trainers/{(await ground.people.trainer()).id}"


async def _course_of_batch(ground):
    return f"{await ground.batch()}{await ground.course(published=True)}"


async def _member(ground):
    batch, student = await ground.joined()
    return f"{batch}/students/{student.id}"


async def _section(ground):
    course = await ground.course(2)
    return f"{course}/sections/{(await ground.sections(course))[0]}"


async def _join(ground):
    student = await ground.people.student()
    return f"{await ground.batch()}/students", {"json": {"studentIds": [str(student.id)]}}


async def _move(ground):
    to = (await ground.batch()).removeprefix("/batches/")
    return f"{await _member(ground)}/move", {"json": {"toBatchId": to}}


async def _order(ground):
    course = await ground.course(2)
    wanted = list(reversed(await ground.sections(course)))
    return f"{course}/sections/order", {"json": {"sectionIds": wanted}}


async def _assign(ground):
    student = await ground.people.student()
    course = await ground.course(published=True)
    return f"{course}/assignments", {"json": {"studentIds": [str(student.id)]}}


async def _upload(ground):
    # Small, so that also a busy machine answers when the sections are made.
    return f"{await ground.course()}/upload-content", {"files": files()}


async def _picture(ground):
    return f"{await ground.course()}/media", {"files": {"file": ("dot.png", PNG)}}


async def _student(ground):
    return f"/students/{(await ground.people.student()).id}"


async def _disabled_user(ground):
    user = await ground.user()
    await ground.admin.post(f"{user}/disable")
    return user


async def _named_in_batch(ground):
    return await ground.named(await ground.batch())


async def _named_on_course(ground):
    return await ground.named(await ground.course())


async def _waiting(ground):
    course = (await ground.course()).removeprefix("/courses/")
    return f"/uploads/{await waiting(course, ground.admin, [('One', '<p>Words.</p>')])}"


async def _reading(ground):
    course = (await ground.course()).removeprefix("/courses/")
    upload = await waiting(course, ground.admin, [], status="processing")
    return f"/jobs/{work_of(upload)}/cancel", {}


CALLS = {
    "POST /batches": of(nothing, "/batches", BATCH),
    "PATCH /batches/{batch_id}": of(Ground.batch, body={"name": "Summer"}),
    "DELETE /batches/{batch_id}": of(Ground.batch),
    "POST /batches/{batch_id}/students": _join,
    "DELETE /batches/{batch_id}/students/{student_id}": of(_member),
    "POST /batches/{batch_id}/students/{student_id}/move": _move,
    "PUT /batches/{batch_id}/trainers/{user_id}": of(_trainer_of_batch),
    "DELETE /batches/{batch_id}/trainers/{user_id}": of(_named_in_batch),
    "PUT /batches/{batch_id}/courses/{course_id}": of(_course_of_batch, body={}),
    "DELETE /batches/{batch_id}/courses/{course_id}": of(Ground.given),
    "POST /courses/{course_id}/assignments": _assign,
    "PATCH /assignments/{assignment_id}": of(Ground.assignment, body={"dueDate": "2027-01-31"}),
    "DELETE /assignments/{assignment_id}": of(Ground.assignment),
    "POST /courses/{course_id}/upload-content": _upload,
    "POST /uploads/{upload_id}/apply": of(_waiting, "/apply", {}),
    "DELETE /uploads/{upload_id}": of(_waiting),
    "POST /jobs/{job_id}/cancel": _reading,
    "POST /courses/{course_id}/media": _picture,
    "POST /courses": of(nothing, "/courses", COURSE),
    "PATCH /courses/{course_id}": of(Ground.course, body={"title": "Changed"}),
    "DELETE /courses/{course_id}": of(Ground.course),
    "POST /courses/{course_id}/sections": of(Ground.course, "/sections", SECTION),
    "PATCH /courses/{course_id}/sections/{section_id}": of(_section, body={"title": "Changed"}),
    "DELETE /courses/{course_id}/sections/{section_id}": of(_section),
    "PUT /courses/{course_id}/sections/order": _order,
    "PUT /courses/{course_id}/publish": of(Ground.course, "/publish"),
    "PUT /courses/{course_id}/archive": of(lambda ground: ground.course(published=True), "/archive"),
    "POST /courses/{course_id}/duplicate": of(Ground.course, "/duplicate"),
    "PUT /courses/{course_id}/trainers/{user_id}": of(_trainer_of_course),
    "DELETE /courses/{course_id}/trainers/{user_id}": of(_named_on_course),
    "PATCH /me": of(nothing, "/me", {"firstName": "Changed"}),
    "POST /users": of(nothing, "/users", {**PERSON, "role": "trainer"}),
    "PATCH /users/{user_id}": of(Ground.user, body={"firstName": "Changed"}),
    "POST /users/{user_id}/disable": of(Ground.user, "/disable"),
    "POST /users/{user_id}/enable": of(_disabled_user, "/enable"),
    "POST /users/{user_id}/reset-password": of(Ground.user, "/reset-password"),
    "POST /users/{user_id}/retry-provisioning": of(Ground.stuck, "/retry-provisioning"),
    "POST /users/{user_id}/adopt-account": of(Ground.in_conflict, "/adopt-account"),
    "POST /emails/{email_id}/retry": of(Ground.email, "/retry"),
    "POST /students/enroll": of(nothing, "/students/enroll", PERSON),
    "PATCH /students/{student_id}": of(_student, body={"firstName": "Changed"}),
    "DELETE /students/{student_id}": of(_student),
}


def changing(table):
    """The routes that change something, spelled as above."""
    return [
        f"{line.method} {line.path.removeprefix(policy.API)}"
        for line in table.lines
        if line.method != "GET" and line.path.startswith(policy.API)
    ]


async def unaudited(client, method, path, options):
    """Call a route, which must succeed; says what is wrong with what it left in the audit log, if anything is."""
    newest = text("SELECT coalesce(max(id), 0) FROM audit_log")
    async with db.reading() as session:
        before = (await session.execute(newest)).scalar_one()
    answer = await client.http.request(method, f"{policy.API}{path}", **options)
    assert answer.is_success, f"{answer.status_code}: {answer.text}"
    written = text("SELECT actor_id, request_id, address FROM audit_log WHERE id > :before")
    async with db.reading() as session:
        lines = (await session.execute(written, {"before": before})).all()
    wanted = (client.id, answer.headers["x-request-id"], "127.0.0.1")
    if not lines:
        return "no line"
    return None if wanted in [tuple(line) for line in lines] else f"no line of {wanted}: {lines}"


@pytest.fixture
def configure(monkeypatch):
    def apply(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    yield apply
    monkeypatch.undo()
    get_settings.cache_clear()


def test_every_route_is_called_or_exempt_with_a_reason():
    known = {*CALLS, *EXEMPT}
    assert set(changing(assembly.POLICY)) == known, "a route that changes something needs a call in CALLS"
    assert not CALLS.keys() & EXEMPT.keys()
    outside = [
        line.path
        for line in assembly.POLICY.lines
        if line.method != "GET" and not line.path.startswith(policy.API)
    ]
    assert [path for path in outside if not path.startswith(tuple(ELSEWHERE))] == []


@pytest.mark.parametrize("route", CALLS)
async def test_what_changes_something_is_audited(route, people, configure):
    admin = await people.admin()
    path, options = await CALLS[route](Ground(people, admin, configure))
    assert await unaudited(admin, route.partition(" ")[0], path, options) is None


async def test_a_route_that_forgets_is_found(people, monkeypatch):
    router = APIRouter()

    @router.post("/forgetful")
    async def forgetful(session: WriteSession) -> str:
        await session.execute(text("UPDATE users SET phone = '1'"))
        return "done"

    @router.post("/disguised")
    async def disguised(session: WriteSession) -> str:
        await audit.record(session, actor=None, action="a.b", object_type="a", object_id=None)
        return "done"

    @router.post("/honest")
    async def honest(session: WriteSession, caller: Caller) -> str:
        await audit.record(session, actor=caller.id, action="a.b", object_type="a", object_id=None)
        return "done"

    lines = [
        policy.line("POST", path, policy.ADMIN, "planted") for path in ("/forgetful", "/disguised", "/honest")
    ]
    monkeypatch.setattr(assembly, "API_ROUTERS", [*assembly.API_ROUTERS, router])
    table = policy.Table([*assembly.POLICY.lines, *lines])
    monkeypatch.setattr(assembly, "POLICY", table)
    assert "POST /forgetful" in set(changing(table)) - {*CALLS, *EXEMPT}
    admin = await people.admin()
    planted = Client(assembly.create_app(), admin.id, admin.account_id, admin.email, admin.token)
    try:
        assert await unaudited(planted, "POST", "/forgetful", {}) == "no line"
        assert "no line of" in await unaudited(planted, "POST", "/disguised", {})
        assert await unaudited(planted, "POST", "/honest", {}) is None
    finally:
        await planted.http.aclose()
