"""Every setting, under the specification's names; all are optional. Nothing set means: everything embedded."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tms.platform import client, failpoints, secrets

SHORTEST_SECRET = 32
SCRIPTS_CLIENT_ID = "tms-cli"
"""The public client with which scripts and programs on somebody's machine sign in."""
NAME_IN_PATHS = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


def _default_home() -> Path:
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "tms"


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("give a full address such as https://tms.example.org")
    return value.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]


def _clamd_url(value: str) -> str:
    parts = urlsplit(value)
    is_socket = parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/")
    if not is_socket and not (parts.scheme == "tcp" and parts.hostname and parts.port):
        raise ValueError("give an address such as tcp://clamav:3310 or unix:///run/clamav/clamd.ctl")
    return value


class Settings(BaseSettings):
    """One class for all parts; read from the environment and from `.env`, never changed afterwards."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: SecretStr | None = None

    keycloak_server_url: Url | None = None
    keycloak_public_url: Url | None = None
    keycloak_realm: Annotated[str, Field(pattern=NAME_IN_PATHS)] = "tms"
    keycloak_client_id: Annotated[str, Field(pattern=NAME_IN_PATHS)] = "tms"
    keycloak_client_secret: SecretStr | None = None
    keycloak_admin_username: str | None = None
    keycloak_admin_password: SecretStr | None = None

    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_s3_bucket: str | None = None
    aws_region: str = "us-east-1"
    aws_endpoint_url: Url | None = None

    clamd_url: Annotated[str, AfterValidator(_clamd_url)] | None = None

    sendgrid_api_key: SecretStr | None = None
    sendgrid_api_url: Url = "https://api.sendgrid.com"
    smtp_url: SecretStr | None = None
    email_from: str = "TMS <tms@localhost>"

    frontend_url: Url | None = None
    secret_key: SecretStr | None = None
    debug: bool = False

    tms_home: Path = Field(default_factory=_default_home)
    tms_host: str = "127.0.0.1"
    tms_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    tms_public_url: Url | None = None
    tms_trusted_proxies: str = ""
    tms_env: Literal["development", "production"] = "development"
    tms_timezone: str = "UTC"
    tms_admin_email: str = "admin@example.com"
    tms_admin_password: SecretStr | None = None
    tms_fail_at: Annotated[str, AfterValidator(failpoints.check)] | None = None

    @field_validator("tms_home")
    @classmethod
    def _absolute_home(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("tms_trusted_proxies")
    @classmethod
    def _named_proxies(cls, value: str) -> str:
        try:
            client.networks(value)
        except ValueError as error:
            raise ValueError(
                "name the proxies' addresses or networks, such as 10.0.0.5, 10.1.0.0/16"
            ) from error
        return value

    @field_validator("tms_timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("name an IANA time zone such as Europe/Berlin") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value and urlsplit(value.get_secret_value()).scheme not in {
            "postgresql",
            "postgres",
            "postgresql+psycopg",
        }:
            raise ValueError("TMS runs on PostgreSQL only: postgresql://user:password@host/database")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._consistent_keycloak()
        if self.aws_s3_bucket and not (self.aws_access_key_id and self.aws_secret_access_key):
            raise ValueError("AWS_S3_BUCKET needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        if self.tms_env == "production":
            self._fit_for_production()
        return self

    def _consistent_keycloak(self) -> None:
        if self.keycloak_public_url and not self.keycloak_server_url:
            raise ValueError(
                "KEYCLOAK_PUBLIC_URL needs KEYCLOAK_SERVER_URL, where TMS itself reaches Keycloak"
            )
        if self.keycloak_server_url and self.keycloak_realm == "master":
            raise ValueError(
                "KEYCLOAK_REALM: `master` is for Keycloak's own administrators; name another realm"
            )
        if self.keycloak_client_id == SCRIPTS_CLIENT_ID:
            raise ValueError(
                f"KEYCLOAK_CLIENT_ID: `{SCRIPTS_CLIENT_ID}` is the client of scripts; name another"
            )

    def _fit_for_production(self) -> None:
        secret = self.secret_key.get_secret_value() if self.secret_key else ""
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(
                f"SECRET_KEY: production needs a secret of at least {SHORTEST_SECRET} characters"
            )
        if len(set(secret)) < SHORTEST_SECRET // 4:
            raise ValueError(
                "SECRET_KEY: make one with `python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`"
            )
        if self.debug:
            raise ValueError("DEBUG: switch it off in production")
        if self.tms_fail_at:
            raise ValueError("TMS_FAIL_AT: it makes processes die for tests; unset it in production")
        if self.keycloak_realm == "master":
            raise ValueError("KEYCLOAK_REALM: people must not be kept in the realm `master`")
        if not self.tms_public_url or not self.tms_public_url.startswith("https://"):
            raise ValueError("TMS_PUBLIC_URL: production needs the https address at which people reach TMS")
        if self.keycloak_server_url:
            self._keycloak_fit_for_production()

    def _keycloak_fit_for_production(self) -> None:
        if not self.issuer.startswith("https://"):
            raise ValueError(
                "KEYCLOAK_PUBLIC_URL: production needs the https address at which people reach Keycloak"
            )
        secret = self.keycloak_client_secret.get_secret_value() if self.keycloak_client_secret else ""
        if secret and (len(secret) < SHORTEST_SECRET or len(set(secret)) < SHORTEST_SECRET // 4):
            raise ValueError(
                f"KEYCLOAK_CLIENT_SECRET: production needs a random secret of at least {SHORTEST_SECRET} characters; "
                "leave it unset and `tms keycloak setup` makes one"
            )

    @property
    def public_url(self) -> str:
        """Where browsers reach TMS: the base of links and the root of the token issuer; no trailing slash."""
        if self.tms_public_url:
            return self.tms_public_url
        host = "127.0.0.1" if self.tms_host in {"0.0.0.0", "::", ""} else self.tms_host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.tms_port}"

    @property
    def links_url(self) -> str:
        """The base of links in e-mails: the spec's `FRONTEND_URL`, or our own pages."""
        return self.frontend_url or self.public_url

    @property
    def issuer(self) -> str:
        """The exact `iss` of the access tokens that are accepted; browsers reach the sign-in pages below it."""
        base = self.keycloak_public_url or self.keycloak_server_url or self.public_url
        return f"{base}/realms/{self.keycloak_realm}"

    @property
    def issuer_inside(self) -> str:
        """Where TMS itself reaches what browsers reach below the issuer; differs where Keycloak has two addresses."""
        return f"{self.keycloak_server_url or self.public_url}/realms/{self.keycloak_realm}"

    @property
    def secret(self) -> str:
        """The server secret: `SECRET_KEY`, or the one kept under `TMS_HOME`."""
        return self.secret_key.get_secret_value() if self.secret_key else secrets.load_or_make(self.tms_home)

    def key(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, derived from the server secret."""
        return secrets.derive(self.secret, purpose)


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
