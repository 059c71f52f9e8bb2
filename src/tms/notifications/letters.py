"""What an e-mail says, and to whom, at the moment of sending or reading: never kept, since it may carry a secret."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity import passwords
from tms.identity.builtin import reset
from tms.identity.models import User
from tms.notifications import rendering
from tms.platform.settings import get_settings

KEPT_OUT: Final = frozenset({"disabled", "erased"})

RECIPIENT_DISABLED: Final = "recipient_disabled"
SECRET_ENDED: Final = "secret_ended"  # noqa: S105 - a code that names a state, not a password


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail ready to be sent or read.

    `secret` names the kind of secret that it shows, if it shows one; `obstacle` is the stable code of what forbids
    sending it, though it may be read.
    """

    to: str
    text: str
    html: str
    secret: str | None
    obstacle: str | None


Secret = tuple[str, dict[str, Any]]
"""The name of a kind of secret, and the values that templates take from it: empty once it has ended."""


async def _temporary_password(session: AsyncSession, user_id: UUID) -> Secret:
    found = await passwords.temporary_password(session, user_id)
    values = {"temporary_password": found.password, "expires_at": found.expires_at} if found else {}
    return "temporary_password", values


async def _reset_link(session: AsyncSession, user_id: UUID) -> Secret:
    link = await reset.reset_link(session, user_id)
    return "reset_link", {"reset_link": link} if link else {}


SECRETS: dict[str, Callable[[AsyncSession, UUID], Awaitable[Secret]]] = {
    "welcome": _temporary_password,
    "password_reset_by_admin": _temporary_password,
    "password_reset_link": _reset_link,
}
"""The templates that carry a secret."""

NO_SECRET: dict[str, Any] = {"temporary_password": None, "expires_at": None, "reset_link": None}


async def compose(session: AsyncSession, email: RowMapping) -> Letter:
    """The letter of a row of the outbox, with the recipient's present name, address and secrets.

    A user's mail goes to the address they have now: who corrects a mistyped one before the welcome has left does
    not want the password to go to a stranger.
    """
    user = await _user(session, email["user_id"])
    kind, secret = None, None
    # Whoever had an account before keeps its password: their welcome has none to tell.
    if user is not None and email["template"] in SECRETS and not email["context"].get("ownAccount"):
        kind, secret = await SECRETS[email["template"]](session, user.id)
    to: str = user.email if user is not None else email["to_address"]
    rendered = rendering.bodies(
        email["template"],
        {**_surroundings(user, to, email["created_at"]), **email["context"], **(secret or {})},
    )
    obstacle = None
    if user is not None and user.status in KEPT_OUT:
        obstacle = RECIPIENT_DISABLED
    elif kind is not None and not secret:
        obstacle = SECRET_ENDED
    return Letter(to, rendered.text, rendered.html, kind if secret else None, obstacle)


def _surroundings(user: Any, to: str, created_at: datetime) -> dict[str, Any]:
    base = get_settings().links_url
    return {
        **NO_SECRET,
        "ownAccount": False,
        "email": to,
        "first_name": user.first_name if user is not None else None,
        "home_url": base,
        "login_url": f"{base}/login",
        "link_minutes": int(reset.LIFETIME.total_seconds() // 60),
        "created_at": created_at,
    }


async def _user(session: AsyncSession, user_id: UUID | None) -> Any:
    if user_id is None:
        return None
    return (
        await session.execute(
            select(User.id, User.email, User.first_name, User.status).where(User.id == user_id)
        )
    ).one()
