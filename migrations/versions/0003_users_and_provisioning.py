"""People, how far their accounts are, and what temporary passwords are derived from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

now = sa.func.now()
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("student_codes")))
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.String(255), unique=True),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("email_norm", sa.String(255), nullable=False, unique=True),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("last_name", sa.String(100), nullable=False),
        sa.Column("phone", sa.String(20)),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False, server_default="provisioning"),
        sa.Column("student_code", sa.String(20), unique=True),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_by", sa.Uuid, sa.ForeignKey("users.id")),
        sa.Column("created_at", instant, nullable=False, server_default=now),
        sa.Column("updated_at", instant, nullable=False, server_default=now),
        sa.CheckConstraint("role IN ('admin', 'trainer', 'student')", name="role"),
        sa.CheckConstraint(
            "status IN ('provisioning', 'active', 'identity_conflict', 'disabled', 'erased')", name="status"
        ),
        sa.CheckConstraint("role <> 'student' OR student_code IS NOT NULL", name="student_has_code"),
        sa.CheckConstraint("status NOT IN ('active') OR account_id IS NOT NULL", name="active_has_account"),
    )
    op.create_index("ix_users_created_at_id", "users", ["created_at", "id"])
    op.create_index("ix_users_role", "users", ["role"])
    op.create_index(
        "ix_users_name", "users", [sa.text("((last_name::text || ' '::text) || first_name::text)"), "id"]
    )
    op.create_table(
        "provisionings",
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("welcome", JSONB),
        sa.Column("leased_until", instant),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_error", sa.String(100)),
        sa.Column("created_at", instant, nullable=False, server_default=now),
        sa.Column("done_at", instant),
    )
    op.create_index(
        "ix_provisionings_open", "provisionings", ["created_at"], postgresql_where=sa.text("done_at IS NULL")
    )
    op.create_table(
        "temporary_passwords",
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("applied_epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("ended_at", instant),
    )
    op.create_index(
        "ix_temporary_passwords_expires_at",
        "temporary_passwords",
        ["expires_at"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("temporary_passwords")
    op.drop_table("provisionings")
    op.drop_table("users")
    op.execute("DROP SEQUENCE student_codes")
