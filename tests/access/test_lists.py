"""No second path: lists, searches, filters and orders show what may be opened, and nothing else."""

import pytest
from sqlalchemy import true
from tests.access.relations import (
    ADMIN,
    LEARNERS,
    OWN,
    RELATIONS,
    ROLES,
    STRANGER,
    TRAINERS,
    reaches,
    relation,
)

from tms.app import POLICY
from tms.batches import queries as batches
from tms.http.policy import API

KINDS = {"/batches": "batch", "/courses": "course", "/students": "student", "/assignments": "assignment"}
SORTS = {
    "/batches": ["startDate", "name", "createdAt"],
    "/courses": ["title", "createdAt", "updatedAt", "courseCode"],
    "/students": ["name", "createdAt", "studentId"],
    "/assignments": ["dueDate", "assignedAt", "courseTitle"],
}
PEOPLE = {
    "self": "student self",
    "mate": "student of the same batch",
    "stranger": STRANGER,
    "former": "trainer of it",
}
ASKING = [
    (path, subject)
    for path in KINDS
    for subject, role in ROLES.items()
    if role in POLICY.find("GET", f"{API}{path}").roles
]


def _id(world, kind, name):
    if kind == "batch":
        return world.batches[name].id
    if kind == "course":
        return world.courses[name].id
    return str(world.people[PEOPLE[name]].id) if kind == "student" else world.assignments[name]


def _within_reach(world, path, subject):
    """The ids that the policy table and the relations let a subject find in a list."""
    kind = KINDS[path]
    reach = POLICY.find("GET", f"{API}{path}").reach(ROLES[subject])
    return {
        _id(world, kind, name)
        for name in RELATIONS[kind]
        if reaches(reach, relation(kind, name, subject))
        # A draft that was assigned to oneself is not there yet.
        and not (kind == "assignment" and "draft" in name and subject in LEARNERS)
    }


async def _listed(world, subject, path, **query):
    answer = await world.send(subject, "GET", f"{API}{path}", params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["page"]["total"] == len(body["data"])
    return {row["id"] for row in body["data"]}


@pytest.mark.parametrize(("path", "subject"), ASKING)
async def test_a_list_shows_exactly_what_is_within_reach(world, path, subject):
    found = await _listed(world, subject, path)
    expected = _within_reach(world, path, subject)
    extra = {str(world.batches["spare"].id), str(world.waiting)} if subject == ADMIN else set()
    assert found - extra == expected


async def test_a_list_that_shows_more_is_noticed(world, monkeypatch):
    monkeypatch.setattr(batches, "visible_to", lambda _: true())
    found = await _listed(world, "student self", "/batches")
    assert found > _within_reach(world, "/batches", "student self")


@pytest.mark.parametrize(("path", "subject"), ASKING)
async def test_every_order_shows_the_same(world, path, subject):
    shown = await _listed(world, subject, path)
    for sort in SORTS[path]:
        assert await _listed(world, subject, path, sort=sort) == shown
        assert await _listed(world, subject, path, sort=f"-{sort}") == shown


def _filters(world):
    people = {name: str(world.people[subject].id) for name, subject in PEOPLE.items()}
    people["other"] = str(world.people["trainer of another"].id)
    batches = {name: batch.id for name, batch in world.batches.items()}
    courses = {name: course.id for name, course in world.courses.items()}
    yield from (("/batches", {key: one}) for key in ("student", "trainer") for one in people.values())
    yield from (("/batches", {"search": word}) for word in ("canary", "canary-batch-away", "B0", "%", "_"))
    yield from (("/batches", {"status": word}) for word in ("planned", "running", "completed"))
    yield from (("/courses", {"trainer": one}) for one in people.values())
    yield from (("/courses", {"search": word}) for word in ("canary", "canary-course-draft", "C0", "%"))
    yield from (("/courses", {"status": word}) for word in ("draft", "published", "archived"))
    yield from (("/courses", {"category": "Safety"}), ("/courses", {"difficulty": "beginner"}))
    yield from (("/students", {"batch": one}) for one in batches.values())
    yield from (
        ("/students", {"search": word}) for word in ("canary", "stranger", "STU", "example.org", "+49")
    )
    yield from (("/students", {"status": word}) for word in ("active", "disabled", "erased"))
    yield from (("/assignments", {"student": one}) for one in people.values())
    yield from (("/assignments", {"course": one}) for one in courses.values())
    yield from (("/assignments", {"batch": one}) for one in batches.values())
    yield from (("/assignments", {"overdue": "true"}), ("/assignments", {"closed": "true"}))


async def test_filters_only_narrow(world):
    tried = 0
    for path, query in _filters(world):
        for subject in (*LEARNERS, *TRAINERS):
            if (path, subject) not in ASKING:
                continue
            tried += 1
            found = await _listed(world, subject, path, **query)
            allowed = _within_reach(world, path, subject)
            if query == {"closed": "true"}:
                # What has ended, which trainers see of their students, is there only where it is asked for.
                allowed |= found if subject in TRAINERS else set()
            assert found <= allowed, (path, query, subject)
    assert tried > 150


async def test_a_student_does_not_learn_where_others_are(world):
    """Naming somebody else in a filter says nothing, even about what both are in."""
    mate = str(world.people["student of the same batch"].id)
    assert await _listed(world, "student self", "/batches", student=mate) == set()
    assert await _listed(world, "student self", "/assignments", student=mate) == set()
    own = str(world.people["student self"].id)
    assert await _listed(world, "student self", "/batches", student=own) == {
        world.batches["home"].id,
        world.batches["shared"].id,
    }


@pytest.mark.parametrize("subject", [*LEARNERS, *TRAINERS])
async def test_my_progress_is_mine(world, subject):
    answer = await world.send(subject, "GET", f"{API}/progress")
    own = {name for name in RELATIONS["lesson"] if relation("lesson", name, subject) is OWN}
    assert {row["id"] for row in answer.json()["data"]} == {world.courses[name].id for name in own}
