"""Changes of a course's outline. Each locks the course's row first, so that places stay 1..n whoever else is editing.

A section keeps its id for life: a removed one is archived without a place, and what people did with it stays known.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, RowMapping, Uuid, column, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses import history, html, queries
from tms.courses.errors import LastSectionError, SectionNotFoundError
from tms.courses.models import Course, Section
from tms.courses.schemas import SectionIn, SectionPatch
from tms.operations import audit
from tms.platform import errors, queue
from tms.platform.caller import Caller
from tms.platform.errors import FieldError, InvalidError
from tms.platform.ids import new_id


@dataclass(frozen=True, slots=True)
class NewSection:
    """A section to be added; `content` is HTML as it comes, `duration` is in minutes."""

    title: str
    content: str | None = None
    video_url: str | None = None
    image_url: str | None = None
    duration: int | None = None
    completion: str = "self"


async def change_sections(
    session: AsyncSession, *, course_id: UUID, add: Sequence[NewSection], by: UUID
) -> list[UUID]:
    """Append many sections at once, in order; their ids. `by` was found to be an editor before the work began.

    Raises `CourseNotFoundError` where the course has gone meanwhile.
    """
    course = await queries.lock(session, course_id, None)
    if not add:
        return []
    first = course["section_count"] + 1
    ids = [new_id() for _ in add]
    rows = [
        row(course_id, section_id, place, new)
        for place, (section_id, new) in enumerate(zip(ids, add, strict=True), first)
    ]
    await session.execute(insert(Section), rows)
    await outline_changed(session, course, added=len(rows))
    await audit.record(
        session,
        actor=by,
        action="course.sections_added",
        object_type="course",
        object_id=course_id,
        changes={"sectionIds": [str(section_id) for section_id in ids]},
    )
    return ids


def row(course_id: UUID, section_id: UUID, place: int, new: NewSection) -> dict[str, Any]:
    """A new section as it is inserted."""
    return {
        "id": section_id,
        "course_id": course_id,
        "order_index": place,
        "title": new.title,
        "content": stored(new.content),
        "video_url": new.video_url,
        "image_url": new.image_url,
        "duration": new.duration,
        "completion": new.completion,
    }


async def add_section(
    session: AsyncSession, course_id: UUID, body: SectionIn, *, caller: Caller
) -> RowMapping:
    """Add one section at `orderIndex`, shifting those from there on; without one, or beyond the end, it comes last."""
    course = await queries.lock(session, course_id, caller)
    count = course["section_count"]
    place = min(body.order_index or count + 1, count + 1)
    await _shift(session, course_id, first=place, last=count, by=1)
    values = body.model_dump()
    values |= {"id": new_id(), "course_id": course_id, "order_index": place}
    values["content"] = await asyncio.to_thread(stored, body.content)
    await session.execute(insert(Section).values(values))
    await outline_changed(session, course, added=1)
    await _record(session, "section.added", values["id"], caller, {"courseId": str(course_id)})
    return await queries.section(session, values["id"])


async def edit_section(
    session: AsyncSession,
    course_id: UUID,
    section_id: UUID,
    body: SectionPatch,
    *,
    caller: Caller,
    expected: int | None,
) -> RowMapping:
    """Change what the body names; raises `SectionNotFoundError`, and 412 where `expected` is not the version."""
    course = await queries.lock(session, course_id, caller)
    section = await _live(session, course_id, section_id, expected)
    values: dict[str, Any] = body.model_dump(exclude_unset=True)
    if "content" in values:
        values["content"] = await asyncio.to_thread(stored, values["content"])
    if "order_index" in values:
        values["order_index"] = min(values["order_index"], course["section_count"])
    values = history.differing(section, values)
    if not values:
        return section
    if "order_index" in values:
        await _make_room(session, course_id, section["order_index"], values["order_index"])
    await session.execute(
        update(Section)
        .where(Section.id == section_id)
        .values(**values, version=Section.version + 1, updated_at=func.now())
    )
    await touch(session, course_id)
    await _record(session, "section.changed", section_id, caller, history.changes(section, values))
    return await queries.section(session, section_id)


async def remove_section(
    session: AsyncSession, course_id: UUID, section_id: UUID, *, caller: Caller, expected: int | None
) -> int:
    """Archive a section and close the gap; how many are left. Raises `LastSectionError` for a published course's last."""
    course = await queries.lock(session, course_id, caller)
    section = await _live(session, course_id, section_id, expected)
    count: int = course["section_count"]
    if course["status"] == "published" and count == 1:
        raise LastSectionError
    await session.execute(
        update(Section)
        .where(Section.id == section_id)
        .values(archived_at=func.now(), order_index=None, version=Section.version + 1, updated_at=func.now())
    )
    await _shift(session, course_id, first=section["order_index"] + 1, last=count, by=-1)
    await outline_changed(session, course, added=-1)
    await _record(session, "section.removed", section_id, caller, {"courseId": str(course_id)})
    return count - 1


