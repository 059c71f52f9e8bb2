"""Ids that do not belong together: a thing under another's path, a thing of another kind, a thing in a body."""

import pytest
from tests.access.doors import DOORS, parameters
from tests.access.ground import COUNTERS
from tests.access.relations import ADMIN, MATE, OTHER, SELF, STRANGER, TRAINER
from tests.access.world import NOBODY

from tms.http.policy import API

# What somebody asks, and the same with ids that fit, which is allowed: (subject, method, path, wrong, right, body).
MISMATCHES = [
    (
        subject,
        method,
        "/courses/{course_id}/sections/{section_id}",
        ("home", "away"),
        ("home", "home"),
        body,
    )
    for subject in (ADMIN, TRAINER)
    for method, body in (("PATCH", {"title": "Changed"}), ("DELETE", None))
]


def _ids(world, courses, members=("home", "home")):
    """Ids of a course and of a section, of a batch and of somebody in it, by where each is taken from."""
    course, section = courses
    batch, member = members
    return {
        **parameters(world, "batch", batch),
        "course_id": world.courses[course].id,
        "section_id": world.courses[section].sections[0],
        "student_id": parameters(world, "batch", member)["student_id"],
    }


@pytest.mark.parametrize(("subject", "method", "path", "wrong", "right", "body"), MISMATCHES)
async def test_a_section_under_another_course(world, ground, subject, method, path, wrong, right, body):
    options = {"json": body} if body else {}
    refused = await world.send(subject, method, API + path.format(**_ids(world, wrong)), **options)
    assert (refused.status_code, refused.json()["code"]) == (404, "section_not_found")
    assert await ground.put_back() <= COUNTERS
    taken = await world.send(subject, method, API + path.format(**_ids(world, right)), **options)
    assert taken.is_success
    await ground.put_back()


@pytest.mark.parametrize("shape", ["all of another", "one of another", "one too many"])
async def test_an_order_with_sections_of_another_course(world, ground, shape):
    home, away = world.courses["home"], world.courses["away"]
    ids = {
        "all of another": away.sections,
        "one of another": [*home.sections[:2], away.sections[0]],
        "one too many": [*home.sections, away.sections[0]],
    }[shape]
    for subject in (ADMIN, TRAINER):
        answer = await world.send(
            subject, "PUT", f"{API}/courses/{home.id}/sections/order", json={"sectionIds": ids}
        )
        assert answer.status_code in {409, 422}
    assert await ground.put_back() <= COUNTERS


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/batches/{home}/students/{stranger}", None),
        ("POST", "/batches/{home}/students/{stranger}/move", {"toBatchId": "{spare}"}),
        ("DELETE", "/batches/{home}/courses/{away_course}", None),
        ("DELETE", "/batches/{home}/trainers/{other}", None),
        ("GET", "/students/{self}/courses/{closed_course}/progress", None),
        ("GET", "/students/{mate}/courses/{away_course}/progress", None),
    ],
)
async def test_somebody_elses_part_is_not_there(world, ground, method, path, body):
    ids = {
        "home": world.batches["home"].id,
        "spare": world.batches["spare"].id,
        "stranger": world.people[STRANGER].id,
        "self": world.people[SELF].id,
        "mate": world.people[MATE].id,
        "other": world.people[OTHER].id,
        **{f"{name}_course": course.id for name, course in world.courses.items()},
    }
    sent = {name: value.format(**ids) for name, value in body.items()} if body else None
    answer = await world.send(ADMIN, method, API + path.format(**ids), **({"json": sent} if sent else {}))
    assert answer.status_code == 404
    assert await ground.put_back() <= COUNTERS


async def test_taking_off_who_is_not_named_changes_nothing(world, ground):
    """Safe to repeat, so it is no error; and it takes nobody else off."""
    course, other = world.courses["home"].id, world.people[OTHER].id
    answer = await world.send(ADMIN, "DELETE", f"{API}/courses/{course}/trainers/{other}")
    assert [one["userId"] for one in answer.json()["data"]["trainers"]] == [str(world.people[TRAINER].id)]
    assert await ground.put_back() <= COUNTERS


