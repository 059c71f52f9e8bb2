"""The one connection to Keycloak: a token that is reused, bounded waiting, and one judgement of what comes back."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar, cast

from keycloak import KeycloakOpenIDConnection
from keycloak.connection import ConnectionManager
from keycloak.exceptions import KeycloakConnectionError, KeycloakError, KeycloakOperationError
from keycloak.urls_patterns import URL_CERTS

from tms.identity.errors import ProviderRefusesError, ProviderUnavailableError
from tms.identity.keycloak.breaker import Breaker
from tms.identity.patience import CONNECT_SECONDS, READ_SECONDS

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""Requests under way; more would only queue up inside Keycloak."""
LONGEST_WAIT_SECONDS = 5.0
"""For one's turn among those; who waits longer is told that Keycloak does not answer."""

T = TypeVar("T")
Call = Callable[[], Awaitable[Any]]


class Connection(KeycloakOpenIDConnection):
    """python-keycloak's connection as the client's service account.

    Each request raises `ProviderUnavailableError` where Keycloak does not answer, answers 429 or 5xx, sends something
    that is no JSON, or does not let us in. Other answers, such as 404 and 409, are the caller's to read.
    """

    def __init__(self, server_url: str, realm: str, client_id: str, client_secret: str) -> None:
        super().__init__(
            server_url=f"{server_url}/",
            realm_name=realm,
            client_id=client_id,
            client_secret_key=client_secret,
            timeout=_timeouts(),
            pool_maxsize=AT_ONCE,
        )
        self.breaker = Breaker()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._renewing = asyncio.Lock()

    async def aclose(self) -> None:
        """Close both sets of sockets: those of requests, and those with which tokens are fetched."""
        await self.async_s.aclose()
        await self.keycloak_openid.connection.async_s.aclose()

    async def a_raw_get(self, *args: Any, **kwargs: Any) -> Any:
        """GET; errors as the class says."""
        return await self._ask(lambda: ConnectionManager.a_raw_get(self, *args, **kwargs))

    async def a_raw_post(self, *args: Any, **kwargs: Any) -> Any:
        """POST; errors as the class says."""
        return await self._ask(lambda: ConnectionManager.a_raw_post(self, *args, **kwargs))

    async def a_raw_put(self, *args: Any, **kwargs: Any) -> Any:
        """PUT; errors as the class says."""
        return await self._ask(lambda: ConnectionManager.a_raw_put(self, *args, **kwargs))

    async def a_raw_delete(self, *args: Any, **kwargs: Any) -> Any:
        """DELETE; errors as the class says."""
        return await self._ask(lambda: ConnectionManager.a_raw_delete(self, *args, **kwargs))

    async def public_keys(self) -> dict[str, Any]:
        """The realm's JWK set (RFC 7517). No token is needed for it, and nobody's turn is waited for."""
        path = URL_CERTS.format(**{"realm-name": self.realm_name})
        with self.breaker.attempt():
            response = await _answered(lambda: self.keycloak_openid.connection.a_raw_get(path))
        found = response.json() if response.status_code == 200 else None
        if not isinstance(found, dict):
            logger.error("keycloak has no such realm", extra={"status": response.status_code})
            raise ProviderUnavailableError
        return found

    async def _ask(self, call: Call) -> Any:
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError as error:
            raise ProviderUnavailableError from error
        try:
            with self.breaker.attempt():
                response = await self._with_token(call)
        finally:
            self._slots.release()
        if response.status_code in {401, 403}:
            logger.error(
                "keycloak does not let us do this: run `tms keycloak check`",
                extra={"status": response.status_code},
            )
            raise ProviderRefusesError
        return response

    async def _with_token(self, call: Call) -> Any:
        used = await self._good_token(refused=None)
        response = await _answered(call)
        if response.status_code == 401:
            # It has ended early: signed out, the realm's keys changed, or Keycloak started anew.
            await self._good_token(refused=used)
            response = await _answered(call)
        return response

    async def _good_token(self, *, refused: str | None) -> str:
        """The access token in use; a new one where there is none, it is about to end, or it is the refused one."""
        if self._holds(refused):
            return self._access_token()
        async with self._renewing:
            # Whoever had the lock before may have renewed it.
            if not self._holds(refused):
                await self._sign_in()
        return self._access_token()

    def _access_token(self) -> str:
        return str(self.token["access_token"]) if self.token else ""

    def _holds(self, refused: str | None) -> bool:
        if self.token is None or self.expires_at is None or self._access_token() == refused:
            return False
        return self.expires_at.timestamp() > time.time()

    async def _sign_in(self) -> None:
        try:
            await self.a_get_token()
        except KeycloakConnectionError as error:
            raise ProviderUnavailableError from error
        except (KeycloakError, TypeError, KeyError) as error:
            status = error.response_code if isinstance(error, KeycloakOperationError) else None
            logger.exception(
                "keycloak gives our service account no token: run `tms keycloak check`",
                extra={"status": status},
            )
            raise ProviderUnavailableError from error


async def together(calls: Iterable[Awaitable[T]]) -> list[T]:
    """The results of calls made at once. All have ended, whatever came of them, before the first error is raised."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast("list[T]", results)


def _timeouts() -> int:
    """As httpx takes it: (connect, read, write, pool). python-keycloak hands it on and believes it to be a number."""
    return cast("int", (CONNECT_SECONDS, READ_SECONDS, READ_SECONDS, LONGEST_WAIT_SECONDS))


async def _answered(call: Call) -> Any:
    """The response, if it is one that Keycloak itself gives when it is well."""
    try:
        response = await call()
    except KeycloakConnectionError as error:
        raise ProviderUnavailableError from error
    if response.status_code == 429 or response.status_code >= 500:
        unavailable = ProviderUnavailableError()
        unavailable.asked_to_wait = _seconds(response.headers.get("Retry-After"))
        raise unavailable
    if response.content and not _is_json(response.content):
        # A proxy's page, or half an answer.
        raise ProviderUnavailableError
    return response


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _seconds(retry_after: str | None) -> float | None:
    """The seconds of a `Retry-After` header (RFC 9110, 10.2.3); a date is taken as no statement."""
    return float(retry_after) if retry_after is not None and retry_after.strip().isdecimal() else None
