"""For every route one right request, which can be made for each thing that it could be about."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

from tests.access.relations import MATE, MISSING, OTHER, RELATIONS, SELF, STRANGER, TRAINER
from tests.access.world import NOBODY
from tests.content.documents import PNG, build

from tms.http.policy import API

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@dataclass(frozen=True)
class Door:
    """How to ask: `kind` is what the route is about, whose id is the path parameter `key`.

    `body` and `files` are made for a thing by its name; `more` are path parameters that differ from `parameters`.
    `names` leaves out things that the request cannot rightly be made for, such as publishing what is published.
    """

    kind: str | None = None
    key: str = ""
    names: tuple[str, ...] = ()
    body: Callable[[Any, str], dict[str, Any]] | None = None
    files: Callable[[], dict[str, Any]] | None = None
    more: Callable[[Any, str], dict[str, Any]] | None = None
    query: str = ""
    form: dict[str, str] | None = None

    def things(self):
        """The names of the things, and of one that is not there."""
        return (*(self.names or RELATIONS[self.kind]), MISSING) if self.kind else ("",)

    def request(self, world, path, name):
        """The address, and the options of the request."""
        known = name if name != MISSING else (self.names or tuple(RELATIONS[self.kind]))[0]
        values = parameters(world, self.kind, known) if self.kind else {}
        if self.kind and self.more:
            values |= self.more(world, known)
        if name == MISSING:
            values[self.key] = NOBODY
        options = {}
        if self.body:
            options["json"] = self.body(world, known)
        if self.form:
            options["data"] = self.form
        if self.files:
            options["files"] = self.files()
        return path.format(**values) + self.query, options


WHO = {"self": SELF, "mate": MATE, "stranger": STRANGER, "former": TRAINER, "other": OTHER}
HAS = {"self": "home", "mate": "home", "stranger": "away", "former": "away"}


def parameters(world, kind, name):
    """Ids for the path of a route that is about this thing."""
    person = {subject: str(one.id) for subject, one in world.people.items()}
    if kind == "batch":
        batch = world.batches[name]
        return {
            "batch_id": batch.id,
            "student_id": person[batch.members[0]],
            "course_id": world.courses[batch.course].id,
            "user_id": person[TRAINER if name == "home" else OTHER],
        }
    if kind in {"course", "lesson"}:
        course = world.courses[name]
        editor = OTHER if name in {"away", "draft"} else TRAINER
        return {"course_id": course.id, "section_id": course.sections[0], "user_id": person[editor]}
    if kind == "student":
        return {"student_id": person[WHO[name]], "course_id": world.courses[HAS[name]].id}
    if kind == "user":
        return {"user_id": str(world.waiting) if name == "waiting" else person[WHO[name]]}
    if kind == "reading":
        return {"job_id": str(world.readings[name])}
    made = {
        "assignment": world.assignments,
        "job": world.jobs,
        "email": world.emails,
        "upload": world.uploads,
    }[kind]
    return {f"{kind}_id": str(made[name]), "place": "1"}


@cache
def _document():
    held = BytesIO()
    build(held, ("Heading 1", "Made of a document"), ("Normal", "Words."))
    return held.getvalue()


def files():
    """A small Word document, as a form has it."""
    return {"file": ("lesson.docx", _document(), WORD)}


def _picture():
    return {"file": ("dot.png", PNG)}


def always(**body):
    """The same body for every thing."""
    return lambda _, __: body


def _newcomer(world, name):
    return {"studentIds": [str(world.people[STRANGER if name == "home" else MATE].id)]}


def _administrator(world, _):
    return {"user_id": str(world.admin.id)}


def _other_trainer(world, name):
    return {"user_id": str(world.people[TRAINER if name in {"away", "draft"} else OTHER].id)}


def _reversed(world, name):
    return {"sectionIds": world.courses[name].sections[::-1]}


def _batch(**options):
    return Door("batch", "batch_id", **options)


def _course(**options):
    return Door("course", "course_id", **options)


def _upload(**options):
    return Door("upload", "upload_id", **options)


def _user(*names, **options):
    return Door("user", "user_id", names=names, **options)


COURSE = {
    "title": "Made",
    "category": "IT",
    "templateType": "text-only",
    "difficulty": "easy",
    "estimatedDuration": 1,
}
PERSON = {"firstName": "Made", "lastName": "Now", "email": "made@example.org"}
PLAN = {"name": "Made", "startDate": "2026-03-02", "endDate": "2026-06-26"}
EDITABLE = ("home", "away", "draft")
BY_HAND = ("mate closed", "self draft", "former away")

_API_DOORS = {
    "GET /assignments": Door(),
    "PATCH /assignments/{assignment_id}": Door("assignment", "assignment_id", body=always(waived=True)),
    "DELETE /assignments/{assignment_id}": Door("assignment", "assignment_id", names=BY_HAND),
    "GET /audit": Door(),
    "GET /audit.csv": Door(),
    "GET /batches": Door(),
    "POST /batches": Door(body=always(**PLAN)),
    "GET /batches/{batch_id}": _batch(),
    "PATCH /batches/{batch_id}": _batch(body=always(description="Changed.")),
    "DELETE /batches/{batch_id}": _batch(),
    "GET /batches/{batch_id}/progress": _batch(),
    "GET /batches/{batch_id}/students": _batch(),
    "POST /batches/{batch_id}/students": _batch(body=_newcomer),
    "DELETE /batches/{batch_id}/students/{student_id}": _batch(),
    "POST /batches/{batch_id}/students/{student_id}/move": _batch(
        body=lambda world, _: {"toBatchId": world.batches["spare"].id}
    ),
    "PUT /batches/{batch_id}/trainers/{user_id}": _batch(more=_administrator),
    "DELETE /batches/{batch_id}/trainers/{user_id}": _batch(),
    "PUT /batches/{batch_id}/courses/{course_id}": _batch(body=always(dueDate="2030-02-28")),
    "DELETE /batches/{batch_id}/courses/{course_id}": _batch(),
    "GET /courses": Door(),
    "POST /courses": Door(body=always(**COURSE)),
    "GET /courses/{course_id}": _course(query="?include_sections=true"),
    "PATCH /courses/{course_id}": _course(body=always(category="Changed")),
    "DELETE /courses/{course_id}": _course(names=("blank",)),
    "POST /courses/{course_id}/sections": _course(body=always(title="Made")),
    "PATCH /courses/{course_id}/sections/{section_id}": _course(body=always(title="Changed")),
    "DELETE /courses/{course_id}/sections/{section_id}": _course(),
    "PUT /courses/{course_id}/sections/order": _course(body=_reversed),
    "PUT /courses/{course_id}/publish": _course(),
    "PUT /courses/{course_id}/archive": _course(),
    "POST /courses/{course_id}/duplicate": _course(),
    "PUT /courses/{course_id}/trainers/{user_id}": _course(more=_other_trainer),
    "DELETE /courses/{course_id}/trainers/{user_id}": _course(),
    "POST /courses/{course_id}/assignments": _course(names=EDITABLE, body=_newcomer),
    "POST /courses/{course_id}/upload-content": _course(names=EDITABLE, files=files),
    "GET /courses/{course_id}/uploads": _course(names=EDITABLE),
    "GET /uploads/{upload_id}": _upload(),
    "GET /uploads/{upload_id}/original": _upload(),
    "POST /uploads/{upload_id}/preview": _upload(body=always()),
    "POST /uploads/{upload_id}/apply": _upload(body=always()),
    "DELETE /uploads/{upload_id}": _upload(),
    "POST /courses/{course_id}/media": _course(names=EDITABLE, files=_picture),
    "GET /emails": Door(),
    "GET /emails/{email_id}": Door("email", "email_id"),
    "POST /emails/{email_id}/retry": Door("email", "email_id"),
    "GET /jobs/{job_id}": Door("job", "job_id"),
    "GET /jobs/{job_id}/events": Door("job", "job_id"),
    "POST /jobs/{job_id}/cancel": Door("reading", "job_id"),
    "GET /me": Door(),
    "PATCH /me": Door(body=always(firstName="Changed")),
    "GET /progress": Door(),
    "PUT /progress/sections/{section_id}": Door("lesson", "section_id", body=always(timeSpentSeconds=5)),
    "GET /students": Door(),
    "POST /students/enroll": Door(body=always(**PERSON)),
    "GET /students/{student_id}": Door("student", "student_id"),
    "PATCH /students/{student_id}": Door("student", "student_id", body=always(firstName="Changed")),
    "DELETE /students/{student_id}": Door("student", "student_id", names=("self", "mate", "stranger")),
    "GET /students/{student_id}/export": Door("student", "student_id"),
    "GET /students/{student_id}/courses": Door("student", "student_id"),
    "GET /students/{student_id}/courses/{course_id}/progress": Door(
        "student", "student_id", query="?explain=true"
    ),
    "GET /users": Door(),
    "POST /users": Door(body=always(**PERSON, role="trainer")),
    "GET /users/{user_id}": _user("self", "other", "waiting"),
    "PATCH /users/{user_id}": _user("self", "other", body=always(firstName="Changed")),
    "POST /users/{user_id}/disable": _user("self", "other"),
    "POST /users/{user_id}/enable": _user("self", "other"),
    "POST /users/{user_id}/reset-password": _user("self", "other"),
    "POST /users/{user_id}/retry-provisioning": _user("waiting"),
    "POST /users/{user_id}/adopt-account": _user("waiting"),
}


def _under_api(route):
    method, _, path = route.partition(" ")
    return method, f"{API}{path}"


DOORS = {_under_api(route): door for route, door in _API_DOORS.items()}
