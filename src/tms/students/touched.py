"""Whom a new edition of a document touches: what they had done of what changes or vanishes, and what they would see."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    RowMapping,
    Select,
    Uuid,
    any_,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from tms.courses.models import Assignment
from tms.identity.models import User
from tms.platform.caller import Caller
from tms.progress import queries as progress
from tms.progress.models import SectionProgress
from tms.students import queries

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Effect:
    """Sections by what becomes of them, and how many the course has afterwards."""

    course_id: UUID
    changing: Collection[UUID]
    vanishing: Collection[UUID]
    sections_after: int


@dataclass(frozen=True, slots=True)
class Touched:
    """Counts over everybody who has the course, and those of them whom the caller may see, at most `MOST_SHOWN`."""

    learners: int
    touched: int
    done_changing: int
    done_vanishing: int
    percentage_changes: int
    shown: list[RowMapping]


def _among(ids: Collection[UUID]) -> ColumnElement[bool]:
    return SectionProgress.section_id == any_(literal(list(ids), ARRAY(Uuid())))


def _effects(effect: Effect) -> Select[Any]:
    """A row for each learner of the course, with `progress` and `status` as they are and as they would be."""
    state = progress.states().where(Assignment.course_id == effect.course_id).subquery("state")
    done = (
        select(
            func.count().filter(_among(effect.changing)).label("changing"),
            func.count().filter(_among(effect.vanishing)).label("vanishing"),
        )
        .where(
            SectionProgress.assignment_id == state.c.assignment_id,
            SectionProgress.completed_at.is_not(None),
            _among([*effect.changing, *effect.vanishing]),
        )
        .lateral("done")
    )
    after = progress.shown(
        done=state.c.sections_completed - done.c.vanishing,
        total=literal(effect.sections_after, Integer()),
        completed_at=state.c.completed_at,
        opened=state.c.last_seen_at.is_not(None),
    )
    return select(
        state.c.student_id,
        state.c.progress.label("progress_from"),
        after.progress.label("progress_to"),
        state.c.status.label("status_from"),
        after.status.label("status_to"),
        done.c.changing.label("done_changing"),
        done.c.vanishing.label("done_vanishing"),
    ).join(done, literal(True))


async def touched(session: AsyncSession, caller: Caller, effect: Effect) -> Touched:
    """Who would notice, before anything is changed; the caller may change the course, which is known by now."""
    found = _effects(effect).cte("found")
    differs = or_(found.c.progress_from != found.c.progress_to, found.c.status_from != found.c.status_to)
    notices = or_(found.c.done_changing > 0, found.c.done_vanishing > 0, differs)
    counts = select(
        func.count().label("learners"),
        func.count().filter(notices).label("touched"),
        func.count().filter(found.c.done_changing > 0).label("done_changing"),
        func.count().filter(found.c.done_vanishing > 0).label("done_vanishing"),
        func.count().filter(differs).label("percentage_changes"),
    )
    people = (
        select(found, User.student_code, (User.first_name + " " + User.last_name).label("name"))
        .join(User, User.id == found.c.student_id)
        .where(notices, queries.visible_to(caller))
        .order_by(found.c.done_vanishing.desc(), User.last_name, User.first_name, User.id)
        .limit(MOST_SHOWN)
    )
    counted = (await session.execute(counts)).mappings().one()
    return Touched(**counted, shown=list((await session.execute(people)).mappings()))
