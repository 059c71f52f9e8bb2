from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.notifications.errors import EmailNotFoundError
from tms.notifications.models import Email
from tms.platform import paging

_LISTED = (
    Email.id,
    Email.to_address.label("to"),
    Email.template,
    Email.subject,
    Email.status,
    Email.created_at,
    Email.sent_at,
)


async def emails(
    session: AsyncSession,
    request: paging.PageRequest,
    *,
    to: str | None = None,
    status: str | None = None,
    template: str | None = None,
) -> paging.Page:
    """A page of the outbox, the newest first unless asked otherwise; `to` is any part of the address."""
    statement: paging.AnySelect = select(*_LISTED)
    if to is not None:
        statement = statement.where(paging.contains(Email.to_address, to))
    if status is not None:
        statement = statement.where(Email.status == status)
    if template is not None:
        statement = statement.where(Email.template == template)
    return await paging.fetch(
        session,
        statement,
        request=replace(request, sort=request.sort or "-createdAt"),
        sorts={"createdAt": Email.created_at},
        key=Email.id,
    )


async def listed(session: AsyncSession, email_id: UUID) -> RowMapping:
    """One e-mail as the list shows it; `EmailNotFoundError`."""
    return _found(await session.execute(select(*_LISTED).where(Email.id == email_id)))


async def email(session: AsyncSession, email_id: UUID, *, for_update: bool = False) -> RowMapping:
    """One row with all its columns, locked if asked; `EmailNotFoundError`."""
    statement = select(Email.__table__).where(Email.id == email_id)
    if for_update:
        statement = statement.with_for_update()
    return _found(await session.execute(statement))


def _found(result: Any) -> RowMapping:
    row: RowMapping | None = result.mappings().one_or_none()
    if row is None:
        raise EmailNotFoundError
    return row
