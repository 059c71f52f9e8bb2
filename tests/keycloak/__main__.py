"""`make keycloak`: a genuine Keycloak to try TMS with, prepared for it, until Ctrl-C. Its data stay in `.keycloak`."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.keycloak import distribution, server

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".keycloak"
PORTS = range(8080, 8100)


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("Fetching, building and starting Keycloak; the first time takes a minute.", flush=True)
    try:
        process = server.start(HOME, port=_port(), password=_password())
    except distribution.KeycloakMissingError as error:
        sys.exit(str(error))
    try:
        _prepare(server.await_readiness(HOME, process))
        process.wait()
    except distribution.KeycloakMissingError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("\nKeycloak is stopping.")
    finally:
        server.stop(process)


def _port() -> int:
    """The one of the last time, since addresses in `.env` name it; else the first that is free."""
    with contextlib.suppress(OSError, ValueError):
        last = urlsplit(server.known(HOME).url).port
        if last and server.is_free(last):
            return last
    for port in PORTS:
        if server.is_free(port):
            if port != PORTS[0]:
                print(f"Port {PORTS[0]} is taken: Keycloak listens at {port}.", flush=True)
            return port
    sys.exit(
        f"Keycloak wants one of the ports {PORTS[0]} to {PORTS[-1]}, and all are taken: end what listens there"
    )


def _password() -> str:
    """The administrator's; made once, since Keycloak takes it at its first start only."""
    place = HOME / "admin_password"
    if not place.exists():
        HOME.mkdir(mode=0o700, exist_ok=True)
        place.touch(mode=0o600)
        place.write_text(secrets.token_urlsafe(18), encoding="ascii")
    return place.read_text(encoding="ascii")


def _prepare(found: server.Keycloak) -> None:
    settings = found.environment(os.environ.get("KEYCLOAK_REALM", "tms"))
    print(f"\nKeycloak answers at {found.url}. Put these lines into .env, then `make run`:\n")
    for name, value in settings.items():
        print(f"{name}={value}")
    print(flush=True)
    command = [sys.executable, "-P", "-m", "tms.cli", "keycloak", "setup"]
    subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=False)
    print(
        f"\nIts own console: {found.url}/admin, as {found.admin_username}. Stop it with Ctrl-C.", flush=True
    )


if __name__ == "__main__":
    main()
