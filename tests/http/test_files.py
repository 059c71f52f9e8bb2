"""Parts of files as RFC 9110 has them, and names under which files are saved as RFC 6266 has them."""

import email.message
import time
from urllib.parse import unquote

import pytest

from tms.http import files, ranges
from tms.http.ranges import Part, RangeNotSatisfiableError

ETAG = '"abc"'
SIZE = 1000


def asked(value, **more):
    headers = {"range": value} | {name.replace("_", "-"): text for name, text in more.items()}
    return ranges.part(headers, size=SIZE, etag=ETAG)


@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=500-999", 500, 1000),
        ("bytes=500-", 500, 1000),
        ("bytes=0-", 0, 1000),
        ("bytes=999-", 999, 1000),
        ("bytes=900-5000", 900, 1000),
        ("bytes=0-999999999999999999", 0, 1000),
        ("bytes=-1", 999, 1000),
        ("bytes=-500", 500, 1000),
        ("bytes=-1000", 0, 1000),
        ("bytes=-999999999999999999", 0, 1000),
        ("Bytes = 5-6 ", 5, 7),
    ],
)
def test_one_range(value, start, stop):
    assert asked(value) == Part(start, stop)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=1.5-2",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=\u0660-\u0669",
        "bytes=0x1-0x2",
        "bytes= 1 - 2",
        "items=0-5",
        "bytes=0-1,2-3",
        "bytes=0-,0-",
        "bytes=0-1,",
        "bytes=" + ",".join("0-" for _ in range(1000)),
        "bytes=" + ",".join(f"{n}-{SIZE - n}" for n in range(1000)),
        "bytes=" + "9" * 5000 + "-",
        "bytes=0-" + "9" * 5000,
        "bytes=" + " " * 50_000 + "x",
        "none",
    ],
)
def test_what_is_no_single_range_is_the_whole(value):
    assert asked(value) is None


@pytest.mark.parametrize("value", ["bytes=1000-", "bytes=1000-1001", "bytes=999999999999999999-", "bytes=-0"])
def test_what_begins_beyond_the_end(value):
    with pytest.raises(RangeNotSatisfiableError):
        asked(value)


def test_of_an_empty_file_there_is_no_part():
    for value in ("bytes=0-", "bytes=0-0", "bytes=-5"):
        with pytest.raises(RangeNotSatisfiableError):
            ranges.part({"range": value}, size=0, etag=ETAG)
    assert ranges.part({}, size=0, etag=ETAG) is None


def test_if_range_wants_this_very_version():
    assert asked("bytes=0-1", if_range=ETAG) == Part(0, 2)
    for other in ('"other"', 'W/"abc"', "abc", "Wed, 21 Oct 2026 07:28:00 GMT", ""):
        assert asked("bytes=0-1", if_range=other) is None


def test_a_version_that_is_known_is_recognised():
    for known in ('"abc"', 'W/"abc"', '"x", "abc"', 'W/"x",W/"abc"', "*", " * "):
        assert ranges.is_known({"if-none-match": known}, ETAG)
    for other in ("", "abc", '"abcd"', '"xabc"', '"x,\\"abc\\""', '"*"'):
        assert not ranges.is_known({"if-none-match": other}, ETAG)


def test_hostile_ranges_cost_next_to_nothing():
    hostile = [
        "bytes=" + ",".join(f"{number}-" for number in range(1000)),
        "bytes=" + ",".join("-1" for _ in range(1000)),
        "bytes=" + "\t" * 16_000,
        "bytes=" + "1" * 16_000 + "-" + "1" * 16_000,
    ]
    began = time.process_time()
    for value in hostile:
        assert asked(value) is None
        ranges.is_known({"if-none-match": 'W/"' + value}, ETAG)
    assert time.process_time() - began < 0.05


HOSTILE = [
    "plain.docx",
    "two words.docx",
    "ünïcode.docx",
    "日本語.pdf",
    "עברית.pdf",
    "😀.png",
    "a\u0301.txt",
    'quo"te.txt',
    "back\\slash.txt",
    "semi;colon.txt",
    "com,ma.txt",
    "per%cent.txt",
    "%22.txt",
    "%0d%0aSet-Cookie: a=b.txt",
    "apo'strophe.txt",
    "a*b.txt",
    "a=b.txt",
    "<script>alert(1)</script>.html",
    "&lt;.html",
    "$(id).sh",
    "`id`.sh",
    "a|b.txt",
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/etc/passwd",
    "C:\\autoexec.bat",
    "~/.bashrc",
    ".htaccess",
    "con.txt",
    "trailing. ",
    " leading.txt",
    "tab\there.txt",
    "line\nbreak.txt",
    "carriage\r\nSet-Cookie: a=b",
    "nul\x00byte.txt",
    "bell\x07.txt",
    "del\x7f.txt",
    "c1\x85.txt",
    "line\u2028separator.txt",
    "right\u202eto-left.txt",
    "zero\u200bwidth.txt",
    "bom\ufeff.txt",
    "half\ud800.txt",
    "nonchar\uffff.txt",
    "x" * 150,
    "ü" * 75,
    "filename*=UTF-8''other.txt",
    '"; filename="other.txt',
    "a; filename=other.txt",
    "UTF-8''other.txt",
    "=?utf-8?B?b3RoZXI=?=",
    "",
    " ",
    ".",
    "..",
    "-rf",
    "--help",
    "a.docx.exe",
    "(1).pdf",
    "emoji👨‍👩‍👧.txt",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_given_as_one_name(name):
    value = files.attachment(name)
    assert value.isascii()
    assert value.isprintable()
    read = email.message.Message()
    read["Content-Disposition"] = value
    assert read.get_content_disposition() == "attachment"
    names = [key for key, _ in read.get_params(header="Content-Disposition")]
    assert names[0] == "attachment"
    assert set(names[1:]) == {"filename"}
    # The plain one holds nothing that could end it; the other one is the name itself.
    plain = value.partition('filename="')[2].partition('"')[0]
    assert len(plain) == len(name)
    assert value.endswith(f"\"{plain}\"; filename*=UTF-8''{value.rpartition(chr(39))[2]}")
    whole = value.rpartition("''")[2]
    assert unquote(whole, errors="strict") == name.encode("utf-8", "replace").decode()


def test_there_are_sixty_hostile_names():
    assert len(HOSTILE) == len(set(HOSTILE)) >= 60
