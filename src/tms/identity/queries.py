from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.errors import UserNotFoundError
from tms.identity.models import User
from tms.platform import paging
from tms.platform.paging import Page, PageRequest

COLUMNS = (
    User.id,
    User.account_id.label("keycloak_id"),
    User.student_code.label("student_id"),
    User.email,
    User.first_name,
    User.last_name,
    User.phone,
    User.role,
    User.status,
    User.created_at,
    User.updated_at,
    User.version,
)
SORTS: dict[str, Any] = {
    "createdAt": User.created_at,
    "lastName": User.last_name + " " + User.first_name,
    "email": User.email_norm,
}


async def user(session: AsyncSession, user_id: UUID) -> RowMapping:
    """One user; raises `UserNotFoundError`."""
    row = (await session.execute(select(*COLUMNS).where(User.id == user_id))).mappings().one_or_none()
    if row is None:
        raise UserNotFoundError
    return row


def matching(text: str) -> Any:
    """A search over name, address and code."""
    return or_(
        paging.contains(User.first_name + " " + User.last_name, text),
        paging.contains(User.email, text),
        paging.contains(User.student_code, text),
    )


async def users(
    session: AsyncSession, request: PageRequest, *, search: str | None, role: str | None, status: str | None
) -> Page:
    """A page of all users, for administrators. Who was erased is left out, unless that status is asked for."""
    statement: paging.AnySelect = select(*COLUMNS).where(
        User.status == status if status else User.status != "erased"
    )
    if search:
        statement = statement.where(matching(search))
    if role:
        statement = statement.where(User.role == role)
    return await paging.fetch(session, statement, request=request, sorts=SORTS, key=User.id)
