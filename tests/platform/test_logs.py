"""The last line of defence: what must not be in a log is taken out of it, and a line stays a line."""

import io
import json
import logging
import subprocess
import sys
import time

import psycopg
import pytest
from pydantic import BaseModel, ValidationError

from tms.platform import logs, redaction

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"


@pytest.fixture
def log():
    """A logger of its own behind our formatter; `log.lines()` are the objects written."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.Formatter())
    handler.addFilter(logs._RequestId())
    logger = logging.getLogger("of.this.test")
    logger.propagate = False
    logger.addHandler(handler)
    logger.raw = written.getvalue
    logger.lines = lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    yield logger
    logger.removeHandler(handler)


def test_a_line_is_an_object_with_the_id_of_its_request(log):
    token = logs.request_id.set("abc")
    log.warning("something %s", "happened", extra={"user": "0192f0c1", "count": 3, "kept": None})
    logs.request_id.reset(token)
    [line] = log.lines()
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "of.this.test",
        "message": "something happened",
        "requestId": "abc",
        "user": "0192f0c1",
        "count": 3,
        "kept": None,
    }


@pytest.mark.parametrize(
    "forged", ['a\r\n{"level":"INFO"}', "a\nb", "a\u2028b", "a\x85b", "a\x0bb", "a\x1b[2Jb"]
)
def test_no_text_makes_a_line_of_its_own(log, forged):
    log.error(forged, extra={"path": forged})
    assert len(log.raw().splitlines()) == 1
    assert log.raw().isascii()
    assert "\x1b" not in log.raw()
    [line] = log.lines()
    assert line["message"] == forged


SECRETS = [
    (f"token {TOKEN} refused", "eyJ"),
    (f"Authorization: Bearer {TOKEN}", "eyJ"),
    ("authorization: bearer opaque-token-123", "opaque"),
    ("GET /x?access_token=hidden-one&y=2", "hidden-one"),
    ("GET /login/callback?code=hidden-one&state=hidden-one", "hidden-one"),
    ("{'password': 'hidden one', 'x': 1}", "hidden one"),
    ('{"newPassword": "swordfish \\" trout", "x": 1}', "trout"),
    ("client_secret=hidden-one", "hidden-one"),
    ("password: hidden-one", "hidden-one"),
    ("postgresql://tms:hidden-one@db.internal/tms failed", "hidden-one"),
    ("smtp://user:hid%40den@mail:587", "hid%40den"),
    ("mail to ada.lovelace+x@example.org failed", "lovelace"),
    ("mail to <ada@example.org>", "ada@"),
    ("GET /users?email=ada%40example.org", "ada"),
    ("550 <ädä@bücher.example>: no such user", "ädä"),
    ("sealed gAAAAABl0000000000000000000000000000000000==", "gAAAAAB"),
]


@pytest.mark.parametrize(("said", "hidden"), SECRETS)
def test_secrets_and_addresses_are_taken_out(log, said, hidden):
    log.warning(said)
    log.warning("%s", said)
    log.warning("x", extra={"told": said, "deep": {"list": [said, (said,)]}, "object": ValueError(said)})
    assert hidden not in json.dumps(log.lines(), ensure_ascii=False)


@pytest.mark.parametrize(
    "field",
    ["password", "new_password", "access_token", "token", "email", "email_norm", "to_address", "phone",
     "firstName", "last_name", "username", "Authorization", "cookie", "SECRET_KEY"],
)  # fmt: skip
def test_fields_with_a_telling_name_lose_their_value(log, field):
    log.warning("x", extra={field: "Ada"})
    log.warning("x", extra={"more": {field: ["Ada"]}})
    first, second = log.lines()
    assert first[field] == redaction.HIDDEN
    assert second["more"][field] == redaction.HIDDEN


@pytest.mark.parametrize(
    "said",
    [
        "job notifications.send[7] failed with SQLSTATE 23505",
        "GET /api/v1/students/0192f0c1-2345-7abc-8def-0123456789ab",
        "constraint uq_users_email_norm",
        "listening at http://127.0.0.1:8000",
    ],
)
def test_the_rest_stays_readable(said):
    assert redaction.text(said) == said


def raised(action):
    try:
        action()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
        return error
    raise AssertionError("nothing was raised")


NAME = "Lovelace"


class Person(BaseModel):
    age: int


def test_errors_of_libraries_that_quote_do_not_quote(log, cluster):
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE t (name text CONSTRAINT t_name_short CHECK (length(name) < 3))")
        refused = raised(lambda: connection.execute("INSERT INTO t VALUES (%s)", [NAME]))
    invalid = raised(lambda: Person(age=NAME))
    assert isinstance(invalid, ValidationError)
    for error in (refused, invalid):
        assert NAME in str(error)
        log.error("failed", exc_info=error)
    first, second = log.lines()
    assert NAME not in log.raw()
    assert first["exc_info"].endswith(
        "psycopg.errors.CheckViolation: SQLSTATE 23514, constraint t_name_short"
    )
    assert "ValidationError" in second["exc_info"]


def test_errors_behind_errors_are_told(log):
    def fail():
        try:
            {}["first"]
        except KeyError as error:
            raise RuntimeError("mail to ada@example.org") from error

    log.error("failed", exc_info=raised(fail))
    group = ExceptionGroup("several", [raised(fail), OSError("disk")])
    log.error("failed", exc_info=group)
    for line in log.lines():
        assert "KeyError: 'first'" in line["exc_info"]
        assert "mail to [address]" in line["exc_info"]
        assert "test_logs.py" in line["exc_info"]
    assert "OSError: disk" in log.lines()[1]["exc_info"]


def test_a_long_line_costs_no_more_than_its_length():
    for piece in ("a", "a.", "password", "://", "@", "%40", "eyJ", "bearer "):
        text = piece * (2_000_000 // len(piece))
        started = time.monotonic()
        assert len(redaction.text(text)) < 2 * redaction.LONGEST
        assert time.monotonic() - started < 5, piece


UNCAUGHT = """
import logging, logging.config, threading
from uvicorn.config import LOGGING_CONFIG
logging.config.dictConfig(LOGGING_CONFIG)
from tms.platform import logs
logs.configure()
logging.getLogger("uvicorn.error").error("ada@example.org\\nsecond line")
logging.getLogger("uvicorn.access").info('%s - "GET /x?token=y"', "198.51.100.7")
import warnings
warnings.warn("beware of ada@example.org")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("password=hidden-one")
"""


def test_where_uvicorn_was_started_by_itself_its_lines_are_ours_too():
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["logger"] for line in lines] == ["uvicorn.error", "py.warnings", "tms", "tms"]
    assert "example.org" not in done.stderr
    assert "hidden-one" not in done.stderr
    assert "198.51.100.7" not in done.stderr
