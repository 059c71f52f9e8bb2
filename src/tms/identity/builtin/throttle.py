"""Guessing passwords is slowed down, for each account, each client address, and each account at one origin.

Blocks grow with every failure and end by themselves, and an attempt during a block neither counts nor prolongs it.
Nobody can lock the owner out: from a browser or address that has signed in to the account within 30 days only that
origin's own failures count, whatever others do to the account from elsewhere.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Interval, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.builtin.models import SignInThrottle
from tms.platform import clock, secrets
from tms.platform.settings import get_settings

KNOWN_FOR = timedelta(days=30)
FORGOTTEN_AFTER = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class _Rule:
    """After `free` failures every further one blocks, for `first` and then twice as long each time, up to `longest`."""

    free: int
    first: timedelta
    longest: timedelta
    forgotten_after: timedelta = FORGOTTEN_AFTER


# One person at one place mistypes a few times; an account is attacked from many places; behind one address may sit a
# whole classroom.
_AT_ORIGIN = _Rule(5, timedelta(seconds=15), timedelta(minutes=15))
_ON_ACCOUNT = _Rule(30, timedelta(seconds=5), timedelta(minutes=1))
_FROM_ADDRESS = _Rule(100, timedelta(seconds=15), timedelta(minutes=2), timedelta(hours=1))
_RESET_MAILS = _Rule(20, timedelta(minutes=1), timedelta(minutes=30))
FORGIVEN_BY_NEWCOMER = 10
"""Each account that signs in from an address for the first time takes back this many of the address's failures."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attempt comes from: the client's address, and the mark that a browser was given at an earlier sign-in."""

    address: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an attempt may be made, and what its outcome is to be counted for."""

    name: str
    origin: Origin
    is_known: bool
    at_origin: bytes
    blocked: bool
    retry_after: int | None
    """Seconds until the address may try again, where it is the address that is blocked: that tells of no account."""


def _network(address: str) -> str:
    """One subscriber is one IPv4 address or one IPv6 /64; who has no address shares a place with its like."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "none"
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _key(*parts: str) -> bytes:
    return secrets.mac(get_settings().key("sign-in throttles"), *parts)


def _account_key(name: str) -> bytes:
    return _key("account", name)


def _address_key(origin: Origin) -> bytes:
    return _key("address", _network(origin.address))


def _place_keys(name: str, origin: Origin) -> tuple[bytes, bytes | None]:
    device = _key("device", name, origin.device) if origin.device else None
    return _key("place", name, _network(origin.address)), device


async def check(session: AsyncSession, name: str, origin: Origin) -> Verdict:
    """Whether a sign-in to `name` (a normalised address, of an account or not) may be tried from there now."""
    place, device = _place_keys(name, origin)
    account, address = _account_key(name), _address_key(origin)
    now = await clock.now(session)
    statement = select(SignInThrottle.key, SignInThrottle.blocked_until, SignInThrottle.succeeded_at).where(
        SignInThrottle.key.in_([key for key in (place, device, account, address) if key])
    )
    rows = {row.key: row for row in (await session.execute(statement)).all()}

    def known(key: bytes | None) -> bool:
        at = rows[key].succeeded_at if key in rows else None
        return at is not None and at > now - KNOWN_FOR

    def blocked_until(key: bytes) -> datetime | None:
        until: datetime | None = rows[key].blocked_until if key in rows else None
        return until if until is not None and until > now else None

    own = device if device is not None and known(device) else place
    is_known = known(own)
    address_until = None if is_known else blocked_until(address)
    return Verdict(
        name=name,
        origin=origin,
        is_known=is_known,
        at_origin=own,
        blocked=blocked_until(own) is not None or not (is_known or blocked_until(account) is None),
        retry_after=int((address_until - now).total_seconds()) + 1 if address_until else None,
    )


async def failed(session: AsyncSession, verdict: Verdict) -> None:
    """Count a failure. Rows are touched in the order of their keys, so that parallel attempts cannot dead-lock."""
    account = _account_key(verdict.name)
    counted: dict[bytes, tuple[_Rule, bytes | None]] = {verdict.at_origin: (_AT_ORIGIN, account)}
    if not verdict.is_known:
        counted[account] = (_ON_ACCOUNT, account)
        counted[_address_key(verdict.origin)] = (_FROM_ADDRESS, None)
    for key, (rule, of_account) in sorted(counted.items()):
        await _count(session, key, rule, of_account)


async def _count(session: AsyncSession, key: bytes, rule: _Rule, account: bytes | None) -> None:
    now = clock.db_now()
    added = insert(SignInThrottle).values(key=key, account_key=account, failures=1, last_at=now)
    failures = case(
        (SignInThrottle.last_at < now - rule.forgotten_after, 1), else_=SignInThrottle.failures + 1
    )
    await session.execute(
        added.on_conflict_do_update(
            index_elements=[SignInThrottle.key],
            set_={"failures": failures, "last_at": now, "blocked_until": _block(failures, rule)},
        )
    )


def _block(failures: ColumnElement[int], rule: _Rule) -> ColumnElement[Any]:
    seconds = func.least(
        rule.longest.total_seconds(),
        rule.first.total_seconds() * func.power(2, func.least(failures - rule.free, 20)),
    )
    until = clock.db_now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=Interval())
    return case((failures >= rule.free, until), else_=None)


async def succeeded(session: AsyncSession, verdict: Verdict, *, device: str | None = None) -> None:
    """The origin, and the device mark that the browser is given, are known from now on."""
    account = _account_key(verdict.name)
    keys = {verdict.at_origin}
    if device is not None:
        keys.add(_key("device", verdict.name, device))
    now = clock.db_now()
    for key in sorted(keys):
        clean = {"failures": 0, "blocked_until": None, "succeeded_at": now, "last_at": now}
        await session.execute(
            insert(SignInThrottle)
            .values(key=key, account_key=account, **clean)
            .on_conflict_do_update(index_elements=[SignInThrottle.key], set_=clean)
        )
    if not verdict.is_known:
        await session.execute(
            update(SignInThrottle)
            .where(SignInThrottle.key == _address_key(verdict.origin))
            .values(failures=func.greatest(SignInThrottle.failures - FORGIVEN_BY_NEWCOMER, 0))
        )


async def lift(session: AsyncSession, name: str) -> None:
    """A new password starts without blocks, and without origins that are known from the old one."""
    await session.execute(delete(SignInThrottle).where(SignInThrottle.account_key == _account_key(name)))


async def may_ask_for_reset(session: AsyncSession, origin: Origin) -> bool:
    """Whether this address may cause another reset mail; asking counts."""
    key = _key("reset", _network(origin.address))
    statement = select(SignInThrottle.blocked_until > clock.db_now()).where(SignInThrottle.key == key)
    if (await session.execute(statement)).scalar_one_or_none():
        return False
    await _count(session, key, _RESET_MAILS, None)
    return True


async def clean(session: AsyncSession) -> None:
    """Forget what has no effect any more."""
    now = await clock.now(session)
    await session.execute(
        delete(SignInThrottle).where(
            SignInThrottle.last_at < now - FORGOTTEN_AFTER,
            or_(SignInThrottle.succeeded_at.is_(None), SignInThrottle.succeeded_at < now - KNOWN_FOR),
        )
    )
