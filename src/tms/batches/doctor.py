"""Promises about batches that `tms doctor` examines."""

from tms.operations import doctor
from tms.operations.doctor import Check

CHECKS = [
    doctor.codes("batches.codes", table="batches", column="batch_code", prefix="B", sequence="batch_codes"),
    Check(
        "batches.seats",
        "As many seats are counted as are taken, and no more than the batch has.",
        """
        SELECT batches.id::text FROM batches
        LEFT JOIN (SELECT batch_id, count(*) AS members FROM student_batches GROUP BY batch_id) AS seated
          ON seated.batch_id = batches.id
        WHERE batches.seats_taken <> coalesce(seated.members, 0) OR batches.seats_taken > batches.capacity
        """,
    ),
    Check(
        "batches.courses_of_members",
        "Everybody in a batch has all of its courses, with the batch's due date.",
        """
        SELECT student_batches.batch_id || ' ' || student_batches.student_id || ' ' || batch_courses.course_id
        FROM student_batches
        JOIN batches ON batches.id = student_batches.batch_id AND batches.status = 'active'
        JOIN batch_courses ON batch_courses.batch_id = batches.id
        JOIN courses ON courses.id = batch_courses.course_id AND courses.status <> 'archived'
        LEFT JOIN (
          course_assignments JOIN assignment_sources ON assignment_sources.assignment_id = course_assignments.id
        ) ON course_assignments.student_id = student_batches.student_id
          AND course_assignments.course_id = batch_courses.course_id
          AND assignment_sources.batch_id = student_batches.batch_id
        WHERE assignment_sources.id IS NULL
          OR assignment_sources.due_at IS DISTINCT FROM batch_courses.due_at
        """,
    ),
    Check(
        "batches.sources_without_reason",
        "Nobody has a course because of a batch that they are not in, that has not got it, or that was cancelled.",
        """
        SELECT assignment_sources.id::text
        FROM assignment_sources
        JOIN course_assignments ON course_assignments.id = assignment_sources.assignment_id
        LEFT JOIN (
          student_batches
          JOIN batches ON batches.id = student_batches.batch_id AND batches.status = 'active'
          JOIN batch_courses ON batch_courses.batch_id = batches.id
        ) ON student_batches.batch_id = assignment_sources.batch_id
          AND student_batches.student_id = course_assignments.student_id
          AND batch_courses.course_id = course_assignments.course_id
        WHERE assignment_sources.batch_id IS NOT NULL AND student_batches.batch_id IS NULL
        """,
    ),
]
