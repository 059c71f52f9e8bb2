"""A minute of everybody writing everything at once: no two transactions ever wait for each other."""

import asyncio
import itertools
import time
from collections import Counter
from random import Random

import psycopg
import pytest
from psycopg import sql
from tests.batches.planning import Planner
from tests.content.editing import waiting, work_of
from tests.races.contest import Doors, Entry, Track, enrol

from tms.app import POLICY
from tms.http.policy import API

pytestmark = [pytest.mark.processes, pytest.mark.long]
SECONDS = 60
LATEST_SECONDS = 240
"""Until then a busy machine may go on, where some kind of request has not come to its turn in the minute."""
AT_ONCE = 12
REPORTED_AFTER_SECONDS = 11
LEAST_ANSWERS = 500
OUTLINES = 6
"""That wait for each course, each time one looks; half of them are editions of one that was applied."""
# Whoever asks must not lose the role; files are received and read for longer than locks are held; the last needs Keycloak.
NOT_DRAWN = {
    ("PATCH", "/users/{user_id}"),
    ("POST", "/courses/{course_id}/upload-content"),
    ("POST", "/courses/{course_id}/media"),
    ("POST", "/users/{user_id}/adopt-account"),
}


@pytest.fixture(scope="module")
def doors(connected, database_url, tmp_path_factory):
    """Two processes whose database looks for deadlocks after a tenth of a second, not after a whole one."""
    name = sql.Identifier(database_url.rpartition("/")[2])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '100ms'").format(name))
        # Nobody listens there: what is queued is delivered by the test's worker, to the outbox.
        opened = Doors(database_url, tmp_path_factory.mktemp("doors"), SMTP_URL="smtp://127.0.0.1:9")
        try:
            opened.wait_until_open()
            yield opened
        finally:
            opened.close()
            connection.execute(sql.SQL("ALTER DATABASE {} RESET deadlock_timeout").format(name))


class Everything:
    """Draws writes of every kind on a few things, so that they get into each other's way."""

    def __init__(self, random, planner):
        self.random, self.planner, self.admin = random, planner, planner.admin
        self.numbers = itertools.count()

    async def build(self):
        people, planner = self.planner.people, self.planner
        self.students = await planner.students(6)
        self.trainers = [await people.trainer() for _ in range(2)]
        self.stuck = [await people.student(status="provisioning") for _ in range(2)]
        self.courses = [await planner.course(f"Course {n}", sections=3) for n in range(3)]
        self.drafts = [await planner.course("Draft", status="draft") for _ in range(30)]
        self.batches = [(await planner.batch(capacity=4, endDate="2036-01-01"))["id"] for _ in range(3)]
        await self.look()

    async def look(self):
        """What has come meanwhile: sections, assignments, e-mails; and outlines that wait come in."""
        sections = {}
        for course in self.courses:
            found = await self.admin.get(f"/courses/{course}?include_sections=true")
            sections[course] = [section["id"] for section in found["data"]["sections"]]
        self.sections = sections
        self.assignments = [row["id"] for row in (await self.admin.get("/assignments?limit=200"))["data"]]
        self.emails = [row["id"] for row in (await self.admin.get("/emails?limit=50"))["data"]]
        self.spare = [(await self.planner.batch())["id"] for _ in range(4)]
        self.movers = [await self._mover(number) for number in range(3)]
        self.outlines = [await self._outline(course, n) for course in self.courses for n in range(OUTLINES)]
        self.work = [
            work_of(await waiting(course, self.admin, [], status="processing")) for course in self.courses
        ]

    async def _mover(self, number):
        """A seat and one of those who are not erased in it; the batches that everybody joins are soon full."""
        batch, student = await self.planner.batch(), self.students[number]
        await self.planner.join(batch, student)
        return batch["id"], student.id, (await self.planner.batch())["id"]

    async def _outline(self, course, number):
        found = await self.admin.get(f"/courses/{course}/uploads?limit=200")
        applied = [row["uploadId"] for row in found["data"] if row["status"] == "completed"]
        replaces = self.random.choice(applied) if applied and number % 2 else None
        lessons = [(f"Part {next(self.numbers)}", "<p>.</p>"), ("Part", "<p>.</p>")]
        return await waiting(course, self.admin, lessons, replaces=replaces)

    def _ids(self):
        """Ids for every parameter that a path may have; two batches and two students always differ."""
        choose = self.random.choice
        course = choose(self.courses)
        batch, other = self.random.sample(self.batches, 2)
        students = self.random.sample(self.students, 3)
        path = {
            "course_id": course,
            "section_id": choose(self.sections[course] or ["0192f0c1-2345-7abc-8def-0123456789ab"]),
            "batch_id": batch,
            "student_id": students[0].id,
            "user_id": choose(self.trainers).id,
            "assignment_id": choose(self.assignments or [course]),
            "email_id": choose(self.emails or [course]),
            "upload_id": choose(self.outlines),
            "job_id": choose(self.work),
        }
        return path, other, students

    def draw(self, kind):
        """One request of this kind, of whom it is made by."""
        path, other, students = self._ids()
        number = next(self.numbers)
        ids = [str(one.id) for one in students]
        day = f"2030-0{1 + number % 9}-15"
        who, body = self.admin, None
        match kind:
            case ("POST", "/students/enroll"):
                return enrol(who, f"mix{number}@example.org", batchId=path["batch_id"])
            case ("DELETE", "/students/{student_id}"):
                path["student_id"] = self.random.choice(self.students[3:]).id
            case ("DELETE", "/courses/{course_id}"):
                path["course_id"] = self.drafts.pop() if self.drafts else path["course_id"]
            case ("DELETE", "/batches/{batch_id}"):
                path["batch_id"] = self.spare.pop() if self.spare else path["batch_id"]
            case ("POST", "/batches/{batch_id}/students/{student_id}/move") if self.movers:
                path["batch_id"], path["student_id"], other = self.movers.pop()
            case ("PUT", "/progress/sections/{section_id}") | ("PATCH", "/me"):
                who = students[1]
            case ("POST", "/users/{user_id}/retry-provisioning"):
                path["user_id"] = self.random.choice(self.stuck).id
            case ("POST", "/users/{user_id}/disable" | "/users/{user_id}/enable"):
                path["user_id"] = self.trainers[0].id
        body = self._body(kind, number, ids, other, day, path)
        return Entry(who, kind[0], kind[1].format(**path), body)

    def _body(self, kind, number, ids, other, day, path):
        person = {"firstName": f"Name {number}"}
        sections = self.sections.get(path["course_id"], [])
        bodies = {
            ("POST", "/batches"): {"name": "Mix", "startDate": "2026-01-01", "endDate": "2036-01-01"},
            ("PATCH", "/batches/{batch_id}"): {"capacity": 4 + number % 5, "timezone": ["UTC", "Asia/Tokyo"][number % 2]},
            ("POST", "/batches/{batch_id}/students"): {"studentIds": ids[: 1 + number % 3]},
            ("POST", "/batches/{batch_id}/students/{student_id}/move"): {"toBatchId": other},
            ("PUT", "/batches/{batch_id}/courses/{course_id}"): {"dueDate": day},
            ("POST", "/courses/{course_id}/assignments"): {"studentIds": ids, "dueDate": day},
            ("PATCH", "/assignments/{assignment_id}"): {"dueDate": day, "waived": number % 2 == 0},
            ("POST", "/courses"): COURSE,
            ("PATCH", "/courses/{course_id}"): {"title": f"Title {number}"},
            ("POST", "/courses/{course_id}/sections"): {"title": "Part", "orderIndex": 1 + number % 4},
            ("PATCH", "/courses/{course_id}/sections/{section_id}"): {"title": "Part", "orderIndex": 1 + number % 4},
            ("PUT", "/courses/{course_id}/sections/order"): {
                "sectionIds": self.random.sample(sections, len(sections))
            },
            ("PATCH", "/me"): person,
            ("PATCH", "/students/{student_id}"): person,
            ("POST", "/users"): {
                **person, "lastName": "L", "email": f"staff{number}@example.org", "role": "trainer"
            },
            ("POST", "/users/{user_id}/reset-password"): {},
            ("POST", "/uploads/{upload_id}/apply"): {},
            ("POST", "/uploads/{upload_id}/preview"): {},
            ("PUT", "/progress/sections/{section_id}"): {"completed": True, "timeSpentSeconds": number},
        }  # fmt: skip
        return bodies.get(kind)


