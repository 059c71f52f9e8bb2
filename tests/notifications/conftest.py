"""Real servers to send to, in this process, and settings that point at them."""

import threading

import pytest
from sqlalchemy import insert, text
from tests.notifications.postboxes import Letterbox, SendGrid, Server, free_port

from tms.identity import passwords
from tms.identity.models import Provisioning
from tms.platform import clock, db, queue
from tms.platform.settings import get_settings


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


@pytest.fixture
def welcome(people):
    """`await welcome(...)`: an active student with a temporary password; the welcome is asked for as identity does."""

    async def make(batch_name="Spring", **fields):
        student = await people.student(**fields)
        async with db.transaction() as session:
            await session.execute(
                insert(Provisioning).values(
                    user_id=student.id, welcome={"batchName": batch_name}, done_at=clock.db_now()
                )
            )
            issued = await passwords.issue(session, student.id)
            await queue.enqueue(
                session,
                "notifications.send",
                user_id=str(student.id),
                template="welcome",
                key=f"welcome:{student.id}",
            )
        student.password = issued.password
        return student

    return make
