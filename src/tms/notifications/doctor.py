from tms.operations.doctor import Check

CHECKS = [
    Check(
        "emails_without_job",
        "An e-mail that has waited for an hour has a job that will send it.",
        """
        SELECT e.id::text FROM emails e
        WHERE e.status = 'queued' AND e.created_at < tms_now() - interval '1 hour'
          AND (e.leased_until IS NULL OR e.leased_until < tms_now())
          AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = 'notifications.deliver'
                          AND j.status IN ('todo', 'doing') AND j.args ->> 'email_id' = e.id::text)
        """,
    ),
    Check(
        "emails_leased_too_long",
        "Nobody holds an e-mail for longer than a lease, and only one that is to be sent.",
        """
        SELECT id::text FROM emails
        WHERE leased_until > tms_now() + interval '10 minutes' OR (leased_until IS NOT NULL AND status <> 'queued')
        """,
    ),
    Check(
        "welcome_missing",
        "Who was enrolled with a welcome has one, an hour after the account was made, or a job that will make it.",
        """
        SELECT p.user_id::text FROM provisionings p JOIN users u ON u.id = p.user_id
        WHERE u.status = 'active' AND p.welcome IS NOT NULL AND p.done_at < tms_now() - interval '1 hour'
          AND NOT EXISTS (SELECT FROM emails e WHERE e.user_id = p.user_id AND e.template = 'welcome')
          AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = 'notifications.send'
                          AND j.status IN ('todo', 'doing') AND j.args ->> 'user_id' = p.user_id::text)
        """,
    ),
]
