from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import RowMapping

from tms.courses import queries, sections, service
from tms.courses.schemas import (
    CourseArchived,
    CourseDetail,
    CourseIn,
    CourseOut,
    CoursePatch,
    CoursePublished,
    CourseRemoved,
    CourseTrainers,
    SectionIn,
    SectionOrder,
    SectionPatch,
    SectionRemoved,
    SectionSaved,
    SectionsOrdered,
    Status,
    TemplateType,
)
from tms.http import policy
from tms.http.answers import Answer, Listing, listing, set_etag
from tms.http.caller import Caller
from tms.http.idempotency import IdempotentRoute
from tms.http.parameters import IfMatch, PageQuery, PathId, Search
from tms.http.sessions import ReadSession, WriteSession
from tms.platform.schemas import Id

READS = policy.Sight(
    "administrators all; trainers every published course and those they are named on; "
    "students what is assigned to them, never a draft",
    trainer=policy.Reach.RELATED,
    student=policy.Reach.OWN,
)
EDITS = policy.Sight(
    "administrators all; trainers those they are named on",
    trainer=policy.Reach.OWN,
    reads=policy.Reach.RELATED,
)
DECIDES = "administrators all"

POLICY = [
    policy.line("POST", "/courses", policy.ADMIN, DECIDES),
    policy.line("GET", "/courses", policy.EVERYONE, READS),
    policy.line("GET", "/courses/{course_id}", policy.EVERYONE, READS),
    policy.line("PATCH", "/courses/{course_id}", policy.STAFF, EDITS),
    policy.line("DELETE", "/courses/{course_id}", policy.ADMIN, DECIDES),
    policy.line("POST", "/courses/{course_id}/sections", policy.STAFF, EDITS),
    policy.line("PATCH", "/courses/{course_id}/sections/{section_id}", policy.STAFF, EDITS),
    policy.line("DELETE", "/courses/{course_id}/sections/{section_id}", policy.STAFF, EDITS),
    policy.line("PUT", "/courses/{course_id}/sections/order", policy.STAFF, EDITS),
    policy.line("PUT", "/courses/{course_id}/publish", policy.ADMIN, DECIDES),
    policy.line("PUT", "/courses/{course_id}/archive", policy.ADMIN, DECIDES),
    policy.line("POST", "/courses/{course_id}/duplicate", policy.ADMIN, DECIDES),
    policy.line("PUT", "/courses/{course_id}/trainers/{user_id}", policy.ADMIN, DECIDES),
    policy.line("DELETE", "/courses/{course_id}/trainers/{user_id}", policy.ADMIN, DECIDES),
]

