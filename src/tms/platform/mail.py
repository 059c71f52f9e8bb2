"""One e-mail at a time to whoever delivers it: an SMTP server, or SendGrid over HTTP. SMTP wins where both are set."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
import httpx2

from tms.platform.settings import get_settings

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
LONGEST_SECONDS = 45.0
"""An SMTP server that answers a little at a time is left after this long, whatever it says."""
SUBMISSION_PORT = 587
SUBMISSIONS_PORT = 465
_UNSAFE = frozenset("\r\n\x00")


class MailError(Exception):
    """A message was not handed over; `code` is stable, says why, and holds no words of the other side."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class MailRefusedError(MailError):
    """For good: sending the same message again would be refused again."""


class MailUnavailableError(MailError):
    """For now: trying again later is right."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address; `sender` may have a display name: `TMS <tms@example.org>`.

    Raises `MailRefusedError` (`unsafe_header`) where a line break or NUL would end up in a header.
    """

    message_id: str
    sender: str
    to: str
    subject: str
    text: str
    html: str

    def __post_init__(self) -> None:
        """Header injection is refused before anything is connected."""
        for value in (self.message_id, self.sender, self.to, self.subject):
            if not _UNSAFE.isdisjoint(value):
                raise MailRefusedError("unsafe_header")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """What `SMTP_URL` says. `start_tls` none: encrypt where the server offers it."""

    host: str
    port: int
    username: str | None
    password: str | None
    implicit_tls: bool
    start_tls: bool | None