def _ids_of_every_kind(world):
    return {
        "batch": world.batches["home"].id,
        "course": world.courses["home"].id,
        "lesson": world.courses["home"].sections[0],
        "student": str(world.people[SELF].id),
        "trainer": str(world.people[OTHER].id),
        "assignment": world.assignments["self home"],
        "job": str(world.jobs["office's"]),
        "email": str(world.emails["to self"]),
        "upload": str(world.uploads["home"]),
    }


FITS = {"user": {"user", "student", "trainer"}, "reading": {"reading", "job"}}


@pytest.mark.parametrize("route", [route for route, door in DOORS.items() if door.kind], ids=" ".join)
async def test_an_id_of_another_kind_is_not_there(world, ground, route):
    method, path = route
    door = DOORS[route]
    name = door.things()[0]
    address, options = door.request(world, path, name)
    right = parameters(world, door.kind, name)[door.key]
    for kind, wrong in _ids_of_every_kind(world).items():
        if kind in FITS.get(door.kind, {door.kind}):
            continue
        answer = await world.send(ADMIN, method, address.replace(right, wrong, 1), **options)
        assert answer.status_code == 404, kind
    assert await ground.put_back() <= COUNTERS


async def test_trainers_give_their_batches_only_courses_that_they_see(world, ground):
    batch = world.batches["home"].id

    async def give(course):
        address = f"{API}/batches/{batch}/courses/{course}"
        return await world.send(TRAINER, "PUT", address, json={"dueDate": "2030-03-31"})

    hidden = await give(world.courses["draft"].id)
    missing = await give(NOBODY)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"] == missing.json()["detail"]
    assert await ground.put_back() <= COUNTERS
    assert (await give(world.courses["away"].id)).is_success
    await ground.put_back()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "POST",
            "/students/enroll",
            {"firstName": "A", "lastName": "B", "email": "a@example.org", "batchId": "{id}"},
        ),
        ("POST", "/batches/{home}/students", {"studentIds": ["{id}"]}),
        ("POST", "/batches/{home}/students/{self}/move", {"toBatchId": "{id}"}),
        ("POST", "/courses/{course}/assignments", {"studentIds": ["{id}"]}),
    ],
)
async def test_what_a_body_names_must_exist(world, ground, method, path, body):
    ids = {
        "home": world.batches["home"].id,
        "self": world.people[SELF].id,
        "course": world.courses["home"].id,
    }
    # What is not there at all, and what is something else.
    for wrong in (NOBODY, world.courses["home"].id):
        sent = {
            name: [wrong] if isinstance(value, list) else value.replace("{id}", wrong)
            for name, value in body.items()
        }
        answer = await world.send(ADMIN, method, API + path.format(**ids), json=sent)
        assert answer.status_code == 422
    assert await ground.put_back() <= COUNTERS


async def test_a_draft_that_is_assigned_is_there_once_it_is_published(world, ground):
    draft = world.courses["draft"]
    asked = [
        ("GET", f"{API}/courses/{draft.id}", {}),
        ("GET", f"{API}/students/{world.people[SELF].id}/courses/{draft.id}/progress", {}),
        ("PUT", f"{API}/progress/sections/{draft.sections[0]}", {"json": {"timeSpentSeconds": 1}}),
    ]
    for method, address, options in asked:
        assert (await world.send(SELF, method, address, **options)).status_code == 404
    assert await ground.put_back() <= COUNTERS
    await world.admin.put(f"/courses/{draft.id}/publish")
    for method, address, options in asked:
        assert (await world.send(SELF, method, address, **options)).is_success
        assert (await world.send(MATE, method, address, **options)).status_code == 404
    await ground.put_back()


@pytest.mark.parametrize(
    ("subject", "method", "base"),
    [(SELF, "GET", "/my"), (SELF, "POST", "/my"), (TRAINER, "GET", "/staff"), (ADMIN, "GET", "/staff")],
)
async def test_a_page_of_a_section_under_another_course(world, ground, subject, method, base):
    home, away = world.courses["home"], world.courses["away"]
    wrong = f"{base}/courses/{home.id}/sections/{away.sections[0]}"
    assert (await world.send(subject, method, wrong, page=True)).status_code == 404
    assert await ground.put_back() <= COUNTERS
    right = f"{base}/courses/{home.id}/sections/{home.sections[0]}"
    assert (await world.send(subject, method, right, page=True)).status_code in {200, 303}
    await ground.put_back()
