"""Who was erased; an erased student has no code any more."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("requested_by", sa.Uuid, sa.ForeignKey("users.id")),
        sa.Column("requested_at", instant, nullable=False, server_default=sa.func.now()),
        sa.Column("done_at", instant),
    )
    op.create_index("ix_erasures_requested_by", "erasures", ["requested_by"])
    op.create_index(
        "ix_erasures_open", "erasures", ["requested_at"], postgresql_where=sa.text("done_at IS NULL")
    )
    op.drop_constraint("student_has_code", "users", type_="check")
    op.create_check_constraint(
        "student_has_code", "users", "role <> 'student' OR student_code IS NOT NULL OR status = 'erased'"
    )


def downgrade() -> None:
    raise RuntimeError("who was erased cannot be given a code again; restore a backup instead")
