"""Alembic's environment: migrations run under a lock, with time limits, in one transaction each."""

import importlib
import pkgutil

from alembic import context
from sqlalchemy import create_engine, pool, text

import tms
from tms.platform import db

WITH_TABLES = {"tms.platform.idempotency", "tms.platform.limits"}
"""The lowest room has no models module: a table stands with the functions that use it."""
MIGRATION_LOCK = 7_301_954_112_360_481_000
"""Any constant will do; whoever else migrates this database waits for it."""


def include_name(name: str | None, kind: str, _: object) -> bool:
    """The queue's own tables are none of our models."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def load_models() -> None:
    """Every room's tables, so that the comparison with the database is complete."""
    for module in pkgutil.walk_packages(tms.__path__, "tms."):
        if module.name.endswith(".models") or module.name in WITH_TABLES:
            importlib.import_module(module.name)


def run() -> None:
    load_models()
    engine = create_engine(db.driver_url(context.config.attributes["url"]), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        # A migration that waits for a lock holds up everybody behind it: give up quickly and try again later.
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.execute(text("SET statement_timeout = '15min'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=db.Base.metadata,
            include_name=include_name,
            compare_server_default=False,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