async def order_sections(
    session: AsyncSession,
    course_id: UUID,
    section_ids: Sequence[UUID],
    *,
    caller: Caller,
    expected: int | None,
) -> int:
    """Put the sections in this order; all of the course's, each once, else 422. Gives back the course's new version."""
    course = await queries.lock(session, course_id, caller)
    errors.check_version(expected, course["version"])
    live = await session.execute(
        select(Section.id).where(Section.course_id == course_id, Section.archived_at.is_(None))
    )
    if len(section_ids) != len(set(section_ids)) or set(section_ids) != set(live.scalars()):
        raise InvalidError(
            "Name every section of the course exactly once.",
            fields=[FieldError("sectionIds", "must name every section of the course exactly once")],
        )
    places = (
        func.unnest(literal(list(section_ids), ARRAY(Uuid())))
        .table_valued(column("id", Uuid()), with_ordinality="place", name="places")
        .render_derived()
    )
    await session.execute(update(Section).where(Section.id == places.c.id).values(order_index=places.c.place))
    version = await touch(session, course_id)
    await audit.record(
        session, actor=caller.id, action="course.sections_ordered", object_type="course", object_id=course_id
    )
    return version


def stored(content: str | None) -> html.Sanitised | None:
    """Content as it is kept. What is not clean yet belongs into a thread, so that others are served meanwhile."""
    return None if content is None else html.sanitise(content)


async def _live(session: AsyncSession, course_id: UUID, section_id: UUID, expected: int | None) -> RowMapping:
    """The section; the lock on its course keeps everybody else from it."""
    statement = select(Section.__table__).where(
        Section.id == section_id, Section.course_id == course_id, Section.archived_at.is_(None)
    )
    section = (await session.execute(statement)).mappings().one_or_none()
    if section is None:
        raise SectionNotFoundError
    errors.check_version(expected, section["version"])
    return section


async def _shift(session: AsyncSession, course_id: UUID, *, first: int, last: int, by: int) -> None:
    """Move the sections at these places; the constraint on places looks only at the end of the transaction."""
    await session.execute(
        update(Section)
        .where(
            Section.course_id == course_id,
            Section.archived_at.is_(None),
            Section.order_index.between(first, last),
        )
        .values(order_index=Section.order_index + by)
    )


async def _make_room(session: AsyncSession, course_id: UUID, old: int, new: int) -> None:
    """Before a section moves from `old` to `new`: those between step towards its old place."""
    if new < old:
        await _shift(session, course_id, first=new, last=old - 1, by=1)
    elif new > old:
        await _shift(session, course_id, first=old + 1, last=new, by=-1)


async def outline_changed(session: AsyncSession, course: RowMapping, *, added: int) -> None:
    """Count the sections anew. Learners' counters see by the outline's number that they are stale; a job follows."""
    course_id: UUID = course["id"]
    await session.execute(
        update(Course)
        .where(Course.id == course_id)
        .values(
            section_count=Course.section_count + added,
            outline=Course.outline + 1,
            version=Course.version + 1,
            updated_at=func.now(),
        )
    )
    if course["published_at"] is not None:
        await queue.enqueue(
            session,
            "progress.refresh_course",
            unique=f"progress.refresh:{course_id}",
            course_id=str(course_id),
        )


async def touch(session: AsyncSession, course_id: UUID) -> int:
    """A new version of the course, whose outline is the same."""
    touched = await session.execute(
        update(Course)
        .where(Course.id == course_id)
        .values(version=Course.version + 1, updated_at=func.now())
        .returning(Course.version)
    )
    return touched.scalar_one()


async def _record(
    session: AsyncSession, action: str, section_id: UUID, caller: Caller, changes: dict[str, Any]
) -> None:
    await audit.record(
        session,
        actor=caller.id,
        action=action,
        object_type="section",
        object_id=section_id,
        changes=changes,
    )
