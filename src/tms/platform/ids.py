"""Keys are made by the service, before the row exists, so that a job can be enqueued with them."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): unique everywhere and growing with time, so that indexes stay compact."""
    return uuid7()


def code(prefix: str, number: int) -> str:
    """What people see and say: `STU001`, `STU1000`; the number comes from a sequence and is never reused."""
    return f"{prefix}{number:03d}"
