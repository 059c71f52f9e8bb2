"""Promises about e-mail."""

from tms.operations.doctor import LIKE_A_PASSWORD, Check

CHECKS = [
    Check(
        "notifications.queued_have_jobs",
        "An e-mail that has waited for an hour has a job that will send it.",
        """
        SELECT e.id::text FROM emails e
        WHERE e.status = 'queued' AND e.created_at < tms_now() - interval '1 hour'
          AND (e.leased_until IS NULL OR e.leased_until < tms_now())
          AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = 'notifications.deliver'
                          AND j.status IN ('todo', 'doing') AND j.args ->> 'email_id' = e.id::text)
        """,
        "Send these again (POST /emails/{id}/retry).",
    ),
    Check(
        "notifications.leases",
        "Nobody holds an e-mail for longer than a lease, and only one that is to be sent.",
        """
        SELECT id::text FROM emails
        WHERE leased_until > tms_now() + interval '10 minutes' OR (leased_until IS NOT NULL AND status <> 'queued')
        """,
    ),
    Check(
        "notifications.welcomes",
        "Who was enrolled with a welcome has one, an hour after the account was made, or a job that will make it.",
        """
        SELECT p.user_id::text FROM provisionings p JOIN users u ON u.id = p.user_id
        WHERE u.status = 'active' AND p.welcome IS NOT NULL AND p.done_at < tms_now() - interval '1 hour'
          AND NOT EXISTS (SELECT FROM emails e WHERE e.user_id = p.user_id AND e.template = 'welcome')
          AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = 'notifications.send'
                          AND j.status IN ('todo', 'doing') AND j.args ->> 'user_id' = p.user_id::text)
        """,
        "Give these people new passwords (POST /users/{id}/reset-password), which are told by e-mail.",
    ),
    Check(
        "notifications.none_to_disabled",
        "Nobody who is disabled gets an e-mail after that.",
        """
        SELECT e.id::text FROM emails e JOIN users u ON u.id = e.user_id
        WHERE u.status = 'disabled' AND e.sent_at > interval '1 minute' + (
            SELECT max(a.at) FROM audit_log a
            WHERE a.object_type = 'user' AND a.object_id = u.id AND a.action = 'user.disabled')
        """,
    ),
    Check(
        "notifications.no_passwords_kept",
        "No e-mail is kept with a temporary password: it is made when the text is.",
        f"""
        SELECT id::text FROM emails WHERE concat(subject, context::text) ~ '{LIKE_A_PASSWORD}'
        """,  # noqa: S608 - made of constants
        "Give these people new passwords (POST /users/{id}/reset-password), then report it.",
    ),
]
