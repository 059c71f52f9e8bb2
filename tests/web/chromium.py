"""A running TMS of its own and a real browser at it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ADMIN = ("ines@example.org", "an administrator's long password")
PATIENCE = 60


def require_chromium():
    """Skip where there is no browser, unless somebody insists on one, as the continuous integration does."""
    if Path(CHROMIUM).exists():
        return
    reason = "Chromium is not installed: apt-get install chromium"
    if os.environ.get("TMS_TEST_BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


class Site:
    """`tms up` on a free port, with a database of its own."""

    def __init__(self, database_url, home):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = Path(home) / "log.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tms.cli", "up"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                start_new_session=True,
                env=os.environ
                | {
                    "DATABASE_URL": database_url,
                    "TMS_HOME": str(Path(home) / "home"),
                    "TMS_PORT": str(self.port),
                    "TMS_PUBLIC_URL": self.url,
                    "TMS_ADMIN_EMAIL": ADMIN[0],
                    "TMS_ADMIN_PASSWORD": ADMIN[1],
                },
            )
        # Nothing between the test and its own server: a proxy of the environment has no say.
        self.http = httpx2.Client(base_url=self.url, trust_env=False, timeout=PATIENCE)
        self._await_readiness()
        token = self.http.post(
            "/realms/tms/protocol/openid-connect/token",
            data={
                "grant_type": "password",
                "client_id": "tms-cli",
                "scope": "openid",
                "username": ADMIN[0],
                "password": ADMIN[1],
            },
        ).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def _await_readiness(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx2.HTTPError):
                if self.http.get("/ready").status_code == 200 and "is ready" in self.log.read_text():
                    return
            time.sleep(0.2)
        raise AssertionError(self.log.read_text())

    def api(self, method, path, body=None, **options):
        """A request of the administrator; the answer's data."""
        given = {"json": body} if body is not None else {}
        answer = self.http.request(method, f"/api/v1{path}", **given, **options)
        assert answer.is_success, answer.text
        return answer.json().get("data")

    def close(self):
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


@contextlib.contextmanager
def running_site(cluster_url, template, name):
    """A site on a fresh copy of the migrated template; nothing is left of it afterwards."""
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    url = urlsplit(cluster_url)._replace(path=f"/{name}").geturl()
    with tempfile.TemporaryDirectory(prefix="tms-site-") as home:
        site = Site(url, home)
        try:
            yield site
        finally:
            site.close()


class Tab:
    """One browser window that notes what should not happen: refused content, errors of script, failed requests."""

    def __init__(self, page):
        self.page = page
        self.complaints = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("requestfailed", self._on_failure)

    def _on_console(self, message):
        if message.type in {"error", "warning"} or "Content Security Policy" in message.text:
            self.complaints.append(f"console: {message.text}")

    def _on_failure(self, request):
        # A report of reading time that is under way when the page is left goes on without it.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"request: {request.url} {request.failure}")
