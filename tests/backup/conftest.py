"""The commands as people run them, on the database and the files of the test, and empty places to restore into."""

import asyncio
import os
import sys

import psycopg
import pytest
from tests.batches.planning import Planner
from tests.notifications.postboxes import Letterbox, Server, free_port

from tms.cli.backup import restoring, saving
from tms.cli.failures import CannotStartError
from tms.platform.ids import new_id
from tms.platform.settings import Settings, get_settings


class Ended:
    """A command that has ended."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out.decode(), err.decode()

    def well(self):
        assert self.status == 0, self.out + self.err
        return self

    def badly(self, *words):
        """It ended with one line that has these words and no traceback."""
        assert self.status == 1, self.out + self.err
        assert len(self.err.splitlines()) == 1, self.err
        assert [word for word in words if word not in self.err] == [], self.err
        return self


class Place:
    """A database and a folder of files."""

    def __init__(self, url, home):
        self.url, self.home = url, home

    async def run(self, *words, **settings):
        return await self.python("-m", "tms.cli", *words, **settings)

    async def python(self, *words, **settings):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            *(str(word) for word in words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.home,
            env={**os.environ, "DATABASE_URL": self.url, "TMS_HOME": str(self.home), **settings},
        )
        out, err = await asyncio.wait_for(process.communicate(), 120)
        return Ended(process.returncode, out, err)

    @property
    def settings(self):
        return Settings(database_url=self.url, tms_home=self.home)

    async def back_up(self, path):
        """What `tms backup` does, in this process, which is quicker."""
        await asyncio.to_thread(saving.back_up, self.settings, path)

    async def refuses(self, path, *words, erasures=None):
        """`tms restore` does nothing here, and says why; in this process, which is quicker."""
        with pytest.raises(CannotStartError) as refusal:
            await asyncio.to_thread(restoring.restore, self.settings, path, erasures=erasures, trust=False)
        assert [word for word in words if word not in str(refusal.value)] == []
        assert "\n" not in str(refusal.value)

    async def tables(self):
        return await self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")

    async def query(self, statement):
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            cursor = await connection.execute(statement)
            return await cursor.fetchall() if cursor.description else None


@pytest.fixture
async def planner(people):
    return Planner(people, await people.admin())


@pytest.fixture
def original(database):
    """The system of the test."""
    home = get_settings().tms_home
    home.mkdir(parents=True, exist_ok=True)
    return Place(database, home)


@pytest.fixture
async def empty(cluster, tmp_path):
    """Makes an empty database with an empty home; dropped after the test."""
    made = []

    async def make():
        name = f"copy_{new_id().hex}"
        async with await psycopg.AsyncConnection.connect(cluster.url, autocommit=True) as connection:
            await connection.execute(f"CREATE DATABASE {name}")
        made.append(name)
        home = tmp_path / name
        home.mkdir()
        return Place(f"{cluster.url.rpartition('/')[0]}/{name}", home)

    yield make
    async with await psycopg.AsyncConnection.connect(cluster.url, autocommit=True) as connection:
        for name in made:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def letterbox(monkeypatch):
    """A real SMTP server, which the system of the test sends to; `letterbox.url` is for others."""
    box = Letterbox()
    box.url = f"smtp://127.0.0.1:{free_port()}"
    server = Server(box, int(box.url.rpartition(":")[2]))
    server.start()
    monkeypatch.setenv("SMTP_URL", box.url)
    get_settings.cache_clear()
    yield box
    monkeypatch.undo()
    get_settings.cache_clear()
    server.stop()
