"""What a restored copy does with the jobs that were at work in its original: it begins them anew."""

SILENCE = (
    # One that still waits under the same name does the same; two may not wait.
    """
    DELETE FROM procrastinate_jobs AS working USING procrastinate_jobs AS waiting
    WHERE working.status = 'doing' AND waiting.status = 'todo' AND waiting.queueing_lock = working.queueing_lock
    """,
    """
    UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, abort_requested = false
    WHERE status = 'doing'
    """,
    "DELETE FROM procrastinate_workers",
)
"""SQL for the transaction that loads a backup."""
