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
from tms.cli.failures import load_settings

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".keycloak"
PORTS = range(8080, 8100)


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("Fetching, building and starting Keycloak; the first time takes a minute.", flush=True)
    try:
        process = server.start(HOME, port=_port(), password=_secret("admin_password"))
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


def _secret(name: str) -> str:
    """Made once and kept: Keycloak takes its administrator's password at its first start only, and `.env` names both."""
    place = HOME / name
    if not place.exists():
        HOME.mkdir(mode=0o700, exist_ok=True)
        place.touch(mode=0o600)
        place.write_text(secrets.token_urlsafe(18), encoding="ascii")
    return place.read_text(encoding="ascii")


def _prepare(found: server.Keycloak) -> None:
    tms = load_settings()
    settings = found.environment(tms.keycloak_realm, KEYCLOAK_CLIENT_SECRET=_secret("client_secret"))
    print("Keycloak answers. Its realm is prepared as `tms keycloak setup` does it.", flush=True)
    command = [sys.executable, "-P", "-m", "tms.cli", "keycloak", "setup"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{done.stdout}The realm could not be prepared: what is above says why")
    print("\nPut these lines into .env, then `make run` in another shell:\n")
    for name, value in settings.items():
        print(f"{name}={value}")
    print(
        f"\nPeople can sign in to TMS at {tms.public_url}. If yours listens elsewhere (TMS_PORT, TMS_PUBLIC_URL), run "
        "`.venv/bin/tms keycloak setup` with the settings that it has.\n"
        f"Keycloak's own console: {found.url}/admin, as {found.admin_username}. Stop Keycloak with Ctrl-C; its data stay "
        f"in {HOME.name}.",
        flush=True,
    )


if __name__ == "__main__":
    main()
