"""Promises about people, whichever identity provider signs them in."""

from collections.abc import AsyncIterator

from tms.identity import reconciling
from tms.operations import doctor
from tms.operations.doctor import Check


async def _differences() -> AsyncIterator[str]:
    async for found in reconciling.compare():
        yield str(found)


CHECKS = [
    doctor.codes(
        "identity.codes", table="users", column="student_code", prefix="STU", sequence="student_codes"
    ),
    Check(
        "identity.an_administrator",
        "Once there are users, at least one administrator is active.",
        """
        SELECT 'no administrator is active' WHERE EXISTS (SELECT FROM users WHERE status <> 'provisioning')
          AND NOT EXISTS (SELECT FROM users WHERE role = 'admin' AND status = 'active')
        """,
        "Run `tms recover-administrator`.",
    ),
    Check(
        "identity.provisioning_is_open",
        "Whoever waits for an account has one open provisioning, and nobody else has.",
        """
        SELECT u.id::text FROM users u LEFT JOIN provisionings p ON p.user_id = u.id
        WHERE (u.status = 'provisioning' AND (p.user_id IS NULL OR p.done_at IS NOT NULL))
           OR (u.status IN ('active', 'identity_conflict') AND p.user_id IS NOT NULL AND p.done_at IS NULL)
        """,
        "Disable and enable these people (POST /users/{id}/disable and /enable), then report it.",
    ),
    Check(
        "identity.provisioning_goes_on",
        "A provisioning that is open for five minutes has a job, somebody at work, or the reason why it failed.",
        """
        SELECT p.user_id::text FROM provisionings p JOIN users u ON u.id = p.user_id
        WHERE p.done_at IS NULL AND u.status = 'provisioning' AND p.last_error IS NULL
          AND p.created_at < now() - interval '5 minutes' AND u.updated_at < now() - interval '5 minutes'
          AND (p.leased_until IS NULL OR p.leased_until < now())
          AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = 'identity.provision'
                          AND j.status IN ('todo', 'doing') AND j.args ->> 'user_id' = p.user_id::text)
        """,
        "Try again by POST /users/{id}/retry-provisioning; for the first administrator run `tms migrate`.",
    ),
    Check(
        "identity.leases",
        "Nobody holds a provisioning for longer than a lease, and none that is done.",
        """
        SELECT user_id::text FROM provisionings
        WHERE leased_until > now() + interval '10 minutes' OR (leased_until IS NOT NULL AND done_at IS NOT NULL)
        """,
    ),
    Check(
        "identity.temporary_passwords",
        "No temporary password is counted as given before it was made.",
        "SELECT user_id::text FROM temporary_passwords WHERE epoch < 1 OR applied_epoch NOT BETWEEN 0 AND epoch",
    ),
    Check(
        "identity.temporary_passwords_given",
        "A temporary password that is shown works: the identity provider has it, or a job will give it.",
        """
        SELECT t.user_id::text FROM temporary_passwords t JOIN users u ON u.id = t.user_id
        WHERE u.status = 'active' AND t.ended_at IS NULL AND t.expires_at > tms_now()
          AND t.applied_epoch < t.epoch
          AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = 'identity.apply_password'
                          AND j.status IN ('todo', 'doing') AND j.args ->> 'user_id' = t.user_id::text)
        """,
        "Give these people new passwords (POST /users/{id}/reset-password).",
    ),
    Check(
        "identity.temporary_passwords_end",
        "A temporary password ends within an hour of its expiry.",
        """
        SELECT user_id::text FROM temporary_passwords
        WHERE ended_at IS NULL AND expires_at < tms_now() - interval '1 hour'
        """,
        doctor.WORKER,
    ),
    Check(
        "identity.both_sides_agree",
        "Each user has one account at the sign-in server, which is what the user is, and no account of ours lacks its user.",
        _differences,
        "Run `tms reconcile`, which repairs what it can and says what is left to decide.",
    ),
]
