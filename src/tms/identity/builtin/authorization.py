"""What a program asks for when it sends a browser to sign in (RFC 6749, 4.1.1; RFC 7636; OpenID Connect Core, 3.1.2.1)."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from tms.identity.builtin import clients
from tms.identity.builtin.errors import OAuthError
from tms.platform.settings import get_settings

SCOPES = ("openid", "profile", "email")
LONGEST_PARAMETER = 2000

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_AGE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that may be granted."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str | None
    nonce: str | None
    code_challenge: str
    prompt: frozenset[str]
    max_age: int | None
    """Seconds within which the person must have given their password."""
    login_hint: str | None


class UnsafeRequestError(Exception):
    """A request that must not be answered by a redirect, since nobody knows where it would lead; shown as a page."""


class RefusedRequestError(OAuthError):
    """A request that the program is told about, by a redirect to it."""

    def __init__(self, error: str, description: str, *, redirect_uri: str, state: str | None) -> None:
        super().__init__(error, description)
        self.redirect_uri = redirect_uri
        self.state = state

    @property
    def location(self) -> str:
        """Where the browser goes with the refusal."""
        return answer(
            self.redirect_uri, self.state, {"error": self.error, "error_description": self.description}
        )


def answer(redirect_uri: str, state: str | None, values: dict[str, str]) -> str:
    """The program's address with what it is told; `iss` names who says it (RFC 9207)."""
    told = {**values, "iss": get_settings().issuer}
    if state is not None:
        told["state"] = state
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(told)}"


def scope_of(asked: str | None) -> str:
    """What is granted of the scopes asked for; unknown ones are left out, as RFC 6749, 3.3 allows."""
    wanted = (asked or "").split(" ")
    return " ".join([*(["openid"] if "openid" in wanted else []), "profile", "email"])


def parse(parameters: dict[str, str]) -> AuthorizationRequest:
    """The request behind the query of an authorization address.

    Raises `UnsafeRequestError` for a page, `RefusedRequestError` for a redirect.
    """
    client = clients.find(parameters.get("client_id"))
    if client is None:
        raise UnsafeRequestError("The program that sent you here is not known.")
    redirect_uri = parameters.get("redirect_uri", "")
    if not clients.accepts_redirect(client, redirect_uri):
        raise UnsafeRequestError("The program that sent you here gave an address that is not its own.")
    if any(len(value) > LONGEST_PARAMETER for value in parameters.values()):
        raise UnsafeRequestError("The address that sent you here is too long.")
    state = parameters.get("state")
    fault = _fault(parameters)
    if fault is not None:
        raise RefusedRequestError(*fault, redirect_uri=redirect_uri, state=state)
    max_age = parameters.get("max_age")
    return AuthorizationRequest(
        client_id=client.id,
        redirect_uri=redirect_uri,
        scope=scope_of(parameters.get("scope")),
        state=state,
        nonce=parameters.get("nonce"),
        code_challenge=parameters["code_challenge"],
        prompt=frozenset(parameters.get("prompt", "").split()),
        max_age=int(max_age) if max_age is not None else None,
        login_hint=parameters.get("login_hint"),
    )


def _fault(parameters: dict[str, str]) -> tuple[str, str] | None:
    response_type = parameters.get("response_type")
    if response_type is None:
        return "invalid_request", "Missing parameter: response_type"
    if response_type != "code":
        return "unsupported_response_type", "Only response_type=code is supported"
    if parameters.get("response_mode", "query") != "query":
        return "invalid_request", "Only response_mode=query is supported"
    if "request" in parameters:
        return "request_not_supported", "Request objects are not supported"
    if "request_uri" in parameters:
        return "request_uri_not_supported", "Request objects are not supported"
    return _fault_in_proof(parameters) or _fault_in_prompt(parameters)


def _fault_in_proof(parameters: dict[str, str]) -> tuple[str, str] | None:
    if "code_challenge" not in parameters:
        return "invalid_request", "Missing parameter: code_challenge"
    if parameters.get("code_challenge_method") != "S256":
        return "invalid_request", "code_challenge_method must be S256"
    if not _CHALLENGE.fullmatch(parameters["code_challenge"]):
        return "invalid_request", "Invalid parameter: code_challenge"
    return None


def _fault_in_prompt(parameters: dict[str, str]) -> tuple[str, str] | None:
    prompt = parameters.get("prompt", "").split()
    if "none" in prompt and len(prompt) > 1:
        return "invalid_request", "prompt=none goes with no other value"
    if not _AGE.fullmatch(parameters.get("max_age", "0")):
        return "invalid_request", "Invalid parameter: max_age"
    return None
