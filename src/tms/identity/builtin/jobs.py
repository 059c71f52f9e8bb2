"""What the built-in identity provider does by itself."""

from sqlalchemy import delete, or_

from tms.identity.builtin import keys, throttle
from tms.identity.builtin.models import AuthorizationCode, SignInSession
from tms.platform import clock, db, queue


@queue.job("identity.clean_sign_ins", periodic="17 * * * *")
async def clean_sign_ins(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Remove sessions that are over, with their codes and refresh tokens, and counts of failures that have no effect."""
    async with db.transaction() as session:
        now = clock.db_now()
        await session.execute(
            delete(SignInSession).where(or_(SignInSession.expires_at <= now, SignInSession.idle_until <= now))
        )
    async with db.transaction() as session:
        # A used code is kept as long as its session, so that its second use ends what the first has opened.
        await session.execute(
            delete(AuthorizationCode).where(
                AuthorizationCode.expires_at <= clock.db_now(), AuthorizationCode.used_at.is_(None)
            )
        )
        await throttle.clean(session)


@queue.job("identity.rotate_signing_keys", periodic="41 3 * * *")
async def rotate_signing_keys(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """A new signing key every 90 days; the one before it is retired when no token of it can be left."""
    async with db.transaction() as session:
        await keys.rotate(session)
