"""The step that delivers one e-mail: lease its row, hand it over outside of any transaction, record what became of it.

A worker that dies between handing over and recording leaves a leased row: whoever comes next, once the lease has run
out, sends the same message under the same Message-ID. So: at least once, exactly once where nothing crashed.
"""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, and_, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.notifications import letters
from tms.notifications.errors import LeasedError
from tms.notifications.models import Email
from tms.platform import clock, db, failpoints, mail, queue
from tms.platform.settings import get_settings

logger = logging.getLogger(__name__)

failpoints.declare(
    "notifications.deliver.before_sending",
    "notifications.deliver.after_sending",
    "notifications.deliver.recorded",
)

LEASE = timedelta(minutes=2)
"""Longer than the longest that `platform.mail` tries."""
MOST_ATTEMPTS = queue.PATIENT.max_attempts or 1


async def deliver(email_id: UUID) -> None:
    """Send one queued e-mail; nothing happens where that is done already.

    Raises `MailUnavailableError` or `LeasedError` where the queue should try again later.
    """
    message = await _take(email_id)
    if message is None:
        return
    failpoints.here("notifications.deliver.before_sending")
    try:
        await mail.send(message)
    except mail.MailRefusedError as error:
        await _record(email_id, status="failed", last_error=error.code)
        logger.warning("e-mail refused", extra={"email": str(email_id), "code": error.code})
    except mail.MailUnavailableError as error:
        if await _postpone(email_id, error.code):
            raise
        logger.warning("e-mail given up", extra={"email": str(email_id), "code": error.code})
    else:
        failpoints.here("notifications.deliver.after_sending")
        await _record(email_id, status="sent", sent_at=clock.db_now(), last_error=None)
        failpoints.here("notifications.deliver.recorded")


async def _take(email_id: UUID) -> mail.Message | None:
    """Lease the row and make the message of it; none where there is nothing to send, or nothing to send it with."""
    async with db.transaction() as session:
        email = await _lease(session, email_id)
        if email is None:
            await _check_lease(session, email_id)
            return None
        if not mail.configured():
            await _settle(session, email_id, status="outbox")
            return None
        letter = await letters.compose(session, email)
        if letter.obstacle is not None:
            await _settle(session, email_id, status="failed", last_error=letter.obstacle)
            return None
        if letter.to != email["to_address"]:
            await session.execute(update(Email).where(Email.id == email_id).values(to_address=letter.to))
    try:
        return mail.Message(
            message_id=email["message_id"],
            sender=get_settings().email_from,
            to=letter.to,
            subject=email["subject"],
            text=letter.text,
            html=letter.html,
        )
    except mail.MailRefusedError as error:
        await _record(email_id, status="failed", last_error=error.code)
        return None


async def _lease(session: AsyncSession, email_id: UUID) -> RowMapping | None:
    return (
        (
            await session.execute(
                update(Email)
                .where(
                    Email.id == email_id,
                    Email.status == "queued",
                    or_(Email.leased_until.is_(None), Email.leased_until < clock.db_now()),
                )
                .values(leased_until=clock.db_now() + LEASE, attempts=Email.attempts + 1)
                .returning(*Email.__table__.c)
            )
        )
        .mappings()
        .one_or_none()
    )


async def _check_lease(session: AsyncSession, email_id: UUID) -> None:
    """Raise `LeasedError` where the e-mail is still to be sent: if its worker has died, nobody else would do it."""
    status = (await session.execute(select(Email.status).where(Email.id == email_id))).scalar_one_or_none()
    if status == "queued":
        raise LeasedError


async def _settle(session: AsyncSession, email_id: UUID, **values: Any) -> None:
    await session.execute(
        update(Email)
        .where(and_(Email.id == email_id, Email.status == "queued"))
        .values(leased_until=None, **values)
    )


async def _record(email_id: UUID, **values: Any) -> None:
    async with db.transaction() as session:
        await _settle(session, email_id, **values)


async def _postpone(email_id: UUID, code: str) -> bool:
    """Give the lease back; false where that was the last attempt and the e-mail is now failed."""
    async with db.transaction() as session:
        status = (
            await session.execute(
                update(Email)
                .where(and_(Email.id == email_id, Email.status == "queued"))
                .values(
                    leased_until=None,
                    last_error=code,
                    status=case((Email.attempts >= MOST_ATTEMPTS, "failed"), else_="queued"),
                )
                .returning(Email.status)
            )
        ).scalar_one_or_none()
    return status == "queued"
