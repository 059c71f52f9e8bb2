"""Promises about the sessions of people who use the pages."""

from tms.operations.doctor import WORKER, Check

CHECKS = [
    Check(
        "web.disabled_are_turned_away",
        "Nobody who is disabled is seen at the pages after that.",
        """
        SELECT DISTINCT u.id::text FROM page_sessions s JOIN users u ON u.id = s.user_id
        WHERE u.status = 'disabled' AND s.last_seen_at > interval '1 minute' + (
            SELECT max(a.at) FROM audit_log a
            WHERE a.object_type = 'user' AND a.object_id = u.id AND a.action = 'user.disabled')
        """,
    ),
    Check(
        "web.sessions_are_forgotten",
        "Sessions that have long been over are removed.",
        """
        SELECT user_id::text FROM page_sessions WHERE last_seen_at < tms_now() - interval '10 days'
        """,
        WORKER,
    ),
]
