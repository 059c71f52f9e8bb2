"""Where e-mails go in tests: a real SMTP server and SendGrid's one route, both on the loopback."""

import json
import socket
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from tms.platform import mail


def message(**changes):
    fields = {
        "message_id": "<one@example.org>",
        "sender": "TMS Köln <tms@example.org>",
        "to": "ann@example.org",
        "subject": "Grüße",
        "text": "Hello Jürgen\n",
        "html": "<p>Hello Jürgen &amp; <b>co</b></p>",
    }
    return mail.Message(**{**fields, **changes})


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

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if self.refuse_with:
            return f"{self.refuse_with} <{address}> is not wanted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.before_accepting:
            self.before_accepting()
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 accepted"

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        login = (data.login.decode(), data.password.decode())
        self.logins.append(login)
        # Not handled: the server itself answers a wrong login.
        return AuthResult(success=login == ("tms@example.org", "p@ss/word"), handled=False)

    @property
    def messages(self):
        return [
            message_from_bytes(envelope.original_content, policy=policy.default)
            for envelope in self.envelopes
        ]


class Server(Controller):
    """aiosmtpd with the options of a test; its own `Controller` takes no STARTTLS and always offers SMTPUTF8."""

    def __init__(self, box, port, *, smtp_options=None, **options):
        self.smtp_options = {"enable_SMTPUTF8": False, **(smtp_options or {})}
        super().__init__(box, hostname="127.0.0.1", port=port, **options)

    def factory(self):
        return SMTP(self.handler, **self.smtp_options)


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
    def do_POST(self):
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
