"""E-mails are queued in the transaction of the event they tell of; the job that delivers them goes with it.

Where nothing to send with is set, an e-mail goes to the `outbox` instead, where administrators read it. It stays there
when a mail server is set later, until somebody sends it by `POST /emails/{id}/retry`: a heap of old welcomes must not
leave by itself.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.models import Provisioning, User
from tms.notifications import letters, queries, rendering
from tms.notifications.errors import (
    EmailQueuedError,
    MailNotConfiguredError,
    RecipientDisabledError,
    SecretEndedError,
)
from tms.notifications.models import Email
from tms.notifications.schemas import Template
from tms.operations import audit
from tms.platform import limits, mail, queue
from tms.platform.caller import Caller
from tms.platform.errors import DomainError
from tms.platform.ids import new_id

OBSTACLES: dict[str, type[DomainError]] = {
    letters.RECIPIENT_DISABLED: RecipientDisabledError,
    letters.SECRET_ENDED: SecretEndedError,
}


async def queue_email(
    session: AsyncSession,
    *,
    user_id: UUID | None,
    to: str,
    template: Template,
    context: dict[str, Any],
    key: str | None = None,
) -> UUID | None:
    """Queue one e-mail in the caller's transaction; returns its id, or none where `key` has made one already.

    `context` is JSON and holds no secrets. With a `user_id` the e-mail is sent only while that user is neither
    disabled nor erased, and to the address that they have by then; without one it goes to `to`, as it is.
    """
    email_id = new_id()
    configured = mail.configured()
    made = (
        await session.execute(
            insert(Email)
            .values(
                id=email_id,
                key=key,
                user_id=user_id,
                to_address=to,
                template=template,
                context=context,
                subject=rendering.subject(template, context),
                status="queued" if configured else "outbox",
                message_id=_message_id(email_id),
            )
            .on_conflict_do_nothing(index_elements=[Email.key])
            .returning(Email.id)
        )
    ).scalar_one_or_none()
    if made is not None and configured:
        await queue.enqueue(session, "notifications.deliver", email_id=str(email_id))
    return made


def _message_id(unique: UUID) -> str:
    return f"<{unique}@{mail.sender_domain()}>"


async def notify(session: AsyncSession, *, user_id: UUID, template: Template, key: str) -> UUID | None:
    """What rooms below ask for by the job `notifications.send`: the context is read here, since jobs carry only ids.

    Returns the e-mail's id, or none: the key has made one already, or the user is disabled, erased or unknown.
    """
    row = (
        await session.execute(
            select(User.email, User.status, Provisioning.welcome, Provisioning.adopted_account_id)
            .outerjoin(Provisioning, Provisioning.user_id == User.id)
            .where(User.id == user_id)
        )
    ).one_or_none()
    if row is None or row.status in letters.KEPT_OUT:
        return None
    context: dict[str, Any] = {}
    if template == "welcome":
        context = {
            "batchName": (row.welcome or {}).get("batchName"),
            "ownAccount": row.adopted_account_id is not None,
        }
    return await queue_email(
        session, user_id=user_id, to=row.email, template=template, context=context, key=key
    )


async def read(session: AsyncSession, email_id: UUID, caller: Caller) -> dict[str, Any]:
    """An e-mail with its bodies as they would read now; a secret among them is shown, and the showing is audited."""
    email = await queries.email(session, email_id)
    letter = await letters.compose(session, email)
    if letter.secret is not None:
        await audit.record(
            session,
            actor=caller.id,
            action="email.secret_shown",
            object_type="email",
            object_id=email_id,
            changes={"secret": letter.secret, "userId": str(email["user_id"])},
        )
    return {**email, "to": email["to_address"], "text": letter.text, "html": letter.html}


async def retry(session: AsyncSession, email_id: UUID, caller: Caller) -> RowMapping:
    """Send an e-mail that failed, that lies in the outbox, or that was sent before, once more.

    Raises `EmailNotFoundError`, `EmailQueuedError`, `MailNotConfiguredError`, `RecipientDisabledError`,
    `SecretEndedError`, or `TooManyError` where the person was sent many. One that was sent gets a new Message-ID, or its receiver would take it for the same one.
    """
    email = await queries.email(session, email_id, for_update=True)
    if email["status"] == "queued":
        raise EmailQueuedError
    if not mail.configured():
        raise MailNotConfiguredError
    letter = await letters.compose(session, email)
    if letter.obstacle is not None:
        raise OBSTACLES[letter.obstacle]
    await limits.spend(session, limits.MAILS_TO_ONE, str(email["user_id"]))
    again = {"message_id": _message_id(new_id())} if email["status"] == "sent" else {}
    await session.execute(
        update(Email)
        .where(Email.id == email_id)
        .values(status="queued", attempts=0, last_error=None, leased_until=None, **again)
    )
    await queue.enqueue(session, "notifications.deliver", email_id=str(email_id))
    await audit.record(
        session,
        actor=caller.id,
        action="email.retried",
        object_type="email",
        object_id=email_id,
        changes={"status": [email["status"], "queued"]},
    )
    return await queries.listed(session, email_id)


LOST = text("""
    SELECT e.id FROM emails e
    WHERE e.status = 'queued' AND e.created_at < tms_now() - interval '10 minutes'
      AND (e.leased_until IS NULL OR e.leased_until < tms_now())
      AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = 'notifications.deliver'
                      AND j.status IN ('todo', 'doing') AND j.args ->> 'email_id' = e.id::text)
    ORDER BY e.created_at LIMIT 1000
""")
"""Queued e-mails that nobody will send: their job gave up on something else than mail, or was removed."""


async def requeue_lost(session: AsyncSession) -> int:
    """Give every queued e-mail whose job was lost a new one; returns how many there were, at most 1,000 a time."""
    lost = (await session.execute(LOST)).scalars().all()
    for email_id in lost:
        await queue.enqueue(session, "notifications.deliver", email_id=str(email_id))
    return len(lost)
