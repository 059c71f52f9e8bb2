"""The same bytes are kept once: rows name a stored file, and share it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# What a failed upload had is of no use to anybody. Of several files with the same bytes the oldest is kept; the sweep
# removes the others, which no row knows any more.
KEPT = """
    INSERT INTO stored_files (key, sha256, size)
    SELECT DISTINCT ON (sha256) storage_key, sha256, size
    FROM (
        SELECT storage_key, sha256, size, created_at FROM uploads WHERE status <> 'failed'
        UNION ALL SELECT storage_key, sha256, size, created_at FROM media
    ) AS named
    ORDER BY sha256, created_at, storage_key
"""


def upgrade() -> None:
    op.create_table(
        "stored_files",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("unnamed_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("condemned_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_stored_files")),
    )
    op.execute(KEPT)
    op.create_index(
        "uq_stored_files_sha256",
        "stored_files",
        ["sha256"],
        unique=True,
        postgresql_where=sa.text("condemned_at IS NULL"),
    )
    op.create_index(
        "ix_stored_files_unnamed_since",
        "stored_files",
        ["unnamed_since"],
        postgresql_where=sa.text("unnamed_since IS NOT NULL"),
    )
    op.create_index(
        "ix_stored_files_condemned_at",
        "stored_files",
        ["condemned_at"],
        postgresql_where=sa.text("condemned_at IS NOT NULL"),
    )
    op.drop_constraint(op.f("uq_media_storage_key"), "media", type_="unique")
    op.alter_column("uploads", "storage_key", nullable=True)
    for table in ("uploads", "media"):
        op.execute(
            f"UPDATE {table} SET storage_key = stored_files.key FROM stored_files"
            f" WHERE stored_files.sha256 = {table}.sha256 AND stored_files.key <> {table}.storage_key"
        )
    op.execute("UPDATE uploads SET storage_key = NULL WHERE status = 'failed'")
    op.create_index("ix_uploads_storage_key", "uploads", ["storage_key"])
    op.create_index("ix_media_storage_key", "media", ["storage_key"])
    op.create_check_constraint(
        op.f("ck_uploads_kept_unless_failed"), "uploads", "storage_key IS NOT NULL OR status = 'failed'"
    )
    op.create_foreign_key(
        op.f("fk_uploads_storage_key"),
        "uploads",
        "stored_files",
        ["storage_key"],
        ["key"],
        ondelete="SET NULL",
    )
    op.create_foreign_key(op.f("fk_media_storage_key"), "media", "stored_files", ["storage_key"], ["key"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_media_storage_key"), "media", type_="foreignkey")
    op.drop_constraint(op.f("fk_uploads_storage_key"), "uploads", type_="foreignkey")
    op.drop_constraint(op.f("ck_uploads_kept_unless_failed"), "uploads", type_="check")
    op.drop_index("ix_media_storage_key", "media")
    op.drop_index("ix_uploads_storage_key", "uploads")
    # Rows that share a file go on sharing it; the earlier version only required that no two pictures do.
    op.execute("UPDATE uploads SET storage_key = 'originals/' || id WHERE storage_key IS NULL")
    op.alter_column("uploads", "storage_key", nullable=False)
    op.drop_table("stored_files")
