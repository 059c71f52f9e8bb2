"""Passwords are hashed with argon2id, in threads, two at a time: each takes tens of megabytes and milliseconds."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

AT_ONCE = 2
RANDOM_CHARACTERS = 16
"""Sixteen random base32 characters carry 80 bits."""

# The first of the equivalent settings in OWASP's password storage cheat sheet (46 MiB, one pass, one lane).
_FULL = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1, type=Type.ID)
# A password of 80 random bits cannot be guessed at any speed, so slowness adds nothing; enrolling 5,000 people from a
# sheet would cost minutes of processor time.
_RANDOM = PasswordHasher(time_cost=1, memory_cost=1_024, parallelism=1, type=Type.ID)
_FULL_PREFIX = "$argon2id$v=19$m=47104,t=1,p=1$"
_DUMMY = f"{_FULL_PREFIX}c29tZSBzYWx0IG9mIGEgZHVtbXk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

_slots = asyncio.Semaphore(AT_ONCE)


@asynccontextmanager
async def slot() -> AsyncIterator[None]:
    """A turn to hash; whoever checks a limit inside it is outrun by at most one other guess in this process."""
    async with _slots:
        yield


async def hash_password(password: str, *, is_random: bool = False) -> str:
    """The hash to store. `is_random` is a password that we made and that has at least 80 random bits."""
    hasher = _RANDOM if is_random and len(password) >= RANDOM_CHARACTERS else _FULL
    async with _slots:
        return await asyncio.to_thread(hasher.hash, _composed(password))


async def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one; call it inside a `slot`.

    It always takes as long as one full hash, whether there is a password, a quick hash, or no account at all: the time
    of an answer tells nobody which accounts exist.
    """
    return await asyncio.to_thread(_matches, stored, _composed(password))


def _composed(password: str) -> str:
    """One form for what keyboards spell differently: `é` as one character or as two (Unicode NFC)."""
    return unicodedata.normalize("NFC", password)


def _matches(stored: str | None, password: str) -> bool:
    if stored is None or not stored.startswith(_FULL_PREFIX):
        _verify(_DUMMY, password)
    return stored is not None and _verify(stored, password)


def _verify(stored: str, password: str) -> bool:
    try:
        return _FULL.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
