"""Settings: everything optional, and what is unfit for production refuses to start with one clear line."""

import pytest
from pydantic import ValidationError

from tms.platform.settings import Settings

GOOD = {
    "tms_env": "production",
    "secret_key": "correct-horse-battery-staple-and-more-words",
    "tms_public_url": "https://tms.example.org/",
}
KEYCLOAK = {"keycloak_server_url": "http://keycloak:8080", "keycloak_public_url": "https://id.example.org"}


def test_nothing_set_means_everything_embedded(tmp_path, monkeypatch):
    for name in ("TMS_PUBLIC_URL", "SECRET_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("TMS_HOME", str(tmp_path / "home"))
    settings = Settings()
    assert settings.database_url is None
    assert settings.issuer == "http://127.0.0.1:8000/realms/tms"
    assert settings.links_url == "http://127.0.0.1:8000"
    assert len(settings.secret) >= 48
    assert settings.secret == Settings().secret
    assert (tmp_path / "home" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_keys_of_different_purposes_differ():
    settings = Settings()
    assert settings.key("a") != settings.key("b")
    assert settings.key("a") == settings.key("a")
    assert len(settings.key("a")) == 32


def test_production_takes_good_settings():
    settings = Settings(**GOOD, **KEYCLOAK, keycloak_client_secret="k" * 8 + "0123456789abcdefghijklmnop")
    assert settings.public_url == "https://tms.example.org"


def test_keycloak_has_one_address_for_browsers_and_one_for_us():
    settings = Settings(**KEYCLOAK)
    assert settings.issuer == "https://id.example.org/realms/tms"
    assert settings.issuer_inside == "http://keycloak:8080/realms/tms"
    assert Settings(keycloak_server_url="https://id.example.org/auth/").issuer_inside == (
        "https://id.example.org/auth/realms/tms"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"secret_key": None}, "SECRET_KEY"),
        ({"secret_key": "short"}, "SECRET_KEY"),
        ({"secret_key": "a" * 64}, "SECRET_KEY"),
        ({"debug": True}, "DEBUG"),
        ({"keycloak_realm": "master"}, "KEYCLOAK_REALM"),
        ({"tms_public_url": None}, "TMS_PUBLIC_URL"),
        ({"tms_public_url": "http://tms.example.org"}, "TMS_PUBLIC_URL"),
        ({"keycloak_server_url": "http://id.example.org"}, "KEYCLOAK_PUBLIC_URL"),
        (KEYCLOAK | {"keycloak_client_secret": "short"}, "KEYCLOAK_CLIENT_SECRET"),
        (KEYCLOAK | {"keycloak_client_secret": "a" * 64}, "KEYCLOAK_CLIENT_SECRET"),
    ],
)
def test_production_refuses(change, told, monkeypatch):
    for name in ("TMS_PUBLIC_URL", "SECRET_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(ValidationError, match=told):
        Settings(**{name: value for name, value in (GOOD | change).items() if value is not None})


@pytest.mark.parametrize(
    "setting",
    [
        {"database_url": "sqlite:///tms.db"},
        {"tms_timezone": "Europe/Atlantis"},
        {"tms_timezone": "../etc/passwd"},
        {"tms_port": 0},
        {"frontend_url": "*"},
        {"frontend_url": "javascript:alert(1)"},
        {"aws_s3_bucket": "files"},
        {"keycloak_server_url": "keycloak:8080"},
        {"keycloak_server_url": "http://127.0.0.1:8080", "keycloak_realm": "master"},
        {"keycloak_public_url": "https://id.example.org"},
        {"keycloak_realm": "a/b"},
        {"keycloak_client_id": "tms-cli"},
    ],
)
def test_what_cannot_work_is_refused(setting):
    with pytest.raises(ValidationError):
        Settings(**setting)


def test_secrets_do_not_show():
    settings = Settings(database_url="postgresql://tms:hidden@localhost/tms", **GOOD)
    assert "hidden" not in repr(settings)
    assert "battery" not in repr(settings)


@pytest.mark.parametrize(
    "address", ["clamav:3310", "tcp://clamav", "http://clamav:3310", "unix://clamd.sock", "unix:clamd.sock"]
)
def test_an_address_that_no_virus_scanner_has_is_refused(address):
    with pytest.raises(ValidationError, match="tcp://clamav:3310"):
        Settings(clamd_url=address)


@pytest.mark.parametrize("address", ["tcp://clamav:3310", "tcp://[::1]:3310", "unix:///run/clamav/clamd.ctl"])
def test_addresses_of_virus_scanners(address):
    assert Settings(clamd_url=address).clamd_url == address
