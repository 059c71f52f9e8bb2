"""Keycloak servers on free ports of this machine alone: one for a whole run of the tests, or one that somebody holds."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

from tests.keycloak import distribution

ADMIN = "admin"
READY_SECONDS = 180
# What Keycloak's own script gives to Java, but for a small memory and a quick start.
_JAVA = (
    "java",
    "-Xms64m",
    "-Xmx512m",
    "-XX:MaxMetaspaceSize=256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Duser.language=en",
    "-Djava.security.egd=file:/dev/urandom",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
    "-Dpicocli.disable.closures=true",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
)


@dataclass(frozen=True)
class Keycloak:
    """A server that runs, and who may administer it."""

    url: str
    admin_username: str
    admin_password: str
    pid: int
    log: str

    def environment(self, realm="tms", **changed):
        """The settings with which `tms keycloak setup` works on this server."""
        return {
            "KEYCLOAK_SERVER_URL": self.url,
            "KEYCLOAK_REALM": realm,
            "KEYCLOAK_ADMIN_USERNAME": self.admin_username,
            "KEYCLOAK_ADMIN_PASSWORD": self.admin_password,
        } | changed

    def signal(self, number):
        """Stop (SIGSTOP), continue (SIGCONT) or end the server's process."""
        os.kill(self.pid, number)


def start(folder: Path, *, port: int | None = None, password: str | None = None) -> subprocess.Popen:
    """Start a server with its data at `folder`; `known` tells its address and password. It is Java itself, no script."""
    programme = distribution.place(folder)
    with contextlib.ExitStack() as held:
        own, management = port or _free_port(held), _free_port(held)
    log, admin_password = folder / "log.txt", password or secrets.token_urlsafe(18)
    command = [
        *_JAVA,
        f"-Dkc.home.dir={folder}",
        f"-Djboss.server.config.dir={folder / 'conf'}",
        "-cp",
        str(programme / "lib" / "quarkus-run.jar"),
        "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
        "start",
        "--optimized",
        "--http-enabled=true",
        "--http-host=127.0.0.1",
        f"--http-port={own}",
        "--http-management-host=127.0.0.1",
        f"--http-management-port={management}",
        "--hostname-strict=false",
        "--cache=local",
    ]
    environment = os.environ | {
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": admin_password,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    facts = Keycloak(f"http://127.0.0.1:{own}", ADMIN, admin_password, process.pid, str(log))
    place = folder / "known.json"
    place.touch(mode=0o600)
    place.write_text(json.dumps(asdict(facts)), encoding="utf-8")
    return process


def known(folder: Path) -> Keycloak:
    """The server that was started at `folder`."""
    return Keycloak(**json.loads((folder / "known.json").read_text(encoding="utf-8")))


def await_readiness(folder: Path, process: subprocess.Popen) -> Keycloak:
    """Wait until the server answers. Raises `KeycloakMissingError` with what it said last, where it does not."""
    found = known(folder)
    deadline = time.monotonic() + READY_SECONDS
    with httpx2.Client(trust_env=False, timeout=5) as http:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx2.HTTPError):
                if http.get(f"{found.url}/realms/master").status_code == 200:
                    return found
            time.sleep(0.2)
    stop(process)
    said = Path(found.log).read_text(errors="replace").strip().splitlines()[-3:]
    raise distribution.KeycloakMissingError(f"Keycloak did not start: {' '.join(said)}")


def stop(process: subprocess.Popen) -> None:
    """End a server that this process has started."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(folder: Path):
    """A server of one's own at `folder`, which is ended, and its files removed, with the block."""
    process = start(folder)
    try:
        yield await_readiness(folder, process)
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def shared(folder: Path):
    """One server at `folder` for all processes that ask for it; it ends when the last of them leaves or dies.

    Each user holds a shared lock, which the kernel lets go of however the process ends; a guardian waits for it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "starting.lock").open("w") as starting, (folder / "users.lock").open("w") as users:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        home = folder / "server"
        if not (home / "known.json").exists():
            distribution.built()
            _start_guarded(folder)
        found = known(home)
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield found


def _start_guarded(folder: Path) -> None:
    with (folder / "guardian.txt").open("wb") as log:
        guardian = subprocess.Popen(
            [sys.executable, "-m", "tests.keycloak.server", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        )
    # A line comes once the server is ready; none where it is not, which the guardian has told its log.
    if not guardian.stdout.readline():
        said = (folder / "guardian.txt").read_text(errors="replace").strip().splitlines()
        raise distribution.KeycloakMissingError(said[-1] if said else "Keycloak did not start")
    guardian.stdout.close()
    # It outlives us on purpose, so nobody waits for it.
    guardian.returncode = 0


def guard(folder: Path) -> None:
    """Start the server, say so, and end it and its files when nobody holds a lock on it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    home = folder / "server"
    process = start(home)
    await_readiness(home, process)
    print("ready", flush=True)
    with (folder / "users.lock").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        stop(process)
        shutil.rmtree(home, ignore_errors=True)


def is_free(port: int) -> bool:
    """Whether nobody listens at this port of this machine."""
    with contextlib.suppress(OSError), socket.socket() as listener:
        # As Keycloak binds it: what a connection of a moment ago has left behind is no hindrance.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        return True
    return False


def _free_port(held):
    listener = held.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    return listener.getsockname()[1]


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
