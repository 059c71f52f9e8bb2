"""More than seventy kinds of wrong tokens, in the shape of both providers: each is 401, and none makes the database work."""

import time
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from tests.identity.forged import KINDS, RSA, RSA_FOR_SECRETS, built_in, forged, keycloaks

from tms.identity import access, providers, verifier
from tms.identity.builtin import keys
from tms.platform import db


class _Keycloak:
    """Publishes what Keycloak does: a key for signatures, and one for encryption that must not verify anything."""

    def __init__(self):
        self.asked = 0

    async def signing_keys(self):
        self.asked += 1
        return {"keys": [key.as_dict(private=False) for key in (RSA_FOR_SECRETS, RSA)]}


@pytest.fixture
async def student(people):
    return await people.student()


@pytest.fixture(params=["built-in", "keycloak"])
async def mint(request, student, monkeypatch):
    """Makes the student's tokens; the verifier has the provider's keys already."""
    verifier.forget()
    keys.forget()
    if request.param == "built-in":
        made = built_in(await keys.signer())
        made.subject = student.account_id
    else:
        monkeypatch.setattr(providers, "current", _Keycloak)
        made = keycloaks(subject=student.account_id)
    await verifier.verify(made.sign(made.good()))
    yield made
    verifier.forget()


@contextmanager
def counted_statements():
    """What is sent to PostgreSQL meanwhile, by any session of this process."""
    statements = []

    def note(*arguments):
        statements.append(arguments[2])

    engines = [engine.sync_engine for engine in (db._database().writer, db._database().reader)]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


async def ask(client, token):
    # As bytes: a header is sent as it is, whatever a client library would say to it.
    return await client.get("/api/v1/me", headers=[(b"authorization", b"Bearer " + token.encode())])


def test_there_are_enough_kinds():
    assert len(KINDS) == len(set(KINDS)) >= 75


async def test_a_wrong_token_is_401_and_makes_no_work(client, mint):
    wrong = {}
    for kind in KINDS:
        token = forged(mint, kind)
        access.forget()
        with counted_statements() as statements:
            started = time.process_time()
            answer = await ask(client, token)
            spent = time.process_time() - started
        refused = answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")
        if (
            not refused
            or answer.json()["code"] not in {"invalid_token", "no_token"}
            or statements
            or spent > 0.2
        ):
            wrong[kind] = (answer.status_code, answer.text, statements, spent)
        # Its sibling, made by the same hand, is let in, and its work is seen by the same count.
        with counted_statements() as statements:
            answer = await ask(client, mint.sign(mint.good()))
        assert answer.status_code == 200, answer.text
        assert statements
    assert wrong == {}
