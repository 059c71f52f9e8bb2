"""What keeps a restored copy from sending e-mails: what was queued is kept to be read, and its jobs go."""

SILENCE = (
    "UPDATE emails SET status = 'outbox', leased_until = NULL WHERE status = 'queued'",
    "DELETE FROM procrastinate_jobs WHERE task_name IN ('notifications.send', 'notifications.deliver')",
)
"""SQL for the transaction that loads a backup; the original sends these, or has sent them since."""
