"""Jobs of identity; each looks at the state it acts on, so that running twice is safe."""

import logging
from uuid import UUID

from tms.identity import provisioning, reconciling, service
from tms.identity.errors import ComparisonCutShortError, IdentityConflictError
from tms.platform import queue

logger = logging.getLogger(__name__)


@queue.job("identity.provision", retry=queue.PATIENT)
async def provision(user_id: str) -> None:
    """Make or adopt the account; a conflict is recorded and is for an administrator to settle.

    While somebody else has the lease the queue comes back to it.
    """
    try:
        await provisioning.step(UUID(user_id))
    except IdentityConflictError:
        return
    await provisioning.check_done(UUID(user_id))


@queue.job("identity.mirror", retry=queue.PATIENT)
async def mirror(user_id: str) -> None:
    """Tell the provider what the user is now."""
    await service.mirror(UUID(user_id))


@queue.job("identity.apply_password", retry=queue.PATIENT)
async def apply_password(user_id: str) -> None:
    """Give the provider a temporary password that it could not be given at once."""
    await service.apply_password(UUID(user_id))


@queue.job("identity.end_expired_passwords", periodic="* * * * *")
async def end_expired_passwords(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """A temporary password stops working at its expiry, within a minute."""
    await service.end_expired_passwords()


@queue.job("identity.resume_provisioning", periodic="*/5 * * * *")
async def resume_provisioning(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Whose job has used up its tries is taken up again, however long the provider was away."""
    await provisioning.resume()


@queue.job("identity.reconcile", periodic="17 * * * *")
async def reconcile(timestamp: int) -> None:  # noqa: ARG001 - the planned time, which periodic jobs are given
    """Once an hour: users and accounts compared, what differs repaired or reported in the log."""
    try:
        await reconciling.reconcile_and_log()
    except ComparisonCutShortError as error:
        logger.warning("users and accounts are compared again in an hour", extra={"reason": error.detail})
