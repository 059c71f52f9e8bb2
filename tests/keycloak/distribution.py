"""A genuine Keycloak, fetched through Maven and built once into the user's cache; each server keeps its data elsewhere."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

VERSION = "26.7.4"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
OLDEST_JAVA = 17
# Chosen once, so that every later start skips what Keycloak calls its build, which takes longer than the start.
_BUILD_OPTIONS = ("--db=dev-file", "--health-enabled=true")


class KeycloakMissingError(Exception):
    """Keycloak cannot be had on this machine; the text is one line that says why."""


def built() -> Path:
    """The folder of the built distribution, fetched where it is not there yet. Raises `KeycloakMissingError`."""
    return _kept(VERSION, _fetch_and_build)


def fetched(artifact: str, name: str) -> Path:
    """The one file of another artifact. Raises `KeycloakMissingError`."""

    def fetch(draft: Path) -> Path:
        _fetch(artifact, draft)
        return draft / name

    return _kept(name, fetch)


def _kept(name: str, make: Callable[[Path], Path]) -> Path:
    """What `make` made once for all runs, in a draft's folder."""
    _require_java()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tms" / "keycloak"
    place = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix="draft-") as draft:
                make(Path(draft)).rename(place)
    return place


def place(folder: Path) -> Path:
    """Make `folder` a home for one server, with data of its own beside the shared programme; gives the programme's folder."""
    programme = built()
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("lib", "conf", "providers", "themes"):
        link = folder / part
        link.unlink(missing_ok=True)
        link.symlink_to(programme / part)
    return programme


def _require_java():
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        told = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=60, check=False)
        found = re.search(r'version "(\d+)', told.stderr)
        if found and int(found[1]) >= OLDEST_JAVA:
            return
    raise KeycloakMissingError(
        f"Keycloak needs Java {OLDEST_JAVA} or newer (Debian: apt-get install default-jre-headless maven)"
    )


def _fetch(artifact: str, folder: Path) -> None:
    if shutil.which("mvn") is None:
        raise KeycloakMissingError("Keycloak is fetched by Maven (Debian: apt-get install maven)")
    _run(
        ["mvn", "-q", "-B", "-C", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"],
        f"Maven cannot fetch {artifact}",
    )


def _fetch_and_build(draft: Path) -> Path:
    _fetch(ARTIFACT, draft)
    (archive,) = draft.glob("*.zip")
    shutil.unpack_archive(archive, draft)
    archive.unlink()
    (folder,) = draft.glob("keycloak-*")
    _run(["sh", str(folder / "bin" / "kc.sh"), "build", *_BUILD_OPTIONS], "Keycloak cannot be built")
    return folder


def _run(command, trouble):
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KeycloakMissingError(f"{trouble}: {error}") from error
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise KeycloakMissingError(f"{trouble}: {said[0] if said else f'status {done.returncode}'}")
