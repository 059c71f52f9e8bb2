"""A small organisation in which everybody stands to everything as `relations` says; made once for a test process."""

import time
import zlib
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import httpx2
from sqlalchemy import insert, text, update
from tests.access.relations import (
    ADMIN,
    LEARNERS,
    MATE,
    OTHER,
    OWN,
    RELATIONS,
    ROLES,
    SELF,
    STRANGER,
    TRAINER,
    reaches,
    relation,
)
from tests.batches.planning import Planner
from tests.content.editing import waiting, work_of
from tests.people import People, token_for

from tms.app import POLICY
from tms.http.policy import API
from tms.identity import access
from tms.identity.builtin import tokens
from tms.identity.models import User
from tms.notifications import service as notifications
from tms.operations.models import Job
from tms.platform import db
from tms.platform.ids import new_id
from tms.web import sessions
from tms.web.visitor import session_cookie

NOBODY = "0192f0c1-2345-7abc-8def-0123456789ab"
TOKENS_SECONDS = 100
"""Tokens live for five minutes; a slow machine gets new ones in time."""


def canary(kind, name):
    """A word that stands in the texts of one thing only, so that answers tell what they give away."""
    return f"canary-{kind}-{name.replace(' ', '-')}"


def secrets():
    """Each such word, and who beside administrators may be told it: whoever may read what it stands in."""
    lines = {line.path: line for line in POLICY.lines if line.method == "GET"}
    found = {canary("student", "other"): {OTHER}, phone("other"): {OTHER}, canary("batch", "spare"): set()}
    for kind, path in READ.items():
        for name in RELATIONS[kind]:
            reach = lines[f"{API}{path}"].reach
            readers = {
                subject
                for subject, role in ROLES.items()
                if reaches(reach(role), relation(kind, name, subject))
            }
            found[canary(kind, name)] = readers
            if kind == "email":
                # The route is for administrators, but people are given a copy of all that was written to them.
                found[canary(kind, name)] |= RELATIONS[kind][name].get(OWN, set())
            if kind == "student":
                # Telephone numbers are for administrators, and one's own.
                found[phone(name)] = {subject for subject in readers if relation(kind, name, subject) is OWN}
    return found


READ = {
    "batch": "/batches/{batch_id}",
    "course": "/courses/{course_id}",
    "student": "/students/{student_id}",
    "job": "/jobs/{job_id}",
    "upload": "/uploads/{upload_id}",
    "email": "/emails/{email_id}",
}


def phone(name):
    """A telephone number that is one person's alone."""
    return f"+49 30 {zlib.crc32(name.encode()):010d}"


