"""TMS as people run it, on a home of its own: real processes that are made to die, and a real mail server beside them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import httpx2
import psycopg
from aiosmtpd.controller import Controller
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from psycopg.rows import dict_row

from tests.crash.accounts import BuiltIn
from tests.notifications.postboxes import Letterbox, free_port
from tms import app, cli, worker
from tms.platform import embedded, failpoints
from tms.platform.embedded.place import Place

# What declares the fail points is imported by the three assemblies.
ASSEMBLIES = (app, cli, worker)
PATIENCE = 60
ADMIN = "admin@example.com"
PASSWORD = "a-long-password-of-a-test"
TOKEN_SECONDS = 120
LEASES = ("provisionings", "emails", "uploads")
RESUMING = ("operations.rescue_jobs", "content.resume")


def eventually(what, message, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline, message() if callable(message) else message
        time.sleep(0.05)
    return found


class Process:
    """One `tms` process."""

    def __init__(self, words, *, environment, log):
        self.words = words
        self.log = log
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tms.cli", *words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=log.parent,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self):
        return self.process.pid

    @property
    def said(self):
        return self.log.read_text()

    @property
    def runs(self):
        return self.process.poll() is None

    def ended(self):
        """The status with which it ends by itself; a process that a signal ended has the signal's negative number."""
        return self.process.wait(PATIENCE)

    def has_died_at_its_point(self):
        assert self.ended() == -signal.SIGKILL, self.said

    def stands_still(self):
        """Whether it was stopped by SIGSTOP."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Installation:
    """A home with its embedded PostgreSQL, which outlives the processes of TMS, and a mail server."""

    def __init__(self, home, accounts=None):
        self.home = home
        self.accounts = accounts or BuiltIn()
        self.accounts.tms = self
        self.ports = {}
        self.started = []
        self.api = None
        self.worker = None
        self.client = httpx2.Client(timeout=60)
        self._token = (0.0, "")
        self.box = Letterbox()
        self.mail = Controller(self.box, hostname="127.0.0.1", port=free_port())
        self.mail.start()
        self.public_url = f"http://127.0.0.1:{self._port('public')}"
        self.database = embedded.acquire(home)
        self.accounts.prepare()

    def close(self):
        for process in self.started:
            if process.runs:
                process.kill()
        self.client.close()
        self.mail.stop()
        self.accounts.close()
        self.database.release(wait=PATIENCE)

    def take_database_again(self):
        """Start the database after its guardian has died."""
        self.database.release()
        self.database = embedded.acquire(self.home)

    def _port(self, name):
        return self.ports.setdefault(name, free_port())

    def start(self, *words, fail_at=None, name="public"):
        kept = {
            known: os.environ[known]
            for known in ("PATH", "HOME", "LANG", "PYTHONPATH")
            if known in os.environ
        }
        environment = kept | {
            "TMS_HOME": str(self.home),
            "TMS_PORT": str(self._port(name)),
            "TMS_PUBLIC_URL": self.public_url,
            "TMS_ADMIN_PASSWORD": PASSWORD,
            "SMTP_URL": f"smtp://127.0.0.1:{self.mail.port}?tls=never",
            "SECRET_KEY": "a secret of the tests that guards nothing at all",
            **self.accounts.environment(),
        }
        if fail_at:
            # A name that is no point any more would make nobody die, and the test wait in vain.
            assert fail_at.partition(":")[0] in failpoints.declared()
            environment["TMS_FAIL_AT"] = fail_at
        log = self.home.parent / f"{words[0]}-{len(self.started)}.log"
        process = Process(words, environment=environment, log=log)
        self.started.append(process)
        return process

    def serve(self, fail_at=None, *, name="public"):
        """An API that answers; `fail_at` is where it will die."""
        process = self.start("serve", fail_at=fail_at, name=name)
        address = f"http://127.0.0.1:{self._port(name)}/ready"

        def answers():
            assert process.runs, process.said
            with contextlib.suppress(httpx2.HTTPError):
                return self.client.get(address, timeout=3).status_code == 200

        eventually(answers, lambda: process.said)
        if name == "public":
            self.api = process
        return process

    def restart_api(self, fail_at=None):
        """Kill the API if it lives, and start it again."""
        if self.api is not None and self.api.runs:
            self.api.kill()
        return self.serve(fail_at)

    def work(self, fail_at=None):
        """A worker, in place of the one that there may be."""
        self.stop_working()
        self.worker = self.start("worker", fail_at=fail_at)
        return self.worker

    def end_strays(self):
        """Kill what a test that failed has left, all but the API."""
        for process in self.started:
            if process.runs and process is not self.api:
                process.kill()

    def stop_working(self):
        if self.worker is not None and self.worker.runs:
            self.worker.end()

    # What a client does.

    def token(self):
        taken, token = self._token
        if time.monotonic() - taken > TOKEN_SECONDS:
            form = {"grant_type": "password", "client_id": "tms-cli", "username": ADMIN, "password": PASSWORD}
            answer = self.client.post(f"{self.accounts.issuer}/protocol/openid-connect/token", data=form)
            token = answer.raise_for_status().json()["access_token"]
            self._token = (time.monotonic(), token)
        return token

    def request(self, method, path, *, key=None, name="public", **options):
        """One request of the administrator; the answer, whatever it is."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        address = f"http://127.0.0.1:{self._port(name)}/api/v1{path}"
        return self.client.request(method, address, headers=headers, **options)

    def done(self, method, path, **options):
        """The data of an answer that must be a success."""
        answer = self.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    # What an onlooker does.

    def rows(self, query, *values, **named):
        with psycopg.connect(self.database.url, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(query, named or values or None).fetchall()

    def value(self, query, *values):
        found = self.rows(query, *values)
        return next(iter(found[0].values())) if found else None

    def change(self, statement, *values):
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            connection.execute(statement, values)

    def defer(self, name):
        """Have a job that runs by the clock run now."""
        jobs = App(connector=SyncPsycopgConnector(conninfo=self.database.url))
        with jobs.open(), contextlib.suppress(AlreadyEnqueued):
            jobs.configure_task(name, queueing_lock=name).defer(timestamp=0)

    def let_time_pass(self):
        """What minutes would do: the leases and the heartbeats of processes that died run out, and jobs fall due."""
        for table in LEASES:
            self.change(
                f"UPDATE {table} SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL"  # noqa: S608 - names of this file
            )
        self.change("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        self._make_jobs_due()
        for name in RESUMING:
            self.defer(name)

    def _make_jobs_due(self):
        self.change("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")

    def settle(self, patience=PATIENCE):
        """Whoever died has been given up; a worker that lives does all that is left to do."""
        self.stop_working()
        self.let_time_pass()
        self.work()
        eventually(self.is_settled, lambda: f"{self.left()}\n{self.worker.said}", patience)
        self.stop_working()

    def is_settled(self):
        assert self.worker.runs, self.worker.said
        self._make_jobs_due()
        return not self.left()

    def left(self):
        """Work that is still to be done, by kind."""
        return [
            row["left_over"]
            for row in self.rows("""
                SELECT 'job ' || task_name || ' ' || status AS left_over FROM procrastinate_jobs
                WHERE status IN ('todo', 'doing', 'failed')
                UNION ALL SELECT 'provisioning' FROM provisionings WHERE done_at IS NULL
                UNION ALL SELECT 'e-mail' FROM emails WHERE status = 'queued'
                UNION ALL SELECT 'upload' FROM uploads WHERE status IN ('queued', 'processing')
            """)
        ]

    def examine(self):
        """`tms doctor` finds every promise kept."""
        doctor = self.start("doctor")
        assert doctor.ended() == 0, doctor.said

    def mails_to(self, address):
        """What the mail server took for an address."""
        return [message for message in self.box.messages if message["To"] == address]

    def postmaster(self):
        return Place.of(self.home).state().server


def fresh(word):
    """An address, a title or a key that nobody has had."""
    return f"{word}-{uuid4().hex[:12]}"
