"""A course's outline put into a new shape at once: sections kept, changed, added and removed, all in one order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sqlalchemy import ARRAY, Table, Uuid, bindparam, column, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses import queries
from tms.courses.errors import LastSectionError, SectionNotFoundError
from tms.courses.models import Section
from tms.courses.sections import NewSection, outline_changed, row, stored, touch
from tms.operations import audit
from tms.platform.ids import new_id

_sections = cast("Table", Section.__table__)


@dataclass(frozen=True, slots=True)
class ChangedSection:
    """A section that keeps its id, and with it everybody's progress, and gets another title, text and duration."""

    id: UUID
    title: str
    content: str | None
    duration: int | None


async def reshape_sections(
    session: AsyncSession,
    course_id: UUID,
    outline: Sequence[UUID | ChangedSection | NewSection],
    *,
    by: UUID,
) -> list[UUID]:
    """Make this the course's whole outline, in this order; the ids of its sections. `by` was found to be an editor.

    Sections that are not named are archived, those named by their id alone stay as they are. Learners' counters see by
    the outline's number that they are stale. Raises `SectionNotFoundError` for an id that is no live section of the
    course, and `LastSectionError` where a published course would be left without sections.
    """
    course = await queries.lock(session, course_id, None)
    if not outline and course["status"] == "published":
        raise LastSectionError
    rows = select(Section.id).where(Section.course_id == course_id, Section.archived_at.is_(None))
    live = set((await session.execute(rows)).scalars())
    order = [_id(part) for part in outline]
    added = [
        (place, section_id, part)
        for place, (section_id, part) in enumerate(zip(order, outline, strict=True), start=1)
        if isinstance(part, NewSection)
    ]
    kept = set(order) - {section_id for _, section_id, _ in added}
    if not kept <= live or len(set(order)) != len(order):
        raise SectionNotFoundError
    changed = [part for part in outline if isinstance(part, ChangedSection)]
    removed = live - kept
    await _archive(session, removed)
    await _change(session, changed)
    await _add(session, course_id, added)
    await _place(session, order)
    if added or removed:
        await outline_changed(session, course, added=len(added) - len(removed))
    else:
        await touch(session, course_id)
    await audit.record(
        session,
        actor=by,
        action="course.reshaped",
        object_type="course",
        object_id=course_id,
        changes={
            "added": [str(section_id) for _, section_id, _ in added],
            "changed": [str(part.id) for part in changed],
            "removed": sorted(str(section_id) for section_id in removed),
        },
    )
    return order


def _id(part: UUID | ChangedSection | NewSection) -> UUID:
    if isinstance(part, UUID):
        return part
    return part.id if isinstance(part, ChangedSection) else new_id()


async def _archive(session: AsyncSession, section_ids: set[UUID]) -> None:
    if section_ids:
        await session.execute(
            update(Section)
            .where(Section.id.in_(section_ids))
            .values(
                archived_at=func.now(), order_index=None, version=Section.version + 1, updated_at=func.now()
            )
        )


async def _change(session: AsyncSession, changed: Sequence[ChangedSection]) -> None:
    if not changed:
        return
    statement = (
        update(_sections)
        .where(Section.id == bindparam("of"))
        .values(
            title=bindparam("new_title"),
            content=bindparam("new_content"),
            duration=bindparam("new_duration"),
            version=Section.version + 1,
            updated_at=func.now(),
        )
    )
    values = [
        {
            "of": part.id,
            "new_title": part.title,
            "new_content": stored(part.content),
            "new_duration": part.duration,
        }
        for part in changed
    ]
    # On the connection: to a session, many values for an UPDATE mean updating objects by their keys.
    await (await session.connection()).execute(statement, values)


async def _add(session: AsyncSession, course_id: UUID, added: Sequence[tuple[int, UUID, NewSection]]) -> None:
    if not added:
        return
    rows = [row(course_id, section_id, place, new) for place, section_id, new in added]
    await session.execute(insert(Section), rows)


async def _place(session: AsyncSession, order: Sequence[UUID]) -> None:
    """The constraint on places looks only at the end of the transaction."""
    places = (
        func.unnest(literal(list(order), ARRAY(Uuid())))
        .table_valued(column("id", Uuid()), with_ordinality="place", name="places")
        .render_derived()
    )
    await session.execute(
        update(Section)
        .where(Section.id == places.c.id, Section.order_index != places.c.place)
        .values(order_index=places.c.place)
    )
