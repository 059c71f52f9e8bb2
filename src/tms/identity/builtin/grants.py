"""From a code, a refresh token or a password to tokens. What is used up stays used up, also where the answer is no."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tms.identity.builtin import credentials, sessions, throttle, tokens
from tms.identity.builtin.authorization import AuthorizationRequest, scope_of
from tms.identity.builtin.clients import Client
from tms.identity.builtin.credentials import Outcome
from tms.identity.builtin.errors import OAuthError
from tms.identity.builtin.models import AuthorizationCode, RefreshToken
from tms.platform import clock, db

CODE_LIFETIME = timedelta(seconds=60)
LONGEST_SECRET = 200

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class _Granted:
    """A session with the tokens it is about to get."""

    row: RowMapping
    client_id: str
    scope: str
    refresh_token: str
    nonce: str | None = None


async def issue_code(session: AsyncSession, browser: RowMapping, request: AuthorizationRequest) -> str:
    """A code for the program that sent this browser (a row of `sessions.of_cookie`, locked)."""
    code = sessions.new_secret()
    await session.execute(
        insert(AuthorizationCode).values(
            code_hash=sessions.hashed(code),
            account_id=browser["account_id"],
            session_id=browser["id"],
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            nonce=request.nonce,
            scope=request.scope,
            expires_at=clock.db_now() + CODE_LIFETIME,
        )
    )
    return code


async def by_code(client: Client, form: dict[str, str]) -> dict[str, Any]:
    """Tokens for a code. A code that comes twice ends what it had opened (RFC 6749, 4.1.2)."""
    async with db.transaction() as session:
        outcome = await _spend_code(session, client, form)
    return await _answer(outcome)


async def _spend_code(session: AsyncSession, client: Client, form: dict[str, str]) -> _Granted | str:
    code_hash = sessions.hashed(form.get("code", "")[:LONGEST_SECRET])
    of_code = select(AuthorizationCode.__table__).where(AuthorizationCode.code_hash == code_hash)
    found = (await session.execute(of_code)).mappings().one_or_none()
    if found is None:
        return "Code not valid"
    await sessions.hold_account(session, found["account_id"])
    row = await sessions.find(session, found["session_id"], lock=True)
    # Read again under the lock: somebody may have used it in the meantime.
    fresh = of_code.add_columns((AuthorizationCode.expires_at > clock.db_now()).label("holds"))
    code = (await session.execute(fresh)).mappings().one_or_none()
    if row is None or code is None:
        return "Code not valid"
    if code["used_at"] is not None:
        await sessions.end(session, code["session_id"])
        return "Code not valid"
    await session.execute(
        update(AuthorizationCode)
        .where(AuthorizationCode.code_hash == code_hash)
        .values(used_at=clock.db_now())
    )
    fault = _fault_of_code(code, client, form)
    if fault is not None:
        return fault
    return await _open(session, client, code, row)


def _fault_of_code(code: RowMapping, client: Client, form: dict[str, str]) -> str | None:
    if not code["holds"] or code["client_id"] != client.id:
        return "Code not valid"
    if code["redirect_uri"] != form.get("redirect_uri"):
        return "Incorrect redirect_uri"
    if not _proves(form.get("code_verifier", ""), code["code_challenge"]):
        return "PKCE verification failed"
    return None


async def _open(session: AsyncSession, client: Client, code: RowMapping, row: RowMapping) -> _Granted:
    """Our own pages live in the browser's session; a program gets one of its own."""
    session_id: UUID = row["id"]
    if not client.confidential:
        session_id = await sessions.start_for_program(session, row["account_id"])
        await session.execute(
            update(AuthorizationCode)
            .where(AuthorizationCode.code_hash == code["code_hash"])
            .values(session_id=session_id)
        )
    opened = await sessions.find(session, session_id)
    if opened is None:
        raise OAuthError("invalid_grant", "Session not active")
    token = await _add_refresh_token(session, session_id, client.id, code["scope"])
    return _Granted(opened, client.id, code["scope"], token, code["nonce"])


