"""From an access token to the caller: the verifier says whose it is, the database whether they may still come in."""

from functools import cache
from time import monotonic
from typing import Any

from sqlalchemy import Text, bindparam, select

from tms.identity import linking, verifier
from tms.identity.errors import AccountDisabledError, AccountNotLinkedError
from tms.identity.models import User
from tms.platform import statements
from tms.platform.caller import Caller, Role
from tms.platform.statements import Statement

STATUS_SECONDS = 2.0
"""How long a status is believed: a disabled person is out at most this long after."""
MOST_REMEMBERED = 50_000

Known = tuple[float, Caller, str]
"""Until when it is believed, who it is, and the status."""

_remembered: dict[str, Known] = {}


async def authenticate(token: str) -> Caller:
    """The caller behind an access token.

    An administrator of the provider whom nobody here knows is linked, once. Raises `InvalidTokenError` (401),
    `AccountNotLinkedError` or `AccountDisabledError` (403), and `ProviderUnavailableError` (503) where the keys that
    the token is signed with could never be had.
    """
    claims = await verifier.claims(token)
    subject: str = claims["sub"]
    known = _remembered.get(subject)
    if known is None or known[0] < monotonic():
        known = await _look_up(subject) or await _linked(claims)
    _, caller, status = known
    if status != "active":
        raise AccountDisabledError
    return caller


@cache
def status() -> Statement:
    """What the gate asks about whoever calls: who they are and whether they may come in."""
    account_id = bindparam("account_id", type_=Text)
    return Statement(select(User.id, User.role, User.status).where(User.account_id == account_id))


async def _linked(claims: dict[str, Any]) -> Known:
    refusal = AccountNotLinkedError()
    try:
        await linking.link_administrator(claims)
    except AccountNotLinkedError as error:
        refusal = error
    # Of two requests that link one person the slower is refused, and finds what the faster has made.
    known = await _look_up(claims["sub"])
    if known is None:
        raise refusal
    return known


async def _look_up(subject: str) -> Known | None:
    row = await statements.row(status(), {"account_id": subject})
    if row is None:
        return None
    if len(_remembered) >= MOST_REMEMBERED:
        _remembered.clear()
    known = (monotonic() + STATUS_SECONDS, Caller(row["id"], Role(row["role"])), row["status"])
    _remembered[subject] = known
    return known


def forget(subject: str | None = None) -> None:
    """Ask the database at the next request of this person, or of everybody."""
    if subject is None:
        _remembered.clear()
    else:
        _remembered.pop(subject, None)
