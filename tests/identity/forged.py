"""Tokens that a provider never made, or made for somebody else: more than seventy kinds, and good ones to tell them from."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

ISSUER = "http://tms.test/realms/tms"
STRANGER = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
RSA = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "rsa"})
RSA_STRANGER = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "stranger"})
RSA_FOR_SECRETS = RSAKey.generate_key(2048, {"use": "enc", "alg": "RSA-OAEP", "kid": "enc"})


@dataclass
class Mint:
    """Makes tokens as one provider does: its key, its algorithm, and what it claims besides the usual."""

    key: object
    kid: str
    algorithm: str
    stranger: object
    """Another key of the same kind, which the provider does not publish."""
    subject: str = "0192f0c1-2345-7abc-8def-0123456789ab"
    own: dict = field(default_factory=dict)

    def good(self, **changes):
        """The claims of a good token; a change to `...` leaves a claim out."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": self.subject,
            "aud": ["tms"],
            "typ": "Bearer",
            "azp": "tms-cli",
            "exp": now + 300,
            "iat": now,
            "jti": str(uuid4()),
            "realm_access": {"roles": ["student"]},
            **self.own,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not ...}

    def sign(self, claims, *, header=None, key=None):
        named = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **(header or {})}
        named = {name: value for name, value in named.items() if value is not ...}
        return jwt.encode(named, claims, key or self.key, [named["alg"]], default_type=None)

    def raw(self, header, payload):
        """Any bytes as header and payload, rightly signed with the provider's own key."""
        signed = f"{segment(header)}.{segment(payload)}"
        signature = JWSRegistry.algorithms[self.algorithm].sign(signed.encode(), self.key)
        return f"{signed}.{segment(signature)}"


def built_in(signer):
    """As the built-in provider's; `signer` is its present key."""
    return Mint(signer.key, signer.kid, "ES256", STRANGER)


def keycloaks(**options):
    """As Keycloak's: RSA, several audiences, its roles of the realm and of its own clients."""
    own = {
        "aud": ["tms", "account"],
        "azp": "tms",
        "acr": "1",
        "auth_time": int(time.time()),
        "allowed-origins": ["http://tms.test"],
        "realm_access": {"roles": ["offline_access", "uma_authorization", "default-roles-tms", "student"]},
        "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
        "scope": "openid email profile",
        "sid": str(uuid4()),
        "email_verified": True,
        "preferred_username": "student@example.org",
    }
    return Mint(RSA, RSA.kid, "RS256", RSA_STRANGER, own=own, **options)


