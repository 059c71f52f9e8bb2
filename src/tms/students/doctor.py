"""Promises about those who were erased."""

from tms.operations.doctor import WORKER, Check

CHECKS = [
    Check(
        "students.erased_are_nobody",
        "Of somebody who was erased no name, address, phone number, code, account or e-mail is left.",
        """
        SELECT e.user_id::text FROM erasures e JOIN users u ON u.id = e.user_id
        WHERE e.done_at IS NOT NULL AND (
            u.status <> 'erased' OR u.first_name <> 'Erased' OR u.last_name <> 'person' OR u.phone IS NOT NULL
            OR u.student_code IS NOT NULL OR u.account_id IS NOT NULL OR u.email NOT LIKE 'erased-%@erased.invalid'
            OR EXISTS (SELECT FROM accounts a WHERE a.user_id = u.id)
            OR EXISTS (SELECT FROM emails m WHERE m.user_id = u.id)
        )
        """,
    ),
    Check(
        "students.erasures_end",
        "An erasure comes to its end within a day.",
        "SELECT user_id::text FROM erasures WHERE done_at IS NULL AND requested_at < tms_now() - interval '1 day'",
        remedy=WORKER,
    ),
]
