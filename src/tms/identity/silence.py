"""What keeps a restored copy from welcoming people and from sending them passwords."""

SILENCE = (
    # Whose welcome was not written yet gets none.
    """
    UPDATE provisionings SET welcome = NULL
    WHERE NOT EXISTS (
        SELECT FROM emails WHERE emails.user_id = provisionings.user_id AND emails.template = 'welcome'
    )
    """,
    # A new password that the provider was not given yet would be told by e-mail: a fresh one can be made any time.
    """
    UPDATE temporary_passwords SET ended_at = tms_now() FROM users
    WHERE users.id = temporary_passwords.user_id AND users.status = 'active'
    AND temporary_passwords.ended_at IS NULL
    AND temporary_passwords.applied_epoch < temporary_passwords.epoch
    """,
    "DELETE FROM procrastinate_jobs WHERE task_name = 'identity.apply_password'",
)
"""SQL for the transaction that loads a backup. Accounts that are still to be made are made, without a word."""