def segment(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hmac_token(mint, secret, **header):
    signed = f"{segment({'alg': 'HS256', 'kid': mint.kid, 'typ': 'JWT', **header})}.{segment(mint.good())}"
    return f"{signed}.{segment(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def unsigned(mint, algorithm, signature=""):
    return f"{segment({'alg': algorithm, 'kid': mint.kid, 'typ': 'JWT'})}.{segment(mint.good())}.{signature}"


def tampered(mint):
    head, _, signature = mint.sign(mint.good()).split(".")
    return f"{head}.{segment(mint.good(sub='somebody-else'))}.{signature}"


def with_duplicate(mint):
    payload = json.dumps(mint.good())[:-1] + ',"sub":"somebody-else"}'
    return mint.raw({"alg": mint.algorithm, "kid": mint.kid, "typ": "JWT"}, payload.encode())


CLAIMS = {
    "audience missing": {"aud": ...},
    "audience wrong": {"aud": "account"},
    "audience a list of others": {"aud": ["account", "other"]},
    "audience a prefix": {"aud": ["tms-cli"]},
    "audience an object": {"aud": {"tms": True}},
    "audience with a number": {"aud": ["tms", 7]},
    "audience empty": {"aud": []},
    "issuer missing": {"iss": ...},
    "issuer of another realm": {"iss": "http://tms.test/realms/master"},
    "issuer with a slash": {"iss": f"{ISSUER}/"},
    "issuer in capitals": {"iss": ISSUER.upper()},
    "issuer a list": {"iss": [ISSUER]},
    "an ID token": {"typ": "ID", "aud": "tms"},
    "a refresh token": {"typ": "Refresh"},
    "an offline token": {"typ": "Offline"},
    "a logout token": {"typ": "Logout"},
    "no kind": {"typ": ...},
    "party foreign": {"azp": "other-client"},
    "party missing": {"azp": ...},
    "party a list": {"azp": ["tms"]},
    "no expiry": {"exp": ...},
    "expiry null": {"exp": None},
    "expiry a text": {"exp": "4102444800"},
    "expiry a truth": {"exp": True},
    "expired": {"exp": 61},
    "expiry in ten years": {"exp": 315_360_000},
    "expiry beyond all numbers": {"exp": 1e308},
    "issue missing": {"iat": ...},
    "issued in the future": {"iat": "future"},
    "not valid yet": {"nbf": "future"},
    "not before as text": {"nbf": "tomorrow"},
    "subject missing": {"sub": ...},
    "subject empty": {"sub": ""},
    "subject a number": {"sub": 7},
    "subject a list": {"sub": ["a"]},
    "subject with a control character": {"sub": "a\x00b"},
    "subject too long": {"sub": "a" * 300},
    "subject of half a character": {"sub": "\ud800"},
    "roles a text": {"realm_access": {"roles": "admin"}},
    "roles of numbers": {"realm_access": {"roles": [1]}},
    "access a list": {"realm_access": ["admin"]},
}
TOKENS = {
    "empty": lambda _: "",
    "a word": lambda _: "rubbish",
    "three words": lambda _: "a.b.c",
    "five parts": lambda _: "a.b.c.d.e",
    "whitespace inside": lambda s: s.sign(s.good()).replace(".", ". ", 1),
    "a line break inside": lambda s: s.sign(s.good()).replace(".", ".\n", 1),
    "not ASCII": lambda s: s.sign(s.good())[:-1] + "é",
    "padding": lambda s: s.sign(s.good()) + "==",
    "five megabytes": lambda s: s.sign(s.good()) + "A" * 5_000_000,
    "algorithm none": lambda s: unsigned(s, "none"),
    "algorithm nOnE": lambda s: unsigned(s, "nOnE", "AAAA"),
    "algorithm missing": lambda s: s.raw({"kid": s.kid, "typ": "JWT"}, json.dumps(s.good()).encode()),
    "algorithm a list": lambda s: unsigned(s, [s.algorithm], "AAAA"),
    "HMAC with the public key": lambda s: hmac_token(s, json.dumps(s.key.as_dict(private=False)).encode()),
    "HMAC with nothing": lambda s: hmac_token(s, b"\x00"),
    "another algorithm under our key id": lambda s: s.sign(
        s.good(),
        header={"alg": "RS256" if s.algorithm == "ES256" else "ES256"},
        key=RSA if s.algorithm == "ES256" else STRANGER,
    ),
    "signed by a stranger under our key id": lambda s: s.sign(s.good(), key=s.stranger),
    "signed by a stranger under its own key id": lambda s: s.sign(
        s.good(), header={"kid": "unknown"}, key=s.stranger
    ),
    "key id missing": lambda s: s.sign(s.good(), header={"kid": ...}),
    "key id a path": lambda s: s.sign(s.good(), header={"kid": "../../dev/null"}),
    "key id a query": lambda s: s.sign(s.good(), header={"kid": "' OR 1=1 --"}),
    "key brought along": lambda s: s.sign(
        s.good(), header={"jwk": s.stranger.as_dict(private=False)}, key=s.stranger
    ),
    "key at an address": lambda s: s.sign(s.good(), header={"jku": "https://evil.example/jwks"}),
    "certificate at an address": lambda s: s.sign(s.good(), header={"x5u": "https://evil.example/x"}),
    "kind of a refresh token": lambda s: s.sign(s.good(), header={"typ": "Refresh"}),
    "kind of a logout token": lambda s: s.sign(s.good(), header={"typ": "logout+jwt"}),
    "tampered": tampered,
    "signature missing": lambda s: s.sign(s.good()).rsplit(".", 1)[0] + ".",
    "signature cut": lambda s: s.sign(s.good())[:-10],
    "signature of zeros": lambda s: (
        s.sign(s.good()).rsplit(".", 1)[0] + "." + segment(b"\x00" * (64 if s.algorithm == "ES256" else 256))
    ),
    "a name twice": with_duplicate,
    "payload a list": lambda s: s.raw({"alg": s.algorithm, "kid": s.kid}, b"[]"),
    "payload no JSON": lambda s: s.raw({"alg": s.algorithm, "kid": s.kid}, b"\xff\xfe"),
    "payload not a number": lambda s: s.raw({"alg": s.algorithm, "kid": s.kid}, b'{"exp": NaN}'),
    "payload nested deeply": lambda s: s.raw({"alg": s.algorithm, "kid": s.kid}, b"[" * 9000),
    "header a text": lambda s: s.raw(b'"RS256"', json.dumps(s.good()).encode()),
}


def _dated(changes):
    """Times are made when the test runs, not when it is collected."""
    now = int(time.time())
    dated = dict(changes)
    if changes.get("exp") == 61:
        dated |= {"exp": now - 61, "iat": now - 361}
    elif isinstance(changes.get("exp"), int) and changes["exp"] is not True:
        dated["exp"] = now + changes["exp"]
    for name in ("iat", "nbf"):
        if changes.get(name) == "future":
            dated[name] = now + 120
    return dated


def forged(mint, kind):
    """A token of this kind, a name of `CLAIMS` or of `TOKENS`."""
    if kind in TOKENS:
        return TOKENS[kind](mint)
    claims = mint.good(**_dated(CLAIMS[kind]))
    if kind == "subject of half a character":
        header = {"alg": mint.algorithm, "kid": mint.kid, "typ": "JWT"}
        return mint.raw(header, json.dumps(claims).encode())
    return mint.sign(claims)


KINDS = (*CLAIMS, *TOKENS)
