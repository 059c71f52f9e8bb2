"""Real servers to send to, in this process, and settings that point at them."""

import json
import socket
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from sqlalchemy import text

from tms.notifications import jobs as notification_jobs
from tms.platform import db, queue
from tms.platform.settings import get_settings

assert notification_jobs


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Letterbox:
    """What an SMTP server received; `refuse_with` answers the recipient, `before_accepting` runs after the data."""

    def __init__(self):
        self.envelopes = []
        self.refuse_with = None
        self.before_accepting = None
        self.logins = []
        self.encrypted = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.refuse_with:
            return f"{self.refuse_with} <{address}> is not wanted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.before_accepting:
            self.before_accepting()
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 accepted"

    def authenticate(self, server, session, envelope, mechanism, data):
        login = (data.login.decode(), data.password.decode())
        self.logins.append(login)
        return AuthResult(success=login == ("tms@example.org", "p@ss/word"))

    @property
    def messages(self):
        return [
            message_from_bytes(envelope.original_content, policy=policy.default)
            for envelope in self.envelopes
        ]


class Server(Controller):
    """aiosmtpd with the options of a test; its own `Controller` knows no STARTTLS."""

    def __init__(self, box, port, *, smtp_options=None, **options):
        self.smtp_options = smtp_options or {}
        super().__init__(box, hostname="127.0.0.1", port=port, **options)

    def factory(self):
        return SMTP(
            self.handler, enable_SMTPUTF8=self.smtp_options.get("enable_SMTPUTF8", False), **self._rest()
        )

    def _rest(self):
        return {name: value for name, value in self.smtp_options.items() if name != "enable_SMTPUTF8"}


@pytest.fixture
def configure(monkeypatch):
    """`configure(SMTP_URL=...)`: settings of this test; none takes one away."""

    def apply(**values):
        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    yield apply
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
def servers():
    """Starts SMTP servers and stops them after the test: `servers(box, port, ...)`."""
    running = []

    def start(box, port, **options):
        server = Server(box, port, **options)
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def smtp(servers, configure):
    """A letterbox behind an SMTP server that takes everything; TMS is set to send there."""
    box = Letterbox()
    port = free_port()
    servers(box, port)
    configure(SMTP_URL=f"smtp://127.0.0.1:{port}", EMAIL_FROM="TMS Köln <tms@example.org>")
    return box


class SendGrid(ThreadingHTTPServer):
    """SendGrid's one route on the loopback; `status` is what it answers to a good key."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _SendGridHandler)
        self.received = []
        self.status = 202
        self.hold = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _SendGridHandler(BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802 - the name that the standard library calls
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.hold:
            self.server.hold.wait(5)
        status = self.server.status
        if self.headers["Authorization"] != "Bearer SG.right":
            status = 401
        elif self.path == "/v3/mail/send" and status == 202:
            self.server.received.append(json.loads(body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        """Nothing on standard error."""


@pytest.fixture
def sendgrid(configure):
    server = SendGrid()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    configure(SENDGRID_API_KEY="SG.right", SENDGRID_API_URL=server.url, EMAIL_FROM="TMS <tms@example.org>")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run_once(database):
    """Runs each job that is due now, once: what fails waits for its next try."""

    async def run():
        async with queue.opened() as app:
            await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)

    return run


@pytest.fixture
def rows(database):
    """`await rows("SELECT ...")` as mappings, freshly read."""

    async def select(statement, **values):
        async with db.reading() as session:
            return (await session.execute(text(statement), values)).mappings().all()

    return select