def parse_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://user:password@host:587` or `smtps://...`; raises `ValueError` with what to write instead.

    `?tls=required` refuses a server without STARTTLS, `?tls=never` does not ask for it. Certificates are always
    checked. Ports default to those of message submission: 587, and 465 for `smtps` (RFC 8314).
    """
    parts = urlsplit(url)
    implicit = parts.scheme == "smtps"
    tls = parse_qs(parts.query).get("tls", ["offered"])[-1]
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("SMTP_URL: give an address such as smtp://user:password@mail.example.org:587")
    if tls not in {"offered", "required", "never"} or (implicit and tls == "never"):
        raise ValueError("SMTP_URL: tls is `required`, `offered` or, with smtp:// only, `never`")
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or (SUBMISSIONS_PORT if implicit else SUBMISSION_PORT),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        implicit_tls=implicit,
        start_tls=False if implicit else {"offered": None, "required": True, "never": False}[tls],
    )


def configured() -> bool:
    """Whether there is anything to send with."""
    settings = get_settings()
    return bool(settings.smtp_url or settings.sendgrid_api_key)


def sender_domain() -> str:
    """The domain of `EMAIL_FROM` in ASCII: the right-hand side of our message ids."""
    return _ascii_domain(parseaddr(get_settings().email_from)[1]).rpartition("@")[2] or "localhost"


async def send(message: Message) -> None:
    """Hand the message over; returns once the other side has taken responsibility for it.

    Raises `MailUnavailableError` (temporary, also where nothing is configured) or `MailRefusedError` (for good). A
    connection that breaks after the last byte may mean either: then the message may arrive twice, under one id.
    """
    settings = get_settings()
    if settings.smtp_url:
        try:
            server = parse_smtp_url(settings.smtp_url.get_secret_value())
        except ValueError:
            raise MailUnavailableError("smtp_url_invalid") from None
        await _send_by_smtp(message, server)
    elif settings.sendgrid_api_key:
        key = settings.sendgrid_api_key.get_secret_value()
        await _send_by_sendgrid(message, f"{settings.sendgrid_api_url}/v3/mail/send", key)
    else:
        raise MailUnavailableError("not_configured")


def _ascii_domain(address: str) -> str:
    """The address with its domain as mail servers without SMTPUTF8 know it (IDNA)."""
    local, at, domain = address.rpartition("@")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}"


def _sender(value: str) -> tuple[str, str]:
    name, address = parseaddr(value)
    return name, _ascii_domain(address)


def _mailbox(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    if local.isascii():
        return Address(name, addr_spec=address)
    # Python's own parser of addresses knows ASCII only; servers with SMTPUTF8 take more (RFC 6531).
    return Address(name, username=local, domain=domain)


def compose(message: Message) -> EmailMessage:
    """The message in MIME (RFC 5322): text first, HTML as its alternative. Names in headers are encoded."""
    name, sender = _sender(message.sender)
    mime = EmailMessage(policy=SMTP)
    mime["Message-ID"] = message.message_id
    mime["Date"] = formatdate(usegmt=True)
    mime["From"] = _mailbox(name, sender)
    mime["To"] = _mailbox("", _ascii_domain(message.to))
    mime["Subject"] = message.subject
    # Answering machines leave what a machine has written alone (RFC 3834).
    mime["Auto-Submitted"] = "auto-generated"
    mime.set_content(message.text)
    mime.add_alternative(message.html, subtype="html")
    return mime


async def _send_by_smtp(message: Message, server: SmtpServer) -> None:
    try:
        mime = compose(message)
    except (MessageError, ValueError, IndexError):
        raise MailRefusedError("address_not_valid") from None
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        use_tls=server.implicit_tls,
        start_tls=server.start_tls,
        timeout=READ_SECONDS,
    )
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await client.connect()
            await client.send_message(
                mime, sender=_sender(message.sender)[1], recipients=[_ascii_domain(message.to)]
            )
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        client.close()
        # The server's own words often repeat the address, and logs hold no addresses: only the code goes on.
        raise _smtp_failure(error) from None
    except BaseException:
        client.close()
        raise
    # The message is theirs now: whatever goes wrong while saying goodbye must not send it again.
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=CONNECT_SECONDS)
    client.close()


_FOR_NOW: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLError, "smtp_tls_failed"),
    (TimeoutError, "smtp_timeout"),
    # A refusal at the door is about the server's state and not about this message.
    (aiosmtplib.SMTPConnectError, "smtp_unreachable"),
)
_FOR_GOOD: tuple[tuple[type[Exception], str], ...] = (
    (aiosmtplib.SMTPNotSupported, "smtp_not_supported"),
    (ValueError, "address_not_valid"),
)


def _smtp_failure(error: Exception) -> MailError:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    for kind, code in _FOR_NOW:
        if isinstance(cause, kind):
            return MailUnavailableError(code)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        final = 500 <= error.code < 600
        return (MailRefusedError if final else MailUnavailableError)(f"smtp_{error.code}")
    for kind, code in _FOR_GOOD:
        if isinstance(error, kind):
            return MailRefusedError(code)
    return MailUnavailableError("smtp_unreachable")


async def _send_by_sendgrid(message: Message, url: str, key: str) -> None:
    timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    try:
        async with httpx2.AsyncClient(timeout=timeout) as client:
            response = await client.post(
                url, json=_sendgrid_body(message), headers={"Authorization": f"Bearer {key}"}
            )
    except httpx2.TimeoutException:
        raise MailUnavailableError("sendgrid_timeout") from None
    except httpx2.HTTPError:
        raise MailUnavailableError("sendgrid_unreachable") from None
    if response.is_success:
        return
    final = 400 <= response.status_code < 500 and response.status_code != 429
    raise (MailRefusedError if final else MailUnavailableError)(f"sendgrid_{response.status_code}")


def _sendgrid_body(message: Message) -> dict[str, Any]:
    """The body of SendGrid's `POST /v3/mail/send`, in its field names."""
    name, sender = _sender(message.sender)
    off = {"enable": False}
    return {
        "personalizations": [{"to": [{"email": _ascii_domain(message.to)}]}],
        "from": {"email": sender, **({"name": name} if name else {})},
        "subject": message.subject,
        "content": [
            {"type": "text/plain", "value": message.text},
            {"type": "text/html", "value": message.html},
        ],
        "headers": {"Message-ID": message.message_id, "Auto-Submitted": "auto-generated"},
        # Tracking would lead every link, also those that reset a password, through somebody else's server.
        "tracking_settings": {"click_tracking": {**off, "enable_text": False}, "open_tracking": off},
    }
