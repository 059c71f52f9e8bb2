-- The tables of the specification's models. `student_progress` it only imports; its columns are those that it reads.
DROP SCHEMA IF EXISTS specification CASCADE;
CREATE SCHEMA specification;
SET search_path = specification;
CREATE TYPE userrole AS ENUM ('ADMIN', 'STUDENT');
CREATE TYPE templatetype AS ENUM ('VIDEO_ONLY', 'TEXT_VIDEO', 'TEXT_IMAGE', 'TEXT_ONLY');
CREATE TYPE coursestatus AS ENUM ('DRAFT', 'PUBLISHED', 'ARCHIVED');
CREATE TABLE users (
  id uuid PRIMARY KEY, keycloak_id varchar(255) NOT NULL UNIQUE, email varchar(255) NOT NULL UNIQUE,
  first_name varchar(100) NOT NULL, last_name varchar(100) NOT NULL, role userrole NOT NULL, phone varchar(20),
  created_at timestamptz DEFAULT now(), updated_at timestamptz);
CREATE TABLE courses (
  id uuid PRIMARY KEY, course_code varchar(50) NOT NULL UNIQUE, title varchar(255) NOT NULL, description text,
  category varchar(100), template_type templatetype NOT NULL, difficulty varchar(50), estimated_duration int,
  status coursestatus, created_by uuid REFERENCES users, created_at timestamptz DEFAULT now(), updated_at timestamptz);
CREATE TABLE course_sections (
  id uuid PRIMARY KEY, course_id uuid NOT NULL REFERENCES courses, title varchar(255) NOT NULL, content text,
  video_url varchar(500), image_url varchar(500), order_index int NOT NULL, duration int, created_at timestamptz DEFAULT now());
CREATE TABLE batches (id uuid PRIMARY KEY, batch_code varchar(50) NOT NULL UNIQUE, name varchar(255) NOT NULL);
CREATE TABLE student_batches (id uuid PRIMARY KEY, student_id uuid NOT NULL, batch_id uuid NOT NULL);
CREATE TABLE course_assignments (
  id uuid PRIMARY KEY, course_id uuid NOT NULL, student_id uuid NOT NULL, assigned_at timestamptz DEFAULT now(), due_date timestamptz);
CREATE TABLE student_progress (
  id uuid PRIMARY KEY, student_id uuid NOT NULL, section_id uuid NOT NULL, completed boolean, completed_at timestamptz);

INSERT INTO users SELECT id, account_id, email, first_name, last_name, upper(role)::userrole, phone, created_at, updated_at
  FROM public.users WHERE role IN ('admin', 'student');
INSERT INTO courses SELECT id, course_code, title, description, category, 'TEXT_ONLY', difficulty, estimated_duration, 'PUBLISHED', created_by
  FROM public.courses;
INSERT INTO course_sections SELECT id, course_id, title, content, video_url, image_url, order_index, duration, created_at
  FROM public.course_sections;
INSERT INTO batches SELECT id, batch_code, name FROM public.batches;
INSERT INTO student_batches SELECT gen_random_uuid(), student_id, batch_id FROM public.student_batches;
INSERT INTO course_assignments SELECT id, course_id, student_id, assigned_at, due_at FROM public.course_assignments;
INSERT INTO student_progress SELECT gen_random_uuid(), a.student_id, p.section_id, true, p.completed_at
  FROM public.section_progress AS p JOIN public.course_assignments AS a ON a.id = p.assignment_id;
RESET search_path;
