-- Parameters: bench.students, the number of students afterwards; bench.learners, up to which number they have courses;
-- bench.password_hash, of everybody.
CREATE OR REPLACE FUNCTION pg_temp.key(kind int, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
  $$ SELECT ('01900000-0000-7000-800' || kind::text || '-' || lpad(number::text, 12, '0'))::uuid $$;
CREATE OR REPLACE FUNCTION pg_temp.name_part(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT chr((97 + number % 100 / 10)::int) || 'o' || chr((97 + number % 10)::int) || 'ra' $$;
-- Of 20 sections 8 on average; the last of every eight numbers is a completed course.
CREATE OR REPLACE FUNCTION pg_temp.done(assignment bigint) RETURNS int LANGUAGE sql IMMUTABLE AS
  $$ SELECT (ARRAY[0, 2, 4, 8, 8, 10, 12, 20])[1 + (assignment * 5 + assignment / 8) % 8] $$;

-- Who was enrolled by a measurement goes, so that numbers have no gaps; nothing refers to them that is measured.
DELETE FROM accounts WHERE user_id IN (SELECT id FROM users WHERE id::text NOT LIKE '01900000-0000-7000-8000-%');
DELETE FROM users WHERE id::text NOT LIKE '01900000-0000-7000-8000-%';

CREATE TEMP TABLE fresh AS
  SELECT n, pg_temp.key(0, n) AS id FROM generate_series(
    (SELECT count(*) FROM users WHERE student_code IS NOT NULL) + 1, current_setting('bench.students')::bigint) AS n;

INSERT INTO users (id, account_id, email, email_norm, first_name, last_name, role, status)
  SELECT pg_temp.key(0, 0), pg_temp.key(1, 0)::text, 'bench-admin@example.org', 'bench-admin@example.org',
    'Bench', 'Administrator', 'admin', 'active'
  ON CONFLICT DO NOTHING;
INSERT INTO users (id, account_id, email, email_norm, first_name, last_name, role, status, student_code, created_at)
  SELECT id, pg_temp.key(1, n)::text, 'student' || n || '@example.org', 'student' || n || '@example.org',
    'Student', initcap(pg_temp.name_part(n)) || n / 100, 'student', 'active', 'STU' || lpad(n::text, greatest(3, length(n::text)), '0'),
    timestamptz '2026-01-01' + n * interval '1 second'
  FROM fresh;
SELECT setval('student_codes', current_setting('bench.students')::bigint);
INSERT INTO accounts (id, user_id, email, email_norm, first_name, last_name, role, password_hash)
  SELECT account_id::uuid, id, email, email_norm, first_name, last_name, role, current_setting('bench.password_hash')
  FROM users WHERE id IN (SELECT id FROM fresh UNION ALL SELECT pg_temp.key(0, 0))
  ON CONFLICT DO NOTHING;

INSERT INTO courses (id, course_code, title, description, category, template_type, difficulty, estimated_duration,
    status, section_count, outline, published_at, published_by, created_by)
  SELECT pg_temp.key(2, c), 'C' || lpad((c + 1)::text, 3, '0'), 'Course number ' || c + 1,
    'What people learn in this course, said in a sentence or two of the usual length, as a catalogue has it.',
    'IT', 'text-only', 'beginner', 8, 'published', 20, 20, now(), pg_temp.key(0, 0), pg_temp.key(0, 0)
  FROM generate_series(0, 199) AS c
  ON CONFLICT DO NOTHING;
INSERT INTO course_sections (id, course_id, title, content, order_index, duration)
  SELECT pg_temp.key(3, c * 20 + place), pg_temp.key(2, c), 'Section ' || place,
    '<p>' || repeat('A lesson of a few hundred words. ', 60) || '</p>', place, 10
  FROM generate_series(0, 199) AS c, generate_series(1, 20) AS place
  ON CONFLICT (id) DO NOTHING;
SELECT setval('course_codes', 200);

INSERT INTO batches (id, batch_code, name, start_date, end_date, timezone, created_by)
  SELECT pg_temp.key(4, b), 'B' || lpad((b + 1)::text, 3, '0'), 'Batch ' || b + 1, '2026-01-01', '2099-12-31', 'UTC', pg_temp.key(0, 0)
  FROM generate_series(0, 199) AS b
  ON CONFLICT DO NOTHING;
SELECT setval('batch_codes', 200);
INSERT INTO batch_courses (batch_id, course_id)
  SELECT pg_temp.key(4, b), pg_temp.key(2, (b + k * 25) % 200) FROM generate_series(0, 199) AS b, generate_series(0, 7) AS k
  ON CONFLICT DO NOTHING;
INSERT INTO student_batches (batch_id, student_id) SELECT pg_temp.key(4, n % 200), id FROM fresh;
UPDATE batches SET seats_taken = taken.seats
  FROM (SELECT batch_id, count(*) AS seats FROM student_batches GROUP BY batch_id) AS taken WHERE taken.batch_id = batches.id;

CREATE TEMP TABLE given AS
  SELECT a, pg_temp.key(5, a) AS id, id AS student_id, n % 200 AS batch, (n % 200 + k * 25) % 200 AS course, pg_temp.done(a) AS done
  FROM fresh, generate_series(0, 7) AS k, LATERAL (SELECT n * 8 + k AS a) AS numbered
  WHERE n <= current_setting('bench.learners')::bigint;
INSERT INTO course_assignments (id, course_id, student_id, assigned_at, announced_at)
  SELECT id, pg_temp.key(2, course), student_id, timestamptz '2026-01-02' + a * interval '1 second', now() FROM given;
INSERT INTO assignment_sources (id, assignment_id, batch_id)
  SELECT pg_temp.key(6, a), id, pg_temp.key(4, batch) FROM given;
INSERT INTO course_progress (assignment_id, completed_sections, outline, time_spent_seconds, last_section_id, last_seen_at, completed_at)
  SELECT id, done, 20, done * 300, pg_temp.key(3, course * 20 + done), timestamptz '2026-02-01', CASE WHEN done = 20 THEN timestamptz '2026-02-01' END
  FROM given WHERE done > 0;
INSERT INTO section_progress (assignment_id, section_id, first_seen_at, last_seen_at, completed_at, time_spent_seconds)
  SELECT id, pg_temp.key(3, course * 20 + place), '2026-02-01', '2026-02-01', '2026-02-01', 300
  FROM given, LATERAL generate_series(1, done) AS place;
DROP TABLE fresh, given;
