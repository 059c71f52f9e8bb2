"""Messages through SendGrid's HTTP API."""

import threading

import pytest
from tests.notifications.postboxes import free_port, message

from tms.platform import mail


async def test_the_body_is_as_sendgrid_documents_it(sendgrid):
    await mail.send(message(sender="Training <tms@example.org>"))
    [body] = sendgrid.received
    assert body["personalizations"] == [{"to": [{"email": "ann@example.org"}]}]
    assert body["from"] == {"email": "tms@example.org", "name": "Training"}
    assert body["subject"] == "Grüße"
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    assert body["content"][0]["value"] == "Hello Jürgen\n"
    assert body["headers"]["Message-ID"] == "<one@example.org>"
    assert body["tracking_settings"]["click_tracking"] == {"enable": False, "enable_text": False}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, mail.MailRefusedError),
        (403, mail.MailRefusedError),
        (413, mail.MailRefusedError),
        (429, mail.MailUnavailableError),
        (500, mail.MailUnavailableError),
        (503, mail.MailUnavailableError),
        (302, mail.MailUnavailableError),
    ],
)
async def test_an_answer_is_for_now_or_for_good(sendgrid, status, error):
    sendgrid.status = status
    with pytest.raises(error, match=f"sendgrid_{status}"):
        await mail.send(message())
    assert sendgrid.received == []


async def test_a_wrong_key_is_refused(sendgrid, configure):
    configure(SENDGRID_API_KEY="SG.wrong")
    with pytest.raises(mail.MailRefusedError, match="sendgrid_401"):
        await mail.send(message())
    assert sendgrid.received == []


async def test_nobody_listens(configure):
    configure(SENDGRID_API_KEY="SG.right", SENDGRID_API_URL=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(mail.MailUnavailableError, match="sendgrid_unreachable"):
        await mail.send(message())


async def test_an_answer_that_does_not_come_is_not_waited_for(sendgrid, monkeypatch):
    monkeypatch.setattr(mail, "READ_SECONDS", 0.3)
    sendgrid.hold = threading.Event()
    with pytest.raises(mail.MailUnavailableError, match="sendgrid_timeout"):
        await mail.send(message())
    sendgrid.hold.set()


async def test_smtp_wins_where_both_are_set(sendgrid, smtp):
    await mail.send(message())
    assert len(smtp.messages) == 1
    assert sendgrid.received == []