COURSE = {
    "title": "Mix",
    "category": "All",
    "templateType": "text-only",
    "difficulty": "easy",
    "estimatedDuration": 1,
}
KINDS = sorted(
    (line.method, line.path.removeprefix(API))
    for line in POLICY.lines
    if line.path.startswith(f"{API}/") and line.method != "GET"
)
RARE = {
    ("DELETE", "/students/{student_id}"),
    ("DELETE", "/batches/{batch_id}"),
    ("PUT", "/courses/{course_id}/archive"),
}


async def test_a_minute_of_all_writers_at_once(doors, people, healthy, run_jobs):
    everything = Everything(Random(9), Planner(people, await people.admin()))
    await everything.build()
    drawn = [kind for kind in KINDS if kind not in NOT_DRAWN]
    weights = [1 if kind in RARE else 10 for kind in drawn]
    track, done = Track(doors), Counter()
    begun = time.monotonic()

    def never():
        return [kind for kind in drawn if not done[kind, True]]

    def goes_on():
        return time.monotonic() < begun + (LATEST_SECONDS if never() else SECONDS)

    async def write(number):
        while goes_on():
            [kind] = everything.random.choices(drawn, weights)
            answer = await track.send(number, everything.draw(kind))
            assert answer.status_code != 401
            done[kind, answer.is_success] += 1

    async def work():
        while goes_on():
            await run_jobs(rounds=1, until_none=False)
            await everything.look()
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        for number in range(AT_ONCE):
            group.create_task(write(number))
    await track.close()
    await run_jobs()
    # Connections that lie idle tell the server's statistics what they saw after ten seconds.
    await asyncio.sleep(REPORTED_AFTER_SECONDS)
    await healthy()
    assert never() == [], sorted(done.items())
    assert sum(done.values()) >= LEAST_ANSWERS


async def test_a_deadlock_is_noticed(doors, people, healthy, database_url):
    """Two transactions that lock two rows crosswise; what the hunt looks at is the server's own count."""
    await people.admin()
    ids = [(await people.student()).id for _ in range(2)]
    first, second = [await psycopg.AsyncConnection.connect(database_url) for _ in range(2)]
    lock = "SELECT 1 FROM users WHERE id = %s FOR UPDATE"
    await first.execute(lock, [ids[0]])
    await second.execute(lock, [ids[1]])
    crossing = asyncio.gather(
        first.execute(lock, [ids[1]]), second.execute(lock, [ids[0]]), return_exceptions=True
    )
    async with asyncio.timeout(5):
        outcomes = await crossing
    assert [type(one) for one in outcomes].count(psycopg.errors.DeadlockDetected) == 1
    await asyncio.gather(first.close(), second.close())
    with pytest.raises(AssertionError, match="deadlock"):
        await healthy()
