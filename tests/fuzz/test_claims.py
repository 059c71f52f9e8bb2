"""Uploads whose requests say what is not so: lengths, boundaries, names, types. Each has its typed outcome, and leaves nothing."""

import asyncio
import gzip
import io
from dataclasses import dataclass

import pytest
from tests.content.documents import PNG, build
from tests.fuzz.test_sockets import OTHERS_SECONDS, Talk, goes_on, head, statuses

from tms.content import sizes

READ, NOTHING = "read", "no answer"
EMPTY, MISSING, MALFORMED = "empty_file", "missing_file", "malformed_form"
MISMATCH, UNSUPPORTED = "type_mismatch", "unsupported_type"
TOO_LARGE = "body_too_large"
FIELD = 'form-data; name="file"; filename="a.docx"'
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _document():
    held = io.BytesIO()
    build(held, ("Heading 1", "Heat"), (None, "Water boils."))
    return held.getvalue()


DOCUMENT = _document()


def part(content=DOCUMENT, disposition=FIELD, *lines, end="\r\n"):
    headers = [f"Content-Disposition: {disposition}", *lines] if disposition is not None else list(lines)
    return end.join(["--x", *headers, "", ""]).encode() + content + end.encode()


def form(*parts, end=b"--x--\r\n"):
    return b"".join(parts) + end


@dataclass(frozen=True)
class Claim:
    """A request by what it says of itself; without `length` it says how long its body is."""

    name: str
    expected: str
    body: bytes
    boundary: str = "boundary=x"
    kind: str = "multipart/form-data"
    length: int | str | None = None
    more: tuple[str, ...] = ()
    chunks: bool = False

    def lines(self):
        kind = f"Content-Type: {self.kind}" + (f"; {self.boundary}" if self.boundary else "")
        length = len(self.body) if self.length is None else self.length
        long = "Transfer-Encoding: chunked" if self.chunks else f"Content-Length: {length}"
        return (kind, long, "Connection: close", *self.more)


def chunked(body, *, end=b"0\r\n\r\n"):
    return b"%x\r\n%b\r\n" % (len(body), body) + end


