"""Signing keys: made when first needed, kept encrypted in the database, replaced every 90 days."""

import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.builtin.models import SigningKey
from tms.platform import clock, db, secrets
from tms.platform.settings import get_settings

logger = logging.getLogger(__name__)

ALGORITHM = "ES256"
LIFETIME = timedelta(days=90)
PUBLISHED_FIRST = timedelta(minutes=15)
"""A new key is published this long before it signs, so that whoever caches keys for ten minutes has it by then."""
OUTLIVES_SUCCESSOR = timedelta(days=1)
FORGOTTEN_AFTER = timedelta(days=30)
BELIEVED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs at the moment."""

    kid: str
    key: ECKey


_signer: tuple[float, Signer] | None = None


def forget() -> None:
    """Ask the database for the signing key the next time."""
    global _signer  # noqa: PLW0603 - a cache of this process
    _signer = None


def _wrapping_key() -> OctKey:
    return OctKey.import_key(get_settings().key("signing keys"))


def _secret_id() -> str:
    return secrets.key_id(get_settings().secret)


async def signer() -> Signer:
    """The newest key that has been published long enough, or the oldest where none has; made where there is none."""
    global _signer  # noqa: PLW0603 - a cache of this process
    if _signer is not None and _signer[0] > monotonic():
        return _signer[1]
    async with db.reading() as session:
        found = await _find(session)
    if found is None:
        found = await _make_first()
    _signer = (monotonic() + BELIEVED_SECONDS, found)
    return found


async def _find(session: AsyncSession) -> Signer | None:
    statement = select(
        SigningKey, (SigningKey.created_at <= clock.db_now() - PUBLISHED_FIRST).label("is_seasoned")
    ).where(SigningKey.retired_at.is_(None), SigningKey.secret_id == _secret_id())
    rows = (await session.execute(statement.order_by(SigningKey.created_at))).all()
    seasoned = [row for row, is_seasoned in rows if is_seasoned]
    young = [row for row, is_seasoned in rows if not is_seasoned]
    for row in [*reversed(seasoned), *young]:
        signer = _opened(row)
        if signer is not None:
            return signer
    return None


def _opened(row: SigningKey) -> Signer | None:
    try:
        plain = jwe.decrypt_compact(row.private, _wrapping_key(), algorithms=["dir", "A256GCM"]).plaintext
        return Signer(row.kid, ECKey.import_key(json.loads(plain or b"")))
    except (JoseError, ValueError):
        logger.exception("a signing key cannot be read", extra={"kid": row.kid})
        return None


async def _make_first() -> Signer:
    async with db.transaction() as session:
        # Processes that start together must not each make a key.
        await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('signing keys', 0))"))
        return await _find(session) or await add(session)


async def add(session: AsyncSession) -> Signer:
    """A new key; it is published at once and signs a quarter of an hour later, if another one can until then."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    if key.kid is None:
        raise RuntimeError("a generated key has a thumbprint")
    private = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A256GCM"},
        json.dumps(key.as_dict(private=True)),
        _wrapping_key(),
        algorithms=["dir", "A256GCM"],
    )
    await session.execute(
        insert(SigningKey).values(
            kid=key.kid,
            public=key.as_dict(private=False),
            private=private,
            secret_id=_secret_id(),
            created_at=clock.db_now(),
        )
    )
    return Signer(key.kid, key)


async def public_set() -> dict[str, Any]:
    """The JWK set (RFC 7517) of all keys whose tokens are good."""
    async with db.reading() as session:
        found = await _published(session)
    if not found:
        await signer()
        async with db.reading() as session:
            found = await _published(session)
    return {"keys": found}


async def _published(session: AsyncSession) -> list[dict[str, Any]]:
    statement = (
        select(SigningKey.public)
        .where(SigningKey.retired_at.is_(None))
        .order_by(SigningKey.created_at.desc())
    )
    return list((await session.execute(statement)).scalars())


async def rotate(session: AsyncSession) -> None:
    """Add a key where the newest is old, retire those whose successor signs for a day, forget those long retired."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('signing keys', 0))"))
    now = await clock.now(session)
    await session.execute(delete(SigningKey).where(SigningKey.retired_at < now - FORGOTTEN_AFTER))
    statement = select(SigningKey.kid, SigningKey.created_at).where(
        SigningKey.retired_at.is_(None), SigningKey.secret_id == _secret_id()
    )
    rows = (await session.execute(statement.order_by(SigningKey.created_at.desc()))).all()
    if rows and rows[0].created_at < now - LIFETIME:
        await add(session)
    signing = [row for row in rows if row.created_at <= now - PUBLISHED_FIRST - OUTLIVES_SUCCESSOR]
    if signing:
        await session.execute(
            update(SigningKey)
            .where(SigningKey.retired_at.is_(None), SigningKey.created_at < signing[0].created_at)
            .values(retired_at=now)
        )
