"""The audit log with the names of who acted: it stands here because the log itself knows only ids."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.models import User
from tms.operations import queries
from tms.operations.models import AuditEntry
from tms.operations.queries import AuditFilter
from tms.platform import db, paging
from tms.platform.paging import AnySelect, Page, PageRequest

BLOCK = 1000
SORTS: dict[str, Any] = {"at": AuditEntry.id}
"""The order of writing: numbers, unlike times, are never the same."""


def _entries(wanted: AuditFilter) -> AnySelect:
    named = queries.audit_entries(wanted).outerjoin(User, User.id == AuditEntry.actor_id)
    return named.add_columns((User.first_name + " " + User.last_name).label("actor_name"))


async def page(session: AsyncSession, request: PageRequest, wanted: AuditFilter) -> Page:
    """A page of the log, the newest line first unless asked otherwise."""
    return await paging.fetch(
        session,
        _entries(wanted),
        request=replace(request, sort=request.sort or "-at"),
        sorts=SORTS,
        key=AuditEntry.id,
    )


async def blocks(wanted: AuditFilter) -> AsyncIterator[Sequence[RowMapping]]:
    """All of it, the newest line first, by blocks, each in a short read of its own: lines never change."""
    last: int | None = None
    while True:
        statement = _entries(wanted).order_by(AuditEntry.id.desc()).limit(BLOCK)
        if last is not None:
            statement = statement.where(AuditEntry.id < last)
        async with db.reading() as session:
            rows = (await session.execute(statement)).mappings().all()
        if rows:
            yield rows
        if len(rows) < BLOCK:
            return
        last = rows[-1]["id"]
