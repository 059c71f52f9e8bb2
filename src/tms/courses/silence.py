"""What keeps a restored copy from telling students of courses once more."""

SILENCE = (
    """
    UPDATE course_assignments SET announced_at = tms_now() FROM courses
    WHERE courses.id = course_assignments.course_id AND courses.status = 'published'
    AND course_assignments.announced_at IS NULL AND course_assignments.closed_at IS NULL
    """,
    "DELETE FROM procrastinate_jobs WHERE task_name = 'courses.announce'",
)
"""SQL for the transaction that loads a backup. Drafts are announced when the copy publishes them."""
