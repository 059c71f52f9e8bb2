"""Courses, their sections and trainers, and who must take them by when."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("course_codes")))
    op.create_table(
        "courses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("course_code", sa.String(length=50), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("category", sa.String(length=100), nullable=True),
        sa.Column("template_type", sa.String(length=20), nullable=False),
        sa.Column("difficulty", sa.String(length=50), nullable=True),
        sa.Column("estimated_duration", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=20), server_default="draft", nullable=False),
        sa.Column("section_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outline", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status <> 'published' OR section_count > 0", name=op.f("ck_courses_published_has_sections")
        ),
        sa.CheckConstraint(
            "status <> 'draft' OR published_at IS NULL", name=op.f("ck_courses_draft_was_never_published")
        ),
        sa.CheckConstraint(
            "status <> 'published' OR published_at IS NOT NULL", name=op.f("ck_courses_published_since")
        ),
        sa.CheckConstraint("status IN ('draft', 'published', 'archived')", name=op.f("ck_courses_status")),
        sa.CheckConstraint(
            "template_type IN ('video-only', 'text-video', 'text-image', 'text-only')",
            name=op.f("ck_courses_template_type"),
        ),
        sa.CheckConstraint("estimated_duration >= 0", name=op.f("ck_courses_estimated_duration")),
        sa.CheckConstraint("section_count >= 0", name=op.f("ck_courses_section_count")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_courses_created_by")),
        sa.ForeignKeyConstraint(["published_by"], ["users.id"], name=op.f("fk_courses_published_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courses")),
        sa.UniqueConstraint("course_code", name=op.f("uq_courses_course_code")),
    )
    op.create_index("ix_courses_created_at_id", "courses", ["created_at", "id"], unique=False)
    op.create_index("ix_courses_created_by", "courses", ["created_by"], unique=False)
    op.create_index("ix_courses_published_by", "courses", ["published_by"], unique=False)
    op.create_index("ix_courses_title_id", "courses", [sa.text("lower(title)"), "id"], unique=False)
    op.create_table(
        "course_assignments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("student_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("assigned_by", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extended_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extension_reason", sa.String(length=500), nullable=True),
        sa.Column("extended_by", sa.Uuid(), nullable=True),
        sa.Column("waived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["assigned_by"], ["users.id"], name=op.f("fk_course_assignments_assigned_by")
        ),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_course_assignments_course_id")),
        sa.ForeignKeyConstraint(
            ["extended_by"], ["users.id"], name=op.f("fk_course_assignments_extended_by")
        ),
        sa.ForeignKeyConstraint(["student_id"], ["users.id"], name=op.f("fk_course_assignments_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_assignments")),
        sa.UniqueConstraint(
            "student_id", "course_id", name=op.f("uq_course_assignments_student_id_course_id")
        ),
    )
    op.create_index(
        op.f("ix_course_assignments_assigned_by"), "course_assignments", ["assigned_by"], unique=False
    )
    op.create_index("ix_course_assignments_course_id", "course_assignments", ["course_id"], unique=False)
    op.create_index("ix_course_assignments_due_at", "course_assignments", ["due_at", "id"], unique=False)
    op.create_index(
        op.f("ix_course_assignments_extended_by"), "course_assignments", ["extended_by"], unique=False
    )
    op.create_index(
        "ix_course_assignments_unannounced",
        "course_assignments",
        ["student_id"],
        unique=False,
        postgresql_where="announced_at IS NULL AND closed_at IS NULL",
    )
    op.create_table(
        "course_sections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("video_url", sa.String(length=500), nullable=True),
        sa.Column("image_url", sa.String(length=500), nullable=True),
        sa.Column("order_index", sa.Integer(), nullable=True),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("completion", sa.String(length=10), server_default="self", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "completion IN ('viewed', 'self', 'test')", name=op.f("ck_course_sections_completion")
        ),
        sa.CheckConstraint(
            "(archived_at IS NULL) = (order_index IS NOT NULL)",
            name=op.f("ck_course_sections_live_has_place"),
        ),
        sa.CheckConstraint("duration >= 0", name=op.f("ck_course_sections_duration")),
        sa.CheckConstraint("order_index >= 1", name=op.f("ck_course_sections_order_index")),
        sa.ForeignKeyConstraint(
            ["course_id"], ["courses.id"], name=op.f("fk_course_sections_course_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_sections")),
        sa.UniqueConstraint(
            "course_id", "order_index", deferrable=True, initially="DEFERRED", name="uq_course_sections_place"
        ),
    )
    op.create_index(op.f("ix_course_sections_course_id"), "course_sections", ["course_id"], unique=False)
    op.create_table(
        "course_trainers",
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["course_id"], ["courses.id"], name=op.f("fk_course_trainers_course_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_course_trainers_user_id")),
        sa.PrimaryKeyConstraint("course_id", "user_id", name=op.f("pk_course_trainers")),
    )
    op.create_index(op.f("ix_course_trainers_user_id"), "course_trainers", ["user_id"], unique=False)
    op.create_table(
        "assignment_sources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignments.id"],
            name=op.f("fk_assignment_sources_assignment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment_sources")),
        sa.UniqueConstraint(
            "assignment_id",
            "batch_id",
            name="uq_assignment_sources_source",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_assignment_sources_batch_id", "assignment_sources", ["batch_id"], unique=False)


def downgrade() -> None:
    op.drop_table("assignment_sources")
    op.drop_table("course_assignments")
    op.drop_table("course_trainers")
    op.drop_table("course_sections")
    op.drop_table("courses")
    op.execute("DROP SEQUENCE course_codes")
