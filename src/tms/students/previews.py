"""A document that waits, beside its course and the people who learn it."""

import asyncio
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import queries as content
from tms.content import reviews, shapes
from tms.content.editions import Difference
from tms.content.reviews import Decision
from tms.platform.caller import Caller
from tms.students import touched
from tms.students.preview_schemas import PreviewOut, TouchedLearner


async def preview(
    session: AsyncSession, upload_id: UUID, decision: Decision, caller: Caller
) -> tuple[PreviewOut, int]:
    """What applying would do and to whom, and the course's version that this is about; changes nothing.

    Raises `UploadNotFoundError` and what `reviews.preview` raises.
    """
    upload = await content.editable(session, upload_id, caller)
    found = await reviews.preview(session, upload, decision)
    difference = await asyncio.to_thread(shapes.difference, upload, found)
    who = await touched.touched(
        session, caller, _effect(upload["course_id"], found, difference.sections_after)
    )
    people = [
        TouchedLearner(
            user_id=row["student_id"],
            student_id=row["student_code"],
            name=row["name"],
            completed_changing=row["done_changing"],
            completed_vanishing=row["done_vanishing"],
            progress_from=row["progress_from"],
            progress_to=row["progress_to"],
            status_from=row["status_from"],
            status_to=row["status_to"],
        )
        for row in who.shown
    ]
    answer = PreviewOut(
        difference=difference,
        learners=who.learners,
        touched=who.touched,
        completed_changing=who.done_changing,
        completed_vanishing=who.done_vanishing,
        percentage_changes=who.percentage_changes,
        people=people,
    )
    return answer, upload["course_version"]


def _effect(course_id: UUID, found: Difference, sections_after: int) -> touched.Effect:
    return touched.Effect(
        course_id,
        changing=[one.section.id for one in found.changes if one.section and one.draft and one.replaces_text],
        vanishing=[one.section.id for one in found.changes if one.section and one.vanishes],
        sections_after=sections_after,
    )