GOOD = form(part())
CLAIMS = [
    # What is right, in each way that the RFCs allow.
    Claim("a right form", READ, GOOD),
    Claim("in chunks", READ, chunked(GOOD), chunks=True),
    Claim("a quoted boundary", READ, GOOD.replace(b"--x", b"--x y"), 'boundary="x y"'),
    Claim("other fields beside it", READ, form(part(b"review", 'form-data; name="purpose"'), part())),
    Claim("an epilogue", READ, GOOD + b"whatever follows"),
    Claim("its own boundary in it", MALFORMED, form(part(b"PK\r\n--xy\r\n--x -\r\n"))),
    # Lengths.
    Claim("nothing at all", MALFORMED, b""),
    Claim("a length of 0 with a body", MALFORMED, GOOD, length=0),
    Claim("half of what comes", MALFORMED, GOOD, length=len(GOOD) // 2),
    Claim("one byte less", READ, GOOD, length=len(GOOD) - 2),
    Claim("more than comes", NOTHING, GOOD, length=len(GOOD) + 1000),
    Claim("two gigabytes and ten bytes", NOTHING, GOOD[:10], length=2_000_000_000),
    Claim("more than is taken", TOO_LARGE, GOOD, length=sizes.FORM_BYTES + 1),
    Claim("more than a number holds", "400", GOOD, length="9" * 40),
    Claim("more, and waits for leave", TOO_LARGE, b"", length=2**40, more=("Expect: 100-continue",)),
    Claim("chunks that end early", NOTHING, chunked(GOOD, end=b""), chunks=True),
    Claim("a chunk that ends early", NOTHING, b"%x\r\n" % (len(GOOD) + 5) + GOOD, chunks=True),
    Claim("chunks of half a form", MALFORMED, chunked(GOOD[: len(GOOD) // 2]), chunks=True),
    # Boundaries.
    Claim("another boundary", MALFORMED, GOOD, "boundary=y"),
    Claim("no boundary", MALFORMED, GOOD, ""),
    Claim("an empty boundary", MALFORMED, GOOD, "boundary="),
    Claim("a boundary of 10,000", MALFORMED, GOOD, f"boundary={'x' * 10_000}"),
    Claim("a boundary longer than any", MALFORMED, GOOD.replace(b"--x", b"--" + b"x" * 201), f"boundary={'x' * 201}"),
    Claim("no end", MALFORMED, form(part(), end=b"")),
    Claim("an end without its dashes", MALFORMED, form(part(), end=b"--x")),
    Claim("line feeds alone", MALFORMED, form(part(end="\n"), end=b"--x--\n")),
    # Parts.
    Claim("no part", MISSING, b"--x--\r\n"),
    Claim("no file name", MISSING, form(part(DOCUMENT, 'form-data; name="file"'))),
    Claim("no file chosen", MISSING, form(part(b"", 'form-data; name="file"; filename=""'))),
    Claim("another part's name", MISSING, form(part(DOCUMENT, 'form-data; name="document"; filename="a.docx"'))),
    Claim("its name in capitals", MISSING, form(part(DOCUMENT, 'form-data; name="FILE"; filename="a.docx"'))),
    Claim("no name", MISSING, form(part(DOCUMENT, 'form-data; filename="a.docx"'))),
    Claim("no disposition", MISSING, form(part(DOCUMENT, None, f"Content-Type: {WORD}"))),
    Claim("two files", MALFORMED, form(part(), part())),
    Claim("a file after one that is empty", MALFORMED, form(part(b""), part())),
    Claim("an empty file", EMPTY, form(part(b""))),
    Claim("eleven parts", MALFORMED, form(*[part(b"1", f'form-data; name="{n}"') for n in range(10)], part())),
    Claim("five thousand parts", MALFORMED, form(*[part(b"1", 'form-data; name="a"')] * 5000)),
    Claim("a part's head of 100 KB", MALFORMED, form(part(DOCUMENT, f'{FIELD}; a="{"b" * 100_000}"'))),
    Claim("a part's head of many lines", MALFORMED, form(part(DOCUMENT, FIELD, *[f"X-{n}: {'a' * 90}" for n in range(500)]))),
    Claim("a head that does not end", MALFORMED, b"--x\r\nContent-Disposition: " + b"a" * 10_000),
    # Types, declared of the request and of the part.
    Claim("a file without a form", MISSING, DOCUMENT, "", WORD),
    Claim("fields of a plain form", MISSING, b"file=a.docx", "", "application/x-www-form-urlencoded"),
    Claim("no type", MISSING, GOOD, "", ""),
    Claim("packed", MALFORMED, gzip.compress(GOOD), more=("Content-Encoding: gzip",)),
    Claim("a document that is declared to be a picture", READ, form(part(DOCUMENT, FIELD, "Content-Type: image/png"))),
    Claim("a picture that is declared to be a document", MISMATCH, form(part(PNG, FIELD, f"Content-Type: {WORD}"))),
    Claim("a program that is declared to be a document", MISMATCH, form(part(b"MZ\x90\x00" * 500, FIELD, f"Content-Type: {WORD}"))),
    Claim("in base 64", MISMATCH, form(part(b"UEsDBBQAAAAIAA==", FIELD, "Content-Transfer-Encoding: base64"))),
    Claim("a form within", MISMATCH, form(part(GOOD.replace(b"--x", b"--z"), FIELD, "Content-Type: multipart/mixed; boundary=z"))),
    # Names of files; what cannot be shown of them is left out.
    # Forms have no such parameter (RFC 7578, 4.2).
    Claim("an encoded name", MISSING, form(part(DOCUMENT, "form-data; name=\"file\"; filename*=UTF-8''%C3%BC.docx"))),
    Claim("a name that is no UTF-8", READ, form(part()).replace(b"a.docx", b"\xff\xfe.docx")),
    Claim("a name with NUL", READ, form(part()).replace(b"a.docx", b"a\x00.docx")),
    Claim("a name that is a path", READ, form(part()).replace(b"a.docx", b"../../../etc/a.docx")),
    Claim("a name without its kind", MISMATCH, form(part()).replace(b"a.docx", b"a")),
    Claim("two names", MISMATCH, form(part(DOCUMENT, f'{FIELD}; filename="b.pdf"'))),
    Claim("a name of 1,000", READ, form(part()).replace(b"a.docx", b"a" * 1000 + b".docx")),
    Claim("a name of 10,000", MALFORMED, form(part()).replace(b"a.docx", b"a" * 10_000 + b".docx")),
]  # fmt: skip


@pytest.fixture
async def admin(people):
    return await people.admin()


async def ask(served, path, claim, token):
    """The outcome as the client hears it: the code of a refusal, `read`, or that the server just hung up."""
    async with Talk(served) as talk:
        await talk.say(head(path, *claim.lines(), token=token))
        try:
            await talk.say(claim.body)
            if claim.expected == NOTHING:
                talk.writer.write_eof()
        except ConnectionError:
            pass
        answer = await talk.hear()
    found = statuses(answer)
    if not found:
        return NOTHING
    if found[0] in {200, 202}:
        return READ
    code = answer.partition(b'"code":')[2].partition(b'"')[2].partition(b'"')[0].decode()
    return code or str(found[0])


async def test_what_uploads_claim(served, admin):
    """One after the other on a course of its own, so that a document that was read is not there already."""
    outcomes = {}
    for claim in CLAIMS:
        body = {
            "title": "Safety",
            "category": "Safety",
            "templateType": "text-only",
            "difficulty": "beginner",
            "estimatedDuration": 1,
        }
        course = (await admin.post("/courses", body, status=201))["data"]["id"]
        async with asyncio.timeout(30):
            outcome = await ask(served, f"/courses/{course}/upload-content", claim, admin.token)
        found = (await admin.get(f"/courses/{course}?include_sections=true"))["data"]["sections"]
        outcomes[claim.name] = (outcome, [one["title"] for one in found])
    expected = {one.name: (one.expected, ["Heat"] if one.expected == READ else []) for one in CLAIMS}
    assert outcomes == expected
    assert await goes_on(served) < OTHERS_SECONDS


def test_each_claim_has_its_name():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS) >= 50
