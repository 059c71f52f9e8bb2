"""Jobs of notifications. `notifications.send` is what rooms below ask for by name."""

import logging
from typing import cast, get_args
from uuid import UUID

from tms.notifications import delivery, service
from tms.notifications.schemas import Template
from tms.platform import db, failpoints, queue

logger = logging.getLogger(__name__)

failpoints.declare("notifications.send.queued")


@queue.job("notifications.send", retry=queue.PATIENT)
async def send(user_id: str, template: str, key: str) -> None:
    """Make the e-mail of an event, once for each `key`; `notifications.deliver` sends it."""
    if template not in get_args(Template):
        raise ValueError(f"no e-mail template is called {template}")
    async with db.transaction() as session:
        await service.notify(session, user_id=UUID(user_id), template=cast("Template", template), key=key)
    failpoints.here("notifications.send.queued")


@queue.job("notifications.deliver", retry=queue.PATIENT)
async def deliver(email_id: str) -> None:
    """Send one e-mail; temporary trouble is tried again for about two hours."""
    await delivery.deliver(UUID(email_id))


@queue.job("notifications.requeue_lost", periodic="*/10 * * * *")
async def requeue_lost(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """No e-mail waits for ever because its job was lost."""
    async with db.transaction() as session:
        found = await service.requeue_lost(session)
    if found:
        logger.warning("e-mails without a job are sent after all", extra={"count": found})
