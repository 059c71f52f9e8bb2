"""Messages over SMTP: what arrives, and what each kind of trouble is called."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from email import message_from_bytes, policy

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.notifications.postboxes import Letterbox, free_port, message

from tms.platform import mail


async def test_a_message_arrives_with_both_bodies_and_encoded_headers(smtp):
    await mail.send(message())
    [envelope] = smtp.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tms@example.org", ["ann@example.org"])
    headers = envelope.original_content.partition(b"\r\n\r\n")[0]
    assert headers.isascii()
    [found] = smtp.messages
    assert found["Message-ID"] == "<one@example.org>"
    assert found["From"].addresses[0].display_name == "TMS Köln"
    assert found["To"].addresses[0].addr_spec == "ann@example.org"
    assert found["Subject"] == "Grüße"
    assert found["Date"].datetime is not None
    assert found["Auto-Submitted"] == "auto-generated"
    assert found.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]
    assert found.get_body(("plain",)).get_content().split() == ["Hello", "Jürgen"]
    assert "Jürgen &amp; <b>co</b>" in found.get_body(("html",)).get_content()


async def test_a_domain_in_any_script_is_written_in_ascii(smtp):
    await mail.send(message(to="ann@bücher.example"))
    assert smtp.envelopes[0].rcpt_tos == ["ann@xn--bcher-kva.example"]


@pytest.mark.parametrize("local", ["o'brien+tms", '"ann, bob"', '"a b"', "x" * 64])
async def test_an_odd_but_right_address_is_one_recipient(smtp, local):
    await mail.send(message(to=f"{local}@example.org"))
    assert smtp.envelopes[0].rcpt_tos == [f"{local}@example.org"]
    assert [address.addr_spec for address in smtp.messages[0]["To"].addresses] == [f"{local}@example.org"]


async def test_a_name_with_commas_and_brackets_stays_one_sender(smtp):
    await mail.send(message(sender='"Ann <boss@evil.example>, Training" <tms@example.org>'))
    assert [address.addr_spec for address in smtp.messages[0]["From"].addresses] == ["tms@example.org"]


@pytest.mark.parametrize("field", ["message_id", "sender", "to", "subject"])
@pytest.mark.parametrize("evil", ["\r\nBcc: x@evil.example", "\nX: y", "\rX: y", "\x00"])
def test_a_header_takes_no_line_break(field, evil):
    with pytest.raises(mail.MailRefusedError, match="unsafe_header"):
        message(**{field: f"ann@example.org{evil}"})


@pytest.mark.parametrize(
    "to", ["", "nobody", "@", "a@b@c", "ann@example.org, bob@example.org", "ann <x@y.org>"]
)
async def test_what_is_no_address_is_refused_before_anything_is_sent(smtp, to):
    with pytest.raises(mail.MailRefusedError):
        await mail.send(message(to=to))
    assert smtp.envelopes == []


async def test_an_address_that_only_newer_servers_take(smtp, servers, configure):
    with pytest.raises(mail.MailRefusedError, match="smtp_not_supported"):
        await mail.send(message(to="jürgen@example.org"))
    box, port = Letterbox(), free_port()
    servers(box, port, smtp_options={"enable_SMTPUTF8": True})
    configure(SMTP_URL=f"smtp://127.0.0.1:{port}")
    await mail.send(message(to="jürgen@example.org"))
    assert box.envelopes[0].rcpt_tos == ["jürgen@example.org"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("421 4.3.2 closing", mail.MailUnavailableError),
        ("450 4.2.1 later", mail.MailUnavailableError),
        ("451 4.7.1 greylisted", mail.MailUnavailableError),
        ("550 5.1.1 unknown", mail.MailRefusedError),
        ("553 5.1.3 bad", mail.MailRefusedError),
    ],
)
async def test_a_refusal_is_for_now_or_for_good(smtp, answer, error):
    smtp.refuse_with = answer
    with pytest.raises(error) as caught:
        await mail.send(message())
    assert caught.value.code == f"smtp_{answer[:3]}"
    assert caught.value.__cause__ is None
    assert smtp.envelopes == []


async def test_nobody_listens(configure):
    configure(SMTP_URL=f"smtp://127.0.0.1:{free_port()}")
    with pytest.raises(mail.MailUnavailableError, match="smtp_unreachable"):
        await mail.send(message())


async def test_a_server_that_never_speaks_is_left(configure, monkeypatch):
    monkeypatch.setattr(mail, "READ_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(SMTP_URL=f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(mail.MailUnavailableError, match="smtp_timeout"):
            await mail.send(message())


async def test_a_server_that_speaks_too_slowly_is_left(configure, monkeypatch):
    monkeypatch.setattr(mail, "LONGEST_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as tarpit:
        configure(SMTP_URL=f"smtp://127.0.0.1:{tarpit.getsockname()[1]}")
        stop = threading.Event()

        def drip():
            connection, _ = tarpit.accept()
            with connection:
                while not stop.wait(0.1):
                    try:
                        connection.sendall(b"220-wait\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(mail.MailUnavailableError, match="smtp_timeout"):
            await mail.send(message())
        stop.set()
        thread.join()


async def test_trouble_after_acceptance_does_not_send_again(configure):
    """A server that hangs up instead of saying goodbye has the message all the same."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"220 hello\r\n")
                stream.flush()
                for line in stream:
                    command = line[:4].upper()
                    stream.write(b"354 go on\r\n" if command == b"DATA" else b"250 OK\r\n")
                    stream.flush()
                    if command == b"DATA":
                        data = b""
                        while not data.endswith(b"\r\n.\r\n"):
                            data += stream.readline()
                        taken.append(message_from_bytes(data, policy=policy.default))
                        stream.write(b"250 taken\r\n")
                        stream.flush()
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        configure(SMTP_URL=f"smtp://127.0.0.1:{listener.getsockname()[1]}?tls=never")
        await mail.send(message())
        thread.join()
    assert [found["Message-ID"] for found in taken] == ["<one@example.org>"]


