"""Courses that people have, made directly in the database, which is quick; editing and assigning have tests of their own."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, insert, select, update

from tms.courses.models import Assignment, AssignmentSource, Course, Section, course_codes
from tms.platform import db
from tms.platform.ids import code, new_id

NOBODY = "0192f0c1-2345-7abc-8def-0123456789ab"


@dataclass
class Made:
    """A course, its sections in order, and who has it by which assignment."""

    id: UUID
    sections: list[UUID]
    assignments: dict[UUID, UUID] = field(default_factory=dict)


async def make_course(*kinds, by, learners=(), status="published", title="A course", due_at=None):
    """A course with a section of each kind (`self`, `viewed`, `test`), assigned by hand to each of the learners."""
    made = Made(new_id(), [new_id() for _ in kinds])
    async with db.transaction() as session:
        number = (await session.execute(select(course_codes.next_value()))).scalar_one()
        await session.execute(
            insert(Course).values(
                id=made.id,
                course_code=code("C", number),
                title=title,
                template_type="text-only",
                status=status,
                published_at=func.now() if status != "draft" else None,
                published_by=by.id if status != "draft" else None,
                section_count=len(kinds),
                outline=len(kinds),
                created_by=by.id,
            )
        )
        for place, (section, kind) in enumerate(zip(made.sections, kinds, strict=True), start=1):
            await session.execute(
                insert(Section).values(
                    id=section,
                    course_id=made.id,
                    title=f"Section {place}",
                    order_index=place,
                    completion=kind,
                )
            )
    for learner in learners:
        await give(made, learner, due_at=due_at)
    return made


async def give(made, learner, due_at=None):
    made.assignments[learner.id] = new_id()
    async with db.transaction() as session:
        await session.execute(
            insert(Assignment).values(
                id=made.assignments[learner.id], course_id=made.id, student_id=learner.id, due_at=due_at
            )
        )
        await session.execute(
            insert(AssignmentSource).values(
                id=new_id(), assignment_id=made.assignments[learner.id], batch_id=None, due_at=due_at
            )
        )


async def add_section(made, kind="self"):
    """As an editor would: the outline grows, and no learner's row is touched."""
    made.sections.append(new_id())
    async with db.transaction() as session:
        await _grow(session, made, 1)
        count = select(Course.section_count).where(Course.id == made.id).scalar_subquery()
        await session.execute(
            insert(Section).values(
                id=made.sections[-1], course_id=made.id, title="Added", order_index=count, completion=kind
            )
        )
    return made.sections[-1]


async def remove_section(made, section):
    async with db.transaction() as session:
        await _grow(session, made, -1)
        await session.execute(
            update(Section).where(Section.id == section).values(archived_at=func.now(), order_index=None)
        )
        for place, left in enumerate((known for known in made.sections if known != section), start=1):
            await session.execute(update(Section).where(Section.id == left).values(order_index=place))
    made.sections.remove(section)


async def _grow(session, made, by):
    await session.execute(
        update(Course)
        .where(Course.id == made.id)
        .values(section_count=Course.section_count + by, outline=Course.outline + 1)
    )


async def set_course(made, **values):
    async with db.transaction() as session:
        await session.execute(update(Course).where(Course.id == made.id).values(values))


async def set_assignment(made, learner, **values):
    async with db.transaction() as session:
        await session.execute(
            update(Assignment).where(Assignment.id == made.assignments[learner.id]).values(values)
        )


async def mark(learner, section, status=200, **body):
    answer = await learner.put(f"/progress/sections/{section}", body, status=status)
    return answer["data"] if status == 200 else answer


async def mine(learner, made):
    found = [row for row in (await learner.get("/progress"))["data"] if row["id"] == str(made.id)]
    return found[0] if found else None
