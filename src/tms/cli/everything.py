"""`tms up`: everything that TMS needs on one machine, started with one command and kept running."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator

from tms import __version__, startup
from tms.cli import database, serving
from tms.cli.failures import CannotStartError, checked_address, without_secrets
from tms.cli.supervisor import Part, stop
from tms.identity.administrators import FirstAdministrator
from tms.platform import embedded
from tms.platform.embedded import Embedded, EmbeddedError
from tms.platform.settings import Settings

READY_SECONDS = 90
# A little more than the worker gives a job that is at work.
STOP_SECONDS = 25
_BEAT = 0.2
_BEATS_BETWEEN_LOOKS_AT_THE_DATABASE = 5


def up(settings: Settings) -> None:
    """Run TMS until Ctrl-C or SIGTERM. Raises `CannotStartError` or `EmbeddedError` if it does not come up."""
    checked_address("TMS_ADMIN_EMAIL", settings.tms_admin_email)
    # A shell starts what runs in the background with SIGINT ignored; who sends it to us all the same means it.
    for ended_by in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ended_by, signal.default_int_handler)
    # `nohup` asks to outlive the terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with _alone(settings), serving.listen(settings) as listener:
            _run(settings, listener)
    except KeyboardInterrupt:
        _say("TMS has stopped.")


def _run(settings: Settings, listener: socket.socket) -> None:
    held: Embedded | None = None
    parts: list[Part] = []
    try:
        if settings.database_url is None:
            if not (settings.tms_home / "postgres" / "data").exists():
                _say("Preparing the database. This takes a few seconds the first time.")
            held = embedded.acquire(settings.tms_home)
            database.migrate(held.url)
        else:
            database.reach(settings)
            database.migrate(settings.database_url.get_secret_value())
        first = asyncio.run(_prepare(settings))
        parts = [
            Part(
                "The API",
                ["serve", "--supervised", "--listener", str(listener.fileno())],
                [listener.fileno()],
            ),
            Part("The worker", ["worker", "--supervised"]),
        ]
        _start(settings, listener, parts, first)
        held = _supervise(settings, parts, held)
    finally:
        _stop(parts, held)


def _start(
    settings: Settings, listener: socket.socket, parts: list[Part], first: FirstAdministrator | None
) -> None:
    """Start the parts and report once they serve."""
    told = False
    try:
        for part in parts:
            part.start()
        _await_readiness(listener, parts)
        print(report(settings, first), flush=True)
        told = True
    finally:
        if first is not None and not told:
            # The password exists from now on, and would be lost.
            _say(f"Sign in, once TMS runs: {_how_to_sign_in(first)}")


async def _prepare(settings: Settings) -> FirstAdministrator | None:
    """Make the first administrator where there is none."""
    async with startup.database(settings):
        return await startup.first_administrator(settings)


def _supervise(settings: Settings, parts: list[Part], held: Embedded | None) -> Embedded | None:
    """Start again what dies, until Ctrl-C."""
    beats = 0
    while True:
        for part in parts:
            part.look_after(_say)
        beats += 1
        look = beats % _BEATS_BETWEEN_LOOKS_AT_THE_DATABASE == 0
        if look and held is not None and not embedded.is_running(settings.tms_home):
            _say("The database is not running; starting it again")
            held = _renew(settings, parts, held)
        time.sleep(_BEAT)


def _renew(settings: Settings, parts: list[Part], held: Embedded) -> Embedded:
    """Use the embedded server anew where its guardian has died, and end the old use."""
    try:
        fresh = embedded.acquire(settings.tms_home, timeout=20)
    except EmbeddedError as error:
        _say(str(error))
        return held
    held.release()
    if fresh.url != held.url:
        # Its port was taken meanwhile; the parts learn of the new one when they are started again.
        for part in parts:
            part.ask_to_end()
    return fresh


def _stop(parts: list[Part], held: Embedded | None) -> None:
    """End the parts, then let the database go; a terminal that closes meanwhile does not interrupt this."""
    with contextlib.suppress(KeyboardInterrupt):
        if parts:
            _say("Stopping.")
        stop(parts, STOP_SECONDS)
    if held is not None:
        with contextlib.suppress(KeyboardInterrupt):
            held.release(wait=30)


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold this `TMS_HOME` for one `tms up` at a time."""
    try:
        settings.tms_home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Locks are of files, so the file stays; it is private because the folder above may be shared.
        descriptor = os.open(settings.tms_home / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStartError(
            f"Cannot write to {settings.tms_home} ({error.strerror}): set TMS_HOME to a folder you may write to"
        ) from error
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            told = file.read().strip() or "another process"
            raise CannotStartError(
                f"TMS runs already on {settings.tms_home} ({told}): stop that one, or set TMS_HOME to another folder"
            ) from error
        file.truncate()
        file.write(f"process {os.getpid()}, {settings.public_url}\n")
        file.flush()
        yield


def _await_readiness(listener: socket.socket, parts: list[Part]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        for part in parts:
            if not part.runs:
                raise CannotStartError(f"{part.name} does not start: what it says stands above")
        if _is_ready(listener):
            return
        time.sleep(0.1)
    raise CannotStartError(f"The API is not ready after {READY_SECONDS} seconds: what it says stands above")


def _is_ready(listener: socket.socket) -> bool:
    host, port = listener.getsockname()[:2]
    # What listens everywhere is asked on the machine itself.
    asked = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(asked, port, timeout=2)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def report(settings: Settings, first: FirstAdministrator | None) -> str:
    """Return the start-up report: what is used and where, never a secret but the new administrator's password, once."""
    lines = [
        ("Address", settings.public_url),
        ("API", f"{settings.public_url}/docs"),
        ("Sign in", _how_to_sign_in(first)),
        ("Database", _which_database(settings)),
        ("Files", _which_files(settings)),
        ("E-mail", _which_mail(settings)),
        ("Identity", _which_identity(settings)),
        ("Data", str(settings.tms_home)),
    ]
    body = "\n".join(f"  {name:<10}{text}" for name, text in lines)
    return f"\nTMS {__version__} is ready ({settings.tms_env}).\n\n{body}\n\nStop it with Ctrl-C.\n"


def _how_to_sign_in(first: FirstAdministrator | None) -> str:
    if first is None:
        return "with the accounts that you have; `tms recover-administrator` makes a new password if all are lost"
    if first.generated_password is None:
        return f"{first.email} with TMS_ADMIN_PASSWORD"
    return f"{first.email} with the password {first.generated_password} (shown only now: keep it)"


def _which_database(settings: Settings) -> str:
    if settings.database_url is None:
        return f"embedded PostgreSQL, log {embedded.log_path(settings.tms_home)}"
    return f"DATABASE_URL, {without_secrets(settings.database_url.get_secret_value())}"


def _which_files(settings: Settings) -> str:
    if settings.aws_s3_bucket:
        return f"S3 bucket {settings.aws_s3_bucket}"
    return f"folder {settings.tms_home / 'files'}"


def _which_identity(settings: Settings) -> str:
    if settings.keycloak_server_url is None:
        return f"built in, issuer {settings.issuer}"
    return f"Keycloak at {settings.keycloak_server_url}, issuer {settings.issuer}"


def _which_mail(settings: Settings) -> str:
    if settings.sendgrid_api_key:
        return f"SendGrid, from {settings.email_from}"
    if settings.smtp_url:
        return f"SMTP, from {settings.email_from}"
    return "kept in the outbox, where administrators read it (SMTP_URL and SENDGRID_API_KEY are not set)"


def _say(line: str) -> None:
    print(f"tms: {line}", file=sys.stderr, flush=True)