Value = Annotated[str | None, Query(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]

router = APIRouter(prefix="/courses", tags=["courses"], route_class=IdempotentRoute)


def _shape(row: RowMapping) -> CourseOut:
    return CourseOut.model_validate(dict(row))


def _one(response: Response, row: RowMapping, message: str | None = None) -> Answer[CourseOut]:
    set_etag(response, row["version"])
    return Answer(data=_shape(row), message=message)


@router.post("", status_code=201)
async def create_course(
    body: CourseIn, caller: Caller, session: WriteSession, response: Response
) -> Answer[CourseOut]:
    """A new draft, with the next code."""
    return _one(response, await service.create(session, body, caller=caller), "Course created successfully")


@router.get("")
async def list_courses(
    caller: Caller,
    session: ReadSession,
    page: PageQuery,
    search: Search = None,
    status: Status | None = None,
    category: Value = None,
    difficulty: Value = None,
    template_type: Annotated[TemplateType | None, Query(alias="templateType")] = None,
    trainer: Id | None = None,
) -> Listing[CourseOut]:
    """The courses you may see. `search` looks in title, code, description and category; `trainer` is a user's id.

    `sort`: title (the default), createdAt, updatedAt, courseCode; with `-` before it descending.
    """
    having = {
        "status": status,
        "category": category,
        "difficulty": difficulty,
        "template_type": template_type,
    }
    found = await queries.page(session, caller, page, search=search, trainer=trainer, having=having)
    return listing(found, _shape)


@router.get("/{course_id}")
async def get_course(
    course_id: PathId,
    caller: Caller,
    session: ReadSession,
    response: Response,
    include_sections: bool = False,
) -> Answer[CourseDetail]:
    """One course; with `include_sections=true` its sections in order, with their content."""
    row = await queries.course(session, course_id, caller, include_sections=include_sections)
    set_etag(response, row["version"])
    return Answer(data=CourseDetail.model_validate(dict(row)))


@router.patch("/{course_id}")
async def edit_course(
    course_id: PathId,
    body: CoursePatch,
    caller: Caller,
    session: WriteSession,
    response: Response,
    expected: IfMatch,
) -> Answer[CourseOut]:
    """Change what is sent; with `If-Match` only if nobody else has changed the course since (else 412)."""
    return _one(
        response,
        await service.edit(session, course_id, body, caller=caller, expected=expected),
        "Course saved",
    )


@router.delete("/{course_id}")
async def delete_course(course_id: PathId, caller: Caller, session: WriteSession) -> Answer[CourseRemoved]:
    """Remove a draft that was never assigned; every other course can be archived."""
    await service.delete_draft(session, course_id, caller=caller)
    return Answer(data=CourseRemoved(id=course_id), message="Course deleted")


@router.post("/{course_id}/sections")
async def add_section(
    course_id: PathId, body: SectionIn, caller: Caller, session: WriteSession, response: Response
) -> Answer[SectionSaved]:
    """Add a section at `orderIndex`, counted from 1; those from there on move down."""
    row = await sections.add_section(session, course_id, body, caller=caller)
    set_etag(response, row["version"])
    return Answer(data=SectionSaved.model_validate(dict(row)), message="Section added successfully")


# Before the route with a section's id, which would take "order" for one.
@router.put("/{course_id}/sections/order")
async def order_sections(
    course_id: PathId,
    body: SectionOrder,
    caller: Caller,
    session: WriteSession,
    response: Response,
    expected: IfMatch,
) -> Answer[SectionsOrdered]:
    """Put the sections in this order: all of them, each exactly once. `If-Match` is the course's."""
    version = await sections.order_sections(
        session, course_id, body.section_ids, caller=caller, expected=expected
    )
    set_etag(response, version)
    return Answer(
        data=SectionsOrdered(course_id=course_id, section_ids=body.section_ids), message="Order saved"
    )


@router.patch("/{course_id}/sections/{section_id}")
async def edit_section(
    course_id: PathId,
    section_id: PathId,
    body: SectionPatch,
    caller: Caller,
    session: WriteSession,
    response: Response,
    expected: IfMatch,
) -> Answer[SectionSaved]:
    """Change what is sent; `orderIndex` moves it. With `If-Match`: the section's own version."""
    row = await sections.edit_section(session, course_id, section_id, body, caller=caller, expected=expected)
    set_etag(response, row["version"])
    return Answer(data=SectionSaved.model_validate(dict(row)), message="Section saved")


@router.delete("/{course_id}/sections/{section_id}")
async def remove_section(
    course_id: PathId, section_id: PathId, caller: Caller, session: WriteSession, expected: IfMatch
) -> Answer[SectionRemoved]:
    """Take a section out of the course and close the gap; what people did with it stays recorded."""
    left = await sections.remove_section(session, course_id, section_id, caller=caller, expected=expected)
    return Answer(data=SectionRemoved(id=section_id, total_sections=left), message="Section removed")


@router.put("/{course_id}/publish")
async def publish_course(
    course_id: PathId, caller: Caller, session: WriteSession, response: Response
) -> Answer[CoursePublished]:
    """Open the course to its learners and tell them; an archived course comes back. Twice changes nothing."""
    row = await service.publish(session, course_id, caller=caller)
    set_etag(response, row["version"])
    data = CoursePublished(course_id=row["id"], status=row["status"], published_at=row["published_at"])
    return Answer(data=data, message="Course published successfully")


@router.put("/{course_id}/archive")
async def archive_course(
    course_id: PathId, caller: Caller, session: WriteSession, response: Response
) -> Answer[CourseArchived]:
    """Close the course to new learners; those it has keep it. Twice changes nothing."""
    row = await service.archive(session, course_id, caller=caller)
    set_etag(response, row["version"])
    data = CourseArchived(course_id=row["id"], status=row["status"], archived_at=row["archived_at"])
    return Answer(data=data, message="Course archived")


@router.post("/{course_id}/duplicate", status_code=201)
async def duplicate_course(
    course_id: PathId, caller: Caller, session: WriteSession, response: Response
) -> Answer[CourseOut]:
    """A new draft with the same sections, pictures and trainers."""
    return _one(response, await service.duplicate(session, course_id, caller=caller), "Course duplicated")


@router.put("/{course_id}/trainers/{user_id}")
async def name_trainer(
    course_id: PathId, user_id: PathId, caller: Caller, session: WriteSession
) -> Answer[CourseTrainers]:
    """Let a trainer edit this course, drafts too."""
    named = await service.name_trainer(session, course_id, user_id, caller=caller)
    return Answer(data=CourseTrainers(course_id=course_id, trainers=named), message="Trainer named")


@router.delete("/{course_id}/trainers/{user_id}")
async def drop_trainer(
    course_id: PathId, user_id: PathId, caller: Caller, session: WriteSession
) -> Answer[CourseTrainers]:
    """The trainer may not edit this course any more."""
    named = await service.drop_trainer(session, course_id, user_id, caller=caller)
    return Answer(data=CourseTrainers(course_id=course_id, trainers=named), message="Trainer removed")
