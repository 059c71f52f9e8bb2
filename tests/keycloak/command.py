"""`tms` as a command of its own, on the database of a test and the genuine Keycloak."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

INHERITED = ("PATH", "HOME", "LANG", "TMS_HOME", "SECRET_KEY", "TMS_PUBLIC_URL")


@dataclass(frozen=True)
class Told:
    """How a command ended, what it printed, and the most memory that its process held, in bytes."""

    status: int
    output: str
    errors: str
    most_memory: int


def run(line, database, settings, **changed):
    """Run `tms LINE` with the Keycloak of these settings."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | {
        "DATABASE_URL": database,
        "KEYCLOAK_SERVER_URL": settings.keycloak_server_url,
        "KEYCLOAK_REALM": settings.keycloak_realm,
        "KEYCLOAK_CLIENT_SECRET": settings.keycloak_client_secret.get_secret_value(),
    }
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tms.cli", *line.split()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment | changed,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Told(process.returncode, _text(output), _text(errors), usage.ru_maxrss * 1024)


def _text(file):
    file.seek(0)
    return file.read().decode()
