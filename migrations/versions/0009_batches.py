"""Groups of students with dates, seats, trainers and courses."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("batch_codes")))
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("seats_taken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.String(length=20), server_default="active", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('active', 'cancelled')", name=op.f("ck_batches_status")),
        sa.CheckConstraint("capacity >= 1", name=op.f("ck_batches_capacity")),
        sa.CheckConstraint("end_date >= start_date", name=op.f("ck_batches_dates")),
        sa.CheckConstraint(
            "seats_taken >= 0 AND (capacity IS NULL OR seats_taken <= capacity)",
            name=op.f("ck_batches_seats"),
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_batches_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("batch_code", name=op.f("uq_batches_batch_code")),
    )
    op.create_index("ix_batches_created_at_id", "batches", ["created_at", "id"], unique=False)
    op.create_index("ix_batches_created_by", "batches", ["created_by"], unique=False)
    op.create_index("ix_batches_start_date_id", "batches", ["start_date", "id"], unique=False)
    op.create_table(
        "batch_courses",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_courses_batch_id")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_batch_courses_course_id")),
        sa.PrimaryKeyConstraint("batch_id", "course_id", name=op.f("pk_batch_courses")),
    )
    op.create_index(op.f("ix_batch_courses_course_id"), "batch_courses", ["course_id"], unique=False)
    op.create_table(
        "batch_trainers",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_trainers_batch_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_batch_trainers_user_id")),
        sa.PrimaryKeyConstraint("batch_id", "user_id", name=op.f("pk_batch_trainers")),
    )
    op.create_index(op.f("ix_batch_trainers_user_id"), "batch_trainers", ["user_id"], unique=False)
    op.create_table(
        "student_batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("student_id", sa.Uuid(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name=op.f("fk_student_batches_added_by")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_student_batches_batch_id")),
        sa.ForeignKeyConstraint(["student_id"], ["users.id"], name=op.f("fk_student_batches_student_id")),
        sa.PrimaryKeyConstraint("batch_id", "student_id", name=op.f("pk_student_batches")),
    )
    op.create_index(op.f("ix_student_batches_added_by"), "student_batches", ["added_by"], unique=False)
    op.create_index(op.f("ix_student_batches_student_id"), "student_batches", ["student_id"], unique=False)


def downgrade() -> None:
    op.drop_table("batch_courses")
    op.drop_table("batch_trainers")
    op.drop_table("student_batches")
    op.drop_table("batches")
    op.execute("DROP SEQUENCE batch_codes")
