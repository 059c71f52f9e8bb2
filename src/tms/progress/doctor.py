"""What must be so of the kept counters: a naive recount finds the same."""

from tms.operations.doctor import Check

_RECOUNT = """
    SELECT p.*, c.outline AS course_outline, c.section_count, c.status AS course_status, a.closed_at,
        (SELECT count(*) FROM section_progress d JOIN course_sections s ON s.id = d.section_id
         WHERE d.assignment_id = p.assignment_id AND d.completed_at IS NOT NULL AND s.archived_at IS NULL) AS done,
        (SELECT coalesce(sum(d.time_spent_seconds), 0) FROM section_progress d
         WHERE d.assignment_id = p.assignment_id) AS time_spent
    FROM course_progress p
    JOIN course_assignments a ON a.id = p.assignment_id
    JOIN courses c ON c.id = a.course_id
"""

CHECKS = [
    Check(
        "progress.counters",
        "A counter that is as old as its course's outline is the number of live sections done, and none is newer.",
        f"SELECT assignment_id::text FROM ({_RECOUNT}) r "  # noqa: S608 - made of constants of this file
        "WHERE outline = course_outline AND completed_sections <> done OR outline > course_outline",
    ),
    Check(
        "progress.completed",
        "Who has done every live section of a course that they have has completed it.",
        f"SELECT assignment_id::text FROM ({_RECOUNT}) r "  # noqa: S608 - made of constants of this file
        "WHERE outline = course_outline AND closed_at IS NULL AND course_status <> 'draft' "
        "AND section_count > 0 AND done >= section_count AND completed_at IS NULL",
    ),
    Check(
        "progress.completed_by_something",
        "Nobody has completed a course of which they never did a section.",
        """
        SELECT p.assignment_id::text FROM course_progress p WHERE p.completed_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM section_progress d WHERE d.assignment_id = p.assignment_id AND d.completed_at IS NOT NULL)
        """,
    ),
    Check(
        "progress.time",
        "The time spent in a course is that of its sections together, never less than none.",
        f"SELECT assignment_id::text FROM ({_RECOUNT}) r "  # noqa: S608 - made of constants of this file
        "WHERE time_spent_seconds <> time_spent OR time_spent_seconds < 0",
    ),
    Check(
        "progress.sections",
        "What a learner did belongs to a section of the course assigned, and the course knows of it.",
        """
        SELECT d.assignment_id::text FROM section_progress d
        JOIN course_assignments a ON a.id = d.assignment_id
        JOIN course_sections s ON s.id = d.section_id
        LEFT JOIN course_progress p ON p.assignment_id = d.assignment_id
        WHERE s.course_id <> a.course_id OR p.assignment_id IS NULL
        """,
    ),
]
