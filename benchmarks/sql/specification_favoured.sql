-- Indexes on foreign keys, which its models do not declare: without them each request reads a table of a million rows.
CREATE INDEX ON specification.course_sections (course_id);
CREATE INDEX ON specification.student_batches (student_id);
CREATE INDEX ON specification.course_assignments (student_id);
CREATE INDEX ON specification.student_progress (student_id, section_id);