@pytest.fixture
def certificate(tmp_path):
    """A key and a certificate that signs itself, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_encryption_is_used_where_it_is_offered(servers, configure, certificate, tls):
    box, port = Letterbox(), free_port()
    servers(box, port, smtp_options={"tls_context": tls})
    configure(SMTP_URL=f"smtp://127.0.0.1:{port}", SSL_CERT_FILE=str(certificate))
    await mail.send(message())
    assert box.encrypted == [True]


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(servers, configure, tls):
    box, port = Letterbox(), free_port()
    servers(box, port, smtp_options={"tls_context": tls})
    configure(SMTP_URL=f"smtp://127.0.0.1:{port}")
    with pytest.raises(mail.MailUnavailableError, match="smtp_tls_failed"):
        await mail.send(message())
    assert box.envelopes == []


@pytest.fixture
def login(servers, configure, certificate, tls):
    """A server that wants a login, which it takes over an encrypted connection only."""
    box, port = Letterbox(), free_port()
    servers(
        box,
        port,
        smtp_options={"authenticator": box.authenticate, "auth_required": True, "tls_context": tls},
    )
    configure(SSL_CERT_FILE=str(certificate))
    return box, port


async def test_the_login_of_the_address_is_used(login, configure):
    box, port = login
    configure(SMTP_URL=f"smtp://tms%40example.org:p%40ss%2Fword@127.0.0.1:{port}")
    await mail.send(message())
    assert box.logins == [("tms@example.org", "p@ss/word")]
    assert len(box.envelopes) == 1


async def test_a_wrong_login_is_refused_by_its_code(login, configure):
    box, port = login
    configure(SMTP_URL=f"smtp://tms%40example.org:wrong@127.0.0.1:{port}")
    with pytest.raises(mail.MailRefusedError, match="smtp_535"):
        await mail.send(message())
    assert box.envelopes == []


async def test_smtps_is_encrypted_from_the_first_byte(servers, configure, certificate, tls):
    box, port = Letterbox(), free_port()
    # The server's own start-up check is a client too, and has to trust the certificate.
    configure(SMTP_URL=f"smtps://127.0.0.1:{port}", SSL_CERT_FILE=str(certificate))
    servers(box, port, ssl_context=tls)
    await mail.send(message())
    assert len(box.envelopes) == 1


async def test_required_encryption_is_not_done_without(smtp, configure):
    configure(SMTP_URL=f"{mail.get_settings().smtp_url.get_secret_value()}?tls=required")
    with pytest.raises(mail.MailError):
        await mail.send(message())
    assert smtp.envelopes == []


@pytest.mark.parametrize(
    "url",
    ["mail.example.org:25", "http://mail.example.org", "smtp://", "smtp://h:notaport", "smtp://h?tls=maybe"],
)
async def test_a_wrong_address_of_the_server_is_said(url, configure):
    with pytest.raises(ValueError, match=r"SMTP_URL|[Pp]ort"):
        mail.parse_smtp_url(url)
    configure(SMTP_URL=url)
    with pytest.raises(mail.MailUnavailableError, match="smtp_url_invalid"):
        await mail.send(message())


def test_ports_have_their_usual_defaults():
    assert mail.parse_smtp_url("smtp://h").port == 587
    assert mail.parse_smtp_url("smtps://h").port == 465
    assert mail.parse_smtp_url("smtp://h:25").port == 25


async def test_nothing_set_means_nothing_sent(configure):
    configure(SMTP_URL=None, SENDGRID_API_KEY=None)
    assert not mail.configured()
    with pytest.raises(mail.MailUnavailableError, match="not_configured"):
        await mail.send(message())
