"""What was learnt."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "course_progress",
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("completed_sections", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outline", sa.Integer(), nullable=False),
        sa.Column("time_spent_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_section_id", sa.Uuid(), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("completed_sections >= 0", name=op.f("ck_course_progress_completed_sections")),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignments.id"],
            name=op.f("fk_course_progress_assignment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["last_section_id"], ["course_sections.id"], name=op.f("fk_course_progress_last_section_id")
        ),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_course_progress")),
    )
    op.create_index(
        op.f("ix_course_progress_last_section_id"), "course_progress", ["last_section_id"], unique=False
    )
    op.create_table(
        "section_progress",
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("section_id", sa.Uuid(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("time_spent_seconds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("position_seconds", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("position_seconds >= 0", name=op.f("ck_section_progress_position_seconds")),
        sa.CheckConstraint("time_spent_seconds >= 0", name=op.f("ck_section_progress_time_spent_seconds")),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignments.id"],
            name=op.f("fk_section_progress_assignment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["section_id"], ["course_sections.id"], name=op.f("fk_section_progress_section_id")
        ),
        sa.PrimaryKeyConstraint("assignment_id", "section_id", name=op.f("pk_section_progress")),
    )
    op.create_index("ix_section_progress_section_id", "section_progress", ["section_id"], unique=False)


def downgrade() -> None:
    op.drop_table("section_progress")
    op.drop_table("course_progress")
