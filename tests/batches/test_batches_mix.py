"""Everything at once: whatever order the database settles on, no request fails on our side and every promise holds."""

import asyncio
from collections import Counter
from random import Random

import pytest
from sqlalchemy import text

pytestmark = pytest.mark.usefixtures("healthy")

ROUNDS = 3
AT_ONCE = 40


class Mix:
    """Draws requests of all kinds on few batches, courses and students, so that they get into each other's way."""

    def __init__(self, random, batches, courses, students):
        self.random = random
        self.batches = [batch["id"] for batch in batches]
        self.courses = courses
        self.students = [str(student.id) for student in students]

    def draw(self):
        batch, other = self.random.sample(self.batches, 2)
        course, student = self.random.choice(self.courses), self.random.choice(self.students)
        several = self.random.sample(self.students, 3)
        day = f"2026-0{self.random.randint(1, 9)}-15"
        return self.random.choice(
            [
                ("POST", f"/batches/{batch}/students", {"studentIds": several}),
                ("POST", f"/batches/{batch}/students", {"studentIds": [student]}),
                ("DELETE", f"/batches/{batch}/students/{student}", None),
                ("POST", f"/batches/{batch}/students/{student}/move", {"toBatchId": other}),
                ("PUT", f"/batches/{batch}/courses/{course}", {"dueDate": day}),
                ("DELETE", f"/batches/{batch}/courses/{course}", None),
                ("PATCH", f"/batches/{batch}", {"capacity": self.random.randint(4, 9)}),
                ("PATCH", f"/batches/{batch}", {"timezone": self.random.choice(["UTC", "Asia/Tokyo"])}),
                ("POST", f"/courses/{course}/assignments", {"studentIds": several, "dueDate": day}),
                ("PUT", f"/courses/{course}/archive", None),
                ("PUT", f"/courses/{course}/publish", None),
            ]
        )


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_mix_of_writers_keeps_every_promise(planner, session, run_jobs, seed):
    batches = [await planner.batch(capacity=6) for _ in range(3)]
    courses = [await planner.course(f"Course {number}") for number in range(3)]
    mix = Mix(Random(seed), batches, courses, await planner.students(8))

    async def send(method, path, body):
        options = {"json": body} if body is not None else {}
        answer = await planner.admin.http.request(method, f"/api/v1{path}", **options)
        return answer.status_code, method, path

    deadlocks = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    before = (await session.execute(deadlocks)).scalar_one()
    statuses = Counter()
    for _ in range(ROUNDS):
        answers = await asyncio.gather(*(send(*mix.draw()) for _ in range(AT_ONCE)))
        assert [answer for answer in answers if answer[0] not in {200, 201, 404, 409}] == []
        statuses.update(answer[0] for answer in answers)
    assert statuses[200] + statuses[201] > ROUNDS * AT_ONCE / 4
    assert (await session.execute(deadlocks)).scalar_one() == before
    # Courses that came back from the archive are made up for by a job.
    await run_jobs()
