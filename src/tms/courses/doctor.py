"""Promises about courses and assignments; each query selects the ids of what breaks one."""

from tms.operations import doctor
from tms.operations.doctor import Check

CHECKS = [
    doctor.codes("courses.codes", table="courses", column="course_code", prefix="C", sequence="course_codes"),
    Check(
        "courses.published_have_sections",
        "A published course has at least one live section.",
        """
        SELECT c.id::text FROM courses c WHERE c.status = 'published' AND NOT EXISTS (
            SELECT FROM course_sections s WHERE s.course_id = c.id AND s.archived_at IS NULL)
        """,
    ),
    Check(
        "courses.section_count",
        "The kept number of sections is the number of live ones.",
        """
        SELECT c.id::text FROM courses c
        LEFT JOIN course_sections s ON s.course_id = c.id AND s.archived_at IS NULL
        GROUP BY c.id HAVING c.section_count <> count(s.id)
        """,
    ),
    Check(
        "courses.section_places",
        "The places of a course's live sections are 1, 2, 3 and so on without gaps.",
        """
        SELECT s.course_id::text FROM course_sections s WHERE s.archived_at IS NULL GROUP BY s.course_id
        HAVING min(s.order_index) <> 1 OR max(s.order_index) <> count(*)
            OR count(DISTINCT s.order_index) <> count(*)
        """,
    ),
    Check(
        "courses.archived_since",
        "An archived course, and only such a one, says since when.",
        "SELECT id::text FROM courses WHERE (status = 'archived') <> (archived_at IS NOT NULL)",
    ),
    Check(
        "courses.trainers_are_staff",
        "Whoever is named on a course is, or was, a trainer or an administrator.",
        """
        SELECT t.course_id::text FROM course_trainers t JOIN users u ON u.id = t.user_id
        WHERE u.role = 'student' AND u.status = 'active' AND NOT EXISTS (
            SELECT FROM audit_log l WHERE l.object_id = u.id AND l.action = 'user.changed'
            AND l.changes #>> '{role,0}' IN ('trainer', 'admin'))
        """,
        "Take these people off the course (DELETE /courses/{id}/trainers/{userId}).",
    ),
    Check(
        "courses.assignment_sources",
        "An open assignment has a source, a closed one has none.",
        """
        SELECT a.id::text FROM course_assignments a WHERE (a.closed_at IS NULL) <> EXISTS (
            SELECT FROM assignment_sources s WHERE s.assignment_id = a.id)
        """,
    ),
    Check(
        "courses.assignment_due_dates",
        "The date that holds for an open assignment is its extension, or else the earliest of its sources.",
        """
        SELECT a.id::text FROM course_assignments a WHERE a.closed_at IS NULL AND a.due_at IS DISTINCT FROM
            COALESCE(a.extended_to, (SELECT min(s.due_at) FROM assignment_sources s WHERE s.assignment_id = a.id))
        """,
    ),
    Check(
        "courses.assignment_extensions",
        "An extension says who granted it; where there is none, nobody did.",
        """
        SELECT id::text FROM course_assignments
        WHERE (extended_to IS NULL) <> (extended_by IS NULL)
        """,
    ),
]
