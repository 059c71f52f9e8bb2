"""What is asked for in each scenario, as whole requests of many people."""

import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from benchmarks import dataset, load
from tms.identity.builtin import tokens
from tms.platform.ids import new_id

PEOPLE = 256
"""As many take part, spread over all students; their tokens are verified once and then known, as in real life."""
ENROLMENTS = 20_000
_SHUFFLE = 20260101


@dataclass(frozen=True, slots=True)
class Scenario:
    """`requests` takes the number of students. `once`: nothing may be sent twice."""

    name: str
    title: str
    connections: int
    requests: Callable[[int], Awaitable[list[str]]]
    in_specification: bool = True
    in_pgbench: bool = True
    once: bool = False


def people(students: int) -> list[int]:
    """The numbers of those who take part."""
    return [1 + place * (students // PEOPLE) for place in range(PEOPLE)]


async def token(number: int) -> str:
    """An access token as sign-in gives it, good for five minutes."""
    role = "admin" if number == 0 else "student"
    holder = tokens.Holder(
        UUID(dataset.account_id(number)), f"{role}{number}@example.org", "Bench", "Mark", role
    )
    return await tokens.access_token(holder, tokens.Grant(new_id(), "tms-cli", "openid", int(time.time())))


async def own_courses(students: int) -> list[str]:
    """Each looks at their own courses."""
    return [
        load.request(
            "GET", f"/api/v1/students/{dataset.student_id(number)}/courses", token=await token(number)
        )
        for number in people(students)
    ]


async def sections_completed(students: int) -> list[str]:
    """Each completes sections of their own courses, in no order; four of ten were done before."""
    body = json.dumps({"completed": True, "timeSpentSeconds": 60})
    made = []
    for number in people(students):
        bearer = await token(number)
        sections = [
            dataset.course_of(number, which) * dataset.SECTIONS + place
            for which in range(dataset.ASSIGNMENTS)
            for place in range(1, dataset.SECTIONS + 1)
        ]
        made += [
            load.request(
                "PUT", f"/api/v1/progress/sections/{dataset.section_id(section)}", token=bearer, body=body
            )
            for section in sections
        ]
    random.Random(_SHUFFLE).shuffle(made)  # noqa: S311 - an order that is the same in each run
    return made


async def pages_of_students(_: int) -> list[str]:
    """An administrator searches by a part of the name that one student in a hundred has, and sees fifty."""
    bearer = await token(0)
    return [
        load.request("GET", f"/api/v1/students?search={dataset.name_part(number)}&limit=50", token=bearer)
        for number in range(100)
    ]


async def enrolments(_: int) -> list[str]:
    """An administrator enrols new people: account, code, audit line, and the job that welcomes them."""
    bearer = await token(0)
    run = new_id().hex
    bodies = (
        {"firstName": "New", "lastName": f"Student {number}", "email": f"new-{number}-{run}@example.com"}
        for number in range(ENROLMENTS)
    )
    return [
        load.request("POST", "/api/v1/students/enroll", token=bearer, body=json.dumps(body))
        for body in bodies
    ]


async def sign_ins(students: int) -> list[str]:
    """People sign in with their password, each from an address of their own."""
    made = []
    for place, number in enumerate(people(students)):
        form = {
            "grant_type": "password",
            "client_id": "tms-cli",
            "username": f"student{number}@example.org",
            "password": dataset.PASSWORD,
        }
        made.append(
            load.request(
                "POST",
                "/realms/tms/protocol/openid-connect/token",
                body=urlencode(form),
                kind="application/x-www-form-urlencoded",
                headers={"X-Forwarded-For": f"10.1.{place // 250}.{1 + place % 250}"},
            )
        )
    return made


COURSES = Scenario("courses", "A student's courses", 16, own_courses)
SCENARIOS = [
    COURSES,
    Scenario("section", "A section completed", 16, sections_completed),
    Scenario("students", "A page of students, searched", 8, pages_of_students),
    Scenario("enrolment", "An enrolment", 8, enrolments, in_pgbench=False, once=True),
    Scenario("sign-in", "A sign-in with password", 4, sign_ins, in_specification=False, in_pgbench=False),
]
