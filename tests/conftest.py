"""Fixtures: a real PostgreSQL, migrated once and cloned for each test process; the real application in front of it."""

import fcntl
import importlib
import os
import tempfile
from pathlib import Path

# Settings are read once, so they are in place before anything of TMS is imported. A developer's own `.env` has no say.
_HOME = Path(tempfile.mkdtemp(prefix="tms-test-"))
for _name in [
    name for name in os.environ if name.startswith(("TMS_", "KEYCLOAK_", "AWS_", "SMTP_", "SENDGRID_"))
]:
    if not _name.startswith("TMS_TEST_"):
        del os.environ[_name]
for _name in ("DATABASE_URL", "EMAIL_FROM", "FRONTEND_URL", "DEBUG"):
    os.environ.pop(_name, None)
os.environ["TMS_HOME"] = str(_HOME / "home")
os.environ["SECRET_KEY"] = "a secret of the tests that guards nothing at all"
os.environ["TMS_PUBLIC_URL"] = "http://tms.test"

import httpx2
import psycopg
import pytest
from procrastinate.periodic import PeriodicRegistry
from psycopg import sql

from tests.balance import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.keycloak.fixture import at_keycloak as at_keycloak
from tests.keycloak.fixture import keycloak as keycloak
from tests.keycloak.fixture import prepared_realm as prepared_realm
from tests.people import People
from tms.app import create_app
from tms.identity import access
from tms.platform import db, embedded, migrations, queue
from tms.platform.settings import Settings, get_settings

Settings.model_config["env_file"] = None
get_settings.cache_clear()

TEMPLATE = "tms_template"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory, worker_id):
    """One PostgreSQL for all test processes of a run; the last one that leaves stops it."""
    base = tmp_path_factory.getbasetemp()
    home = (base if worker_id == "master" else base.parent) / "postgres"
    home.mkdir(exist_ok=True)
    with embedded.acquire(
        home, settings={"fsync": "off", "synchronous_commit": "off", "max_connections": "400"}
    ) as server:
        with (home / "template.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_template(server.url)
        yield server


def _admin(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True)


def _database(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"


def _make_template(url: str) -> None:
    with _admin(url) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            return
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE + "_draft")))
        migrations.upgrade(_database(url, TEMPLATE + "_draft"))
        connection.execute(f"ALTER DATABASE {TEMPLATE}_draft RENAME TO {TEMPLATE}")


@pytest.fixture(scope="session")
def database_url(cluster, worker_id):
    """A database of this test process, cloned from the migrated template."""
    name = f"tms_{worker_id}"
    with _admin(cluster.url) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    return _database(cluster.url, name)


@pytest.fixture(scope="session")
async def connected(database_url):
    db.connect(database_url)
    yield
    await db.disconnect()


# Most tables are empty, and most of the others hold a few rows, which are sooner deleted than their files made anew.
EMPTY_ALL = """
DO $$
DECLARE name text; filled boolean;
BEGIN
  FOR name IN SELECT format('%I', tablename) FROM pg_tables
      WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'signing_keys') LOOP
    EXECUTE 'SELECT EXISTS (SELECT 1 FROM ' || name || ')' INTO filled;
    CONTINUE WHEN NOT filled;
    IF pg_relation_size(name::regclass) > 1000000 THEN
      EXECUTE 'TRUNCATE ' || name || ' CASCADE';
    ELSE
      EXECUTE 'DELETE FROM ' || name;
    END IF;
  END LOOP;
END $$
"""


@pytest.fixture(scope="session")
async def cleaner(connected, database_url):
    """A connection that empties the tables. Keys and triggers have no say in it, nor does the guard of the audit log."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.fixture
async def database(cleaner, database_url):
    """An empty, migrated database; what a test commits is removed after it."""
    yield database_url
    await cleaner.execute(EMPTY_ALL)
    access.forget()


@pytest.fixture
async def session(database):
    """A session that sees what requests have committed; for looking, not for preparing."""
    async with db.reading() as reading:
        yield reading


CLOCK = """
    CREATE OR REPLACE FUNCTION tms_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS '{}'
"""


@pytest.fixture
async def clock(database, cleaner):
    """`await clock(days=8)`: from now on the database's clock, by which TMS decides, runs that much ahead."""

    async def shift(**ahead):
        interval = " ".join(f"{value} {unit}" for unit, value in ahead.items())
        await cleaner.execute(CLOCK.format(f"SELECT now() + interval ''{interval}''"))

    yield shift
    await cleaner.execute(CLOCK.format("SELECT now()"))


@pytest.fixture(scope="session")
def app():
    return create_app()


@pytest.fixture
async def client(app, database):
    """Anonymous requests to the real application; `people` give clients that are signed in."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url="http://tms.test") as anonymous:
        yield anonymous


@pytest.fixture
async def people(client, app):
    """Makes people of each role, signed in: `admin = await people.admin()`, then `await admin.get("/courses")`."""
    made = People(app)
    yield made
    await made.close()


@pytest.fixture
def run_jobs(database, monkeypatch):
    """`await run_jobs()` runs every job that waits, those planned for later too, until none is left.

    `await run_jobs(rounds=1, until_none=False)` runs those of one moment, while others keep coming.
    """
    # Jobs are declared when the worker's assembly is imported.
    importlib.import_module("tms.worker")

    async def run(rounds: int = 10, *, until_none: bool = True):
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            for _ in range(rounds):
                await connection.execute(
                    "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"
                )
                async with queue.opened() as jobs:
                    # What runs by the clock is called by name in its own tests.
                    monkeypatch.setattr(jobs, "periodic_registry", PeriodicRegistry())
                    await jobs.run_worker_async(
                        wait=False, install_signal_handlers=False, listen_notify=False
                    )
                left = await (
                    await connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
                ).fetchone()
                if left == (0,):
                    return
        if until_none:
            raise AssertionError("jobs keep coming back")

    return run