class World:
    """`batches`, `courses`, `people`, `assignments`, `jobs`, `uploads`, `readings` and `emails` by the names that `relations` gives them."""

    def __init__(self, app):
        self.app = app
        self.makers = People(app)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=True), base_url="http://tms.test"
        )
        self.batches, self.courses, self.people = {}, {}, {}
        self.assignments, self.jobs, self.emails = {}, {}, {}
        self.uploads, self.readings = {}, {}
        self.tokens, self.cookies = {}, {}
        self.made_tokens_at = 0.0

    async def build(self):
        await self._make_people()
        await self._make_courses()
        await self._make_batches()
        await self._assign_by_hand()
        await self._make_jobs_and_emails()
        await self._make_uploads()
        await self._make_sessions()

    async def _make_people(self):
        people = self.people
        people[ADMIN] = await self.makers.admin(last_name="Administrator")
        self.planner = Planner(self.makers, people[ADMIN])
        names = {**LEARNERS, TRAINER: "former", OTHER: "other"}
        for subject, name in names.items():
            make = self.makers.student if subject in LEARNERS else self.makers.trainer
            people[subject] = await make(email=f"{canary('student', name)}@example.org", first_name="Canary")
        people["disabled"] = await self.makers.admin(status="disabled")
        async with db.transaction() as session:
            for number, (subject, name) in enumerate(names.items(), start=900):
                # Whoever sees a batch or a course reads the names of its trainers.
                values = {"phone": phone(name)} | (
                    {"last_name": canary("student", name)} if subject in LEARNERS else {}
                )
                if subject == TRAINER:
                    values["student_code"] = f"STU{number}"
                await session.execute(update(User).where(User.id == people[subject].id).values(**values))
        self.admin = people[ADMIN]
        waiting = {"firstName": "Waiting", "lastName": "Person", "email": "waiting@example.org"}
        made = (await self.admin.post("/students/enroll", waiting))["data"]
        self.waiting = UUID(made["userId"])
        async with db.transaction() as session:
            await session.execute(
                update(User)
                .where(User.id == self.waiting)
                .values(status="identity_conflict", account_id=None)
            )
            # The account has the address and is nobody's: what stands in the way, and what may be taken over.
            foreign = text("UPDATE accounts SET user_id = NULL WHERE user_id = :id")
            await session.execute(foreign, {"id": self.waiting})
            await session.execute(
                text("UPDATE provisionings SET done_at = NULL, leased_until = NULL WHERE user_id = :id"),
                {"id": self.waiting},
            )

    async def _make_courses(self):
        editors = {"home": TRAINER, "away": OTHER, "draft": OTHER, "closed": TRAINER, "blank": TRAINER}
        for name, editor in editors.items():
            word = canary("course", name)
            course = await self.planner.course(word, sections=0, status="draft")
            sections = []
            for place in (1, 2, 3):
                body = {"title": f"{word} {place}", "content": f"<p>{word}</p>"}
                made = await self.admin.post(f"/courses/{course}/sections", body)
                sections.append(made["data"]["id"])
            await self.admin.put(f"/courses/{course}/trainers/{self.people[editor].id}")
            if name in {"home", "away", "closed"}:
                await self.admin.put(f"/courses/{course}/publish")
            self.courses[name] = SimpleNamespace(id=course, sections=sections)

    async def _make_batches(self):
        plans = {
            "home": (TRAINER, "home", [SELF, MATE]),
            "shared": (OTHER, "away", [SELF]),
            "away": (OTHER, "away", [STRANGER]),
            "spare": (None, None, []),
        }
        for name, (trainer, course, members) in plans.items():
            batch = await self.planner.batch(name=canary("batch", name))
            self.batches[name] = SimpleNamespace(id=batch["id"], members=members, course=course)
            if trainer:
                await self.planner.runs(batch, self.people[trainer])
                await self.planner.give(batch, self.courses[course].id, "2030-01-31")
                await self.planner.join(batch, *(self.people[member] for member in members))

    async def _assign_by_hand(self):
        gifts = [(MATE, "closed"), (SELF, "closed"), (SELF, "draft"), (TRAINER, "away")]
        for person, course in gifts:
            body = {"studentIds": [str(self.people[person].id)]}
            await self.admin.post(f"/courses/{self.courses[course].id}/assignments", body, status=201)
        rows = (await self.admin.get("/assignments", params={"limit": 200}))["data"]
        whose = {str(self.people[subject].id): name for subject, name in LEARNERS.items()}
        whose[str(self.people[TRAINER].id)] = "former"
        which = {course.id: name for name, course in self.courses.items()}
        found = {f"{whose[row['userId']]} {which[row['courseId']]}": row["id"] for row in rows}
        await self.admin.delete(f"/assignments/{found.pop('self closed')}")
        self.assignments = found
        await self.admin.put(f"/courses/{self.courses['closed'].id}/archive")

    async def _make_jobs_and_emails(self):
        starters = {"trainer's": TRAINER, "other's": OTHER, "office's": ADMIN}
        receivers = {"to self": self.people[SELF].id, "to nobody": None}
        async with db.transaction() as session:
            for name, starter in starters.items():
                self.jobs[name] = new_id()
                await session.execute(
                    insert(Job).values(
                        id=self.jobs[name],
                        kind="upload",
                        state="succeeded",
                        progress=1,
                        message=canary("job", name),
                        created_by=self.people[starter].id,
                    )
                )
            for name, user_id in receivers.items():
                address = f"{canary('email', name)}@example.org"
                self.emails[name] = await notifications.queue_email(
                    session, user_id=user_id, to=address, template="password_changed", context={}
                )

    async def _make_uploads(self):
        for name in RELATIONS["upload"]:
            lessons = [(canary("upload", name), "<p>Words.</p>")]
            self.uploads[name] = await waiting(
                self.courses[name].id, self.admin, lessons, original=canary("upload", name).encode()
            )
        starters = {"trainer's": TRAINER, "other's": OTHER, "office's": ADMIN}
        for name, starter in starters.items():
            course = self.courses["blank"].id
            self.readings[name] = work_of(
                await waiting(course, self.people[starter], [], status="processing")
            )

    async def _make_sessions(self):
        """Page sessions of everybody, one that has ended, and a cookie that nobody was given."""
        given = sessions.Tokens(refresh="none", identity="none", lifetime=timedelta(hours=6))
        async with db.transaction() as session:
            for subject, person in self.people.items():
                self.cookies[subject] = await sessions.begin(session, person.id, given)
            ended = await sessions.begin(session, self.admin.id, given)
            await sessions.end(session, ended)
        self.cookies |= {"expired token": ended, "unknown account": "A" * 43}

    async def renew_tokens(self):
        """Access tokens for those who have an account, one that is over, and one of an account that nobody has."""
        if time.monotonic() - self.made_tokens_at < TOKENS_SECONDS:
            return
        self.made_tokens_at = time.monotonic()
        for subject, person in self.people.items():
            self.tokens[subject] = await token_for(person.account_id)
            person.token = self.tokens[subject]
            person.http.headers["Authorization"] = f"Bearer {person.token}"
        holder = tokens.Holder(UUID(self.admin.account_id), "admin@example.org", "Some", "Body", "admin")
        grant = tokens.Grant(new_id(), "tms-cli", "openid", int(time.time()) - 4000)
        now = int(time.time())
        over = {**tokens._common(holder, grant), "typ": "Bearer", "aud": ["tms"], "iat": now - 4000}
        self.tokens["expired token"] = await tokens.sign({**over, "exp": now - 3700})
        self.tokens["unknown account"] = await token_for(str(new_id()))

    async def send(self, subject, method, address, *, page=False, headers=None, **options):
        """One request as a subject; with `page` from their browser instead of with their token."""
        sent = dict(headers or {})
        if page:
            sent["Accept"] = "text/html"
            if subject in self.cookies:
                sent["Cookie"] = f"{session_cookie()}={self.cookies[subject]}"
                if method == "POST":
                    form = {"csrf": sessions.form_token(self.cookies[subject])}
                    options["data"] = form | options.get("data", {})
        elif subject in self.tokens:
            sent["Authorization"] = f"Bearer {self.tokens[subject]}"
        answer = await self.http.request(method, address, headers=sent, **options)
        self.http.cookies.clear()
        return answer

    def forget(self):
        """What the process remembers of people may be of before the ground was put back."""
        access.forget()

    async def close(self):
        await self.makers.close()
        await self.http.aclose()
