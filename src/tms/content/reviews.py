"""What becomes of an outline that waits: looked at as it would be, and applied, in one transaction."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import RowMapping, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import applying, editions, outlines, plans, queries
from tms.content.editions import Difference
from tms.content.errors import EditedSectionsError, NothingLeftError, NotWaitingError
from tms.content.models import Upload
from tms.content.pieces import Pages, Piece, Row, Wanted
from tms.content.plans import Draft
from tms.courses import service as courses
from tms.platform import clock
from tms.platform.caller import Caller
from tms.platform.errors import FieldError, InvalidError


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody wants: lessons out of pieces of the outline (none: each row as it is), and what is left out.

    `keep` and `replace` are about sections that were edited by hand and that a new edition would change or remove.
    """

    lessons: Sequence[Wanted] | None = None
    skip: Sequence[Piece | Pages] = ()
    keep: Collection[UUID] = field(default_factory=frozenset)
    replace: Collection[UUID] = field(default_factory=frozenset)


async def preview(session: AsyncSession, upload: RowMapping, decision: Decision) -> Difference:
    """The upload, as `queries.editable` gives it, beside its course. Changes nothing.

    Raises `NotWaitingError`, `PlanError`, `NothingLeftError` and `EditionLostError`.
    """
    if upload["status"] != "needs_review":
        raise NotWaitingError
    return await _compare(session, upload, decision)


async def apply(
    session: AsyncSession, upload_id: UUID, decision: Decision, *, caller: Caller, expected: int | None
) -> RowMapping:
    """Make sections of an outline: all of them, with everything that a new edition changes, or none.

    Raises what `outlines.lock` and `preview` raise, and `EditedSectionsError` where somebody has to decide first.
    Returns the upload as `queries.editable`.
    """
    upload = await outlines.lock(session, upload_id, caller, expected=expected)
    found = await _compare(session, upload, decision)
    undecided = [change.section for change in found.changes if change.is_undecided and change.section]
    if undecided:
        titles = ", ".join(f"“{section.title}” ({section.id})" for section in undecided)
        raise EditedSectionsError(
            f"Edited by hand: {titles}. Name each of them in `keepEdited` or in `replaceEdited`."
        )
    if upload["replaces_id"] is None:
        drafts = [change.draft for change in found.changes if change.draft]
        await applying.append(session, upload, drafts, by=caller.id)
    else:
        await _apply_edition(session, upload, found, caller)
    await session.execute(
        update(Upload)
        .where(Upload.id == upload_id)
        .values(status="completed", expires_at=None, finished_at=clock.db_now())
    )
    await outlines.clear(session, [upload_id])
    return await queries.editable(session, upload_id, caller)


async def _compare(session: AsyncSession, upload: RowMapping, decision: Decision) -> Difference:
    drafts = await _drafts(session, upload, decision)
    if not drafts:
        raise NothingLeftError
    found = await editions.difference(session, upload, drafts, keep=decision.keep, replace=decision.replace)
    _check_choices(found, decision)
    return found


async def _drafts(session: AsyncSession, upload: RowMapping, decision: Decision) -> list[Draft]:
    outline = await queries.outline(session, upload["id"])

    def made() -> list[Draft]:
        return plans.drafts([Row.of(row) for row in outline], decision.lessons, decision.skip)

    # Looking through a long document takes a while, during which others are served.
    return await asyncio.to_thread(made)


def _check_choices(found: Difference, decision: Decision) -> None:
    """Choices are about edited sections, each decided once."""
    edited = {change.section.id for change in found.changes if change.section and change.is_edited}
    for name, chosen, other in (
        ("keepEdited", decision.keep, frozenset()),
        ("replaceEdited", decision.replace, decision.keep),
    ):
        if not set(chosen) <= edited or set(chosen) & set(other):
            message = "names sections that were edited by hand, each in one list only"
            raise InvalidError("Nothing is to be decided there.", fields=[FieldError(name, message)])


async def _apply_edition(
    session: AsyncSession, upload: RowMapping, found: Difference, caller: Caller
) -> None:
    order = await courses.reshape_sections(
        session, upload["course_id"], editions.outline(found), by=caller.id
    )
    await applying.note(session, upload, editions.made(found, order), by=caller.id)
    await session.execute(update(Upload).where(Upload.id == upload["replaces_id"]).values(status="replaced"))