def _proves(verifier: str, challenge: str) -> bool:
    """PKCE, S256 (RFC 7636, 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())


async def _add_refresh_token(session: AsyncSession, session_id: UUID, client_id: str, scope: str) -> str:
    token = sessions.new_secret()
    await session.execute(
        insert(RefreshToken).values(
            token_hash=sessions.hashed(token),
            session_id=session_id,
            client_id=client_id,
            scope=scope,
            issued_at=clock.db_now(),
        )
    )
    return token


async def by_refresh_token(client: Client, form: dict[str, str]) -> dict[str, Any]:
    """New tokens for a refresh token, which is replaced; a used one that comes again ends the session (RFC 9700, 4.14)."""
    async with db.transaction() as session:
        outcome = await _spend_refresh_token(session, client, form)
    return await _answer(outcome)


def _of_token(token: str) -> Any:
    return RefreshToken.token_hash == sessions.hashed(token[:LONGEST_SECRET])


async def _spend_refresh_token(session: AsyncSession, client: Client, form: dict[str, str]) -> _Granted | str:
    of_token = select(RefreshToken.__table__).where(
        _of_token(form.get("refresh_token", "")), RefreshToken.client_id == client.id
    )
    found = (await session.execute(of_token)).mappings().one_or_none()
    row = await sessions.find(session, found["session_id"], lock=True) if found is not None else None
    if found is None or row is None:
        return "Token is not active"
    used_at = select(RefreshToken.used_at).where(RefreshToken.token_hash == found["token_hash"])
    if (await session.execute(used_at)).scalar_one() is not None:
        await sessions.end(session, row["id"])
        return "Token is not active"
    scope = _narrowed(found["scope"], form.get("scope"))
    await session.execute(
        update(RefreshToken)
        .where(RefreshToken.token_hash == found["token_hash"])
        .values(used_at=clock.db_now())
    )
    await sessions.touch(session, row["id"], browser=row["cookie_hash"] is not None)
    token = await _add_refresh_token(session, row["id"], client.id, found["scope"])
    touched = await sessions.find(session, row["id"])
    return _Granted(touched or row, client.id, scope, token)


def _narrowed(granted: str, asked: str | None) -> str:
    if asked is None:
        return granted
    if not set(asked.split()) <= set(granted.split()):
        raise OAuthError("invalid_scope", "The scope is wider than the one that was granted")
    return " ".join(part for part in granted.split() if part in asked.split())


async def by_password(client: Client, form: dict[str, str], origin: throttle.Origin) -> dict[str, Any]:
    """Tokens for a name and a password, for scripts.

    Keycloak answers a right temporary password with "Account is not fully set up", by which a guesser would learn that
    it is right without using it up. Here both answers are the one of a wrong password.
    """
    if not client.takes_passwords:
        raise OAuthError("unauthorized_client", "Client not allowed for direct access grants")
    if "username" not in form or "password" not in form:
        raise OAuthError("invalid_request", "Missing parameter: username and password are needed")
    attempt = await credentials.check(form["username"], form["password"], origin)
    if attempt.outcome is Outcome.LATER:
        later = OAuthError("temporarily_unavailable", "Too many failed attempts; try again later", status=429)
        later.retry_after = attempt.retry_after
        raise later
    if attempt.outcome is Outcome.RIGHT and attempt.account is not None:
        async with db.transaction() as session:
            outcome = await _start(session, client, attempt, attempt.account, scope_of(form.get("scope")))
        if outcome is not None:
            return await _answer(outcome)
    # Keycloak answers 401 here, where RFC 6749, 5.2 would have 400.
    raise OAuthError("invalid_grant", "Invalid user credentials", status=401)


async def _start(
    session: AsyncSession,
    client: Client,
    attempt: credentials.Attempt,
    account: RowMapping,
    scope: str,
) -> _Granted | None:
    started = await sessions.start(
        session, account["id"], password_epoch=account["password_epoch"], browser=False
    )
    if started is None:
        return None
    await throttle.succeeded(session, attempt.verdict)
    token = await _add_refresh_token(session, started.id, client.id, scope)
    row = await sessions.find(session, started.id)
    return None if row is None else _Granted(row, client.id, scope, token)


async def _answer(outcome: _Granted | str) -> dict[str, Any]:
    """The token endpoint's answer (RFC 6749, 5.1) with Keycloak's additions; a text is why not."""
    if isinstance(outcome, str):
        raise OAuthError("invalid_grant", outcome)
    row = outcome.row
    holder = tokens.Holder(row["account_id"], row["email"], row["first_name"], row["last_name"], row["role"])
    grant = tokens.Grant(
        row["id"], outcome.client_id, outcome.scope, int(row["started_at"].timestamp()), outcome.nonce
    )
    answer: dict[str, Any] = {
        "access_token": await tokens.access_token(holder, grant),
        "expires_in": tokens.ACCESS_SECONDS,
        "refresh_expires_in": row["seconds_left"],
        "refresh_token": outcome.refresh_token,
        "token_type": "Bearer",
        "not-before-policy": 0,
        "session_state": str(row["id"]),
        "scope": outcome.scope,
    }
    if "openid" in outcome.scope.split():
        answer["id_token"] = await tokens.id_token(holder, grant)
    return answer


async def revoke(client: Client, token: str) -> None:
    """End the session of a refresh token; one that is unknown, or another program's, is as good as ended (RFC 7009)."""
    statement = select(RefreshToken.session_id).where(_of_token(token), RefreshToken.client_id == client.id)
    async with db.transaction() as session:
        session_id = (await session.execute(statement)).scalar_one_or_none()
        if session_id is not None:
            await sessions.end(session, session_id)
