"""Students are found by a part of their name, address or code without reading the whole table."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A trusted extension of PostgreSQL's own: the owner of the database may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute(
        "CREATE INDEX ix_users_search ON users USING gin "
        "((first_name || ' ' || last_name || chr(10) || email || chr(10) || student_code) gin_trgm_ops)"
    )


def downgrade() -> None:
    # The extension stays: it does not hurt, and something else of the database may use it by now.
    op.drop_index("ix_users_search", table_name="users")
