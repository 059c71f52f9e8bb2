"""Outlines that wait to be looked over, new editions of documents, and what each upload made of which section."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATUSES = "'queued', 'processing', 'completed', 'failed', 'replaced'"


def upgrade() -> None:
    op.add_column("uploads", sa.Column("review", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("uploads", sa.Column("replaces_id", sa.Uuid(), nullable=True))
    op.add_column("uploads", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    _constrain(f"{STATUSES}, 'needs_review'", "'queued', 'processing', 'needs_review'")
    op.create_check_constraint(
        op.f("ck_uploads_review_expires"), "uploads", "(status = 'needs_review') = (expires_at IS NOT NULL)"
    )
    op.create_index("ix_uploads_job_id", "uploads", ["job_id"], unique=False)
    op.create_table(
        "upload_lessons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("page_from", sa.Integer(), nullable=True),
        sa.Column("page_to", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("warnings", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_upload_lessons_confidence")),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_upload_lessons_upload_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_lessons")),
        sa.UniqueConstraint("upload_id", "place", name=op.f("uq_upload_lessons_upload_id_place")),
    )
    op.create_table(
        "upload_sections",
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("section_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("path", postgresql.JSONB(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["section_id"],
            ["course_sections.id"],
            name=op.f("fk_upload_sections_section_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_upload_sections_upload_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("upload_id", "section_id", name=op.f("pk_upload_sections")),
    )
    op.create_index("ix_upload_sections_section_id", "upload_sections", ["section_id"], unique=False)
    # What was uploaded is not known any more: no fingerprint, so that the section's version tells of edits.
    op.execute(
        """
        INSERT INTO upload_sections (upload_id, section_id, place, path)
        SELECT uploads.id, sections.id, made.place, jsonb_build_array(sections.title)
        FROM uploads
        CROSS JOIN LATERAL jsonb_array_elements_text(uploads.section_ids) WITH ORDINALITY AS made (section_id, place)
        JOIN course_sections AS sections ON sections.id = made.section_id::uuid
        """
    )
    op.drop_column("uploads", "section_ids")


def downgrade() -> None:
    op.add_column(
        "uploads", sa.Column("section_ids", postgresql.JSONB(), server_default="[]", nullable=False)
    )
    op.execute(
        """
        UPDATE uploads SET section_ids = made.ids FROM (
            SELECT upload_id, jsonb_agg(section_id ORDER BY place) AS ids FROM upload_sections GROUP BY upload_id
        ) AS made WHERE made.upload_id = uploads.id
        """
    )
    op.drop_table("upload_sections")
    op.drop_table("upload_lessons")
    # What waits to be looked over is unknown to the version before; its files are swept.
    op.execute("DELETE FROM uploads WHERE status = 'needs_review'")
    op.drop_index("ix_uploads_job_id", table_name="uploads")
    op.drop_constraint(op.f("ck_uploads_review_expires"), "uploads", type_="check")
    _constrain(STATUSES, "'queued', 'processing'")
    op.drop_column("uploads", "expires_at")
    op.drop_column("uploads", "replaces_id")
    op.drop_column("uploads", "review")


def _constrain(statuses: str, unfinished: str) -> None:
    """The rules on statuses, with these of them."""
    op.drop_constraint(op.f("ck_uploads_status"), "uploads", type_="check")
    op.create_check_constraint(op.f("ck_uploads_status"), "uploads", f"status IN ({statuses})")
    op.drop_constraint(op.f("ck_uploads_finished_has_time"), "uploads", type_="check")
    op.create_check_constraint(
        op.f("ck_uploads_finished_has_time"), "uploads", f"(status IN ({unfinished})) = (finished_at IS NULL)"
    )
    op.drop_index("uq_uploads_course_id_sha256", table_name="uploads")
    op.create_index(
        "uq_uploads_course_id_sha256",
        "uploads",
        ["course_id", "sha256"],
        unique=True,
        postgresql_where=sa.text(f"status IN ({unfinished}, 'completed')"),
    )
