"""As whom PostgreSQL runs. It refuses root and wants a name for its user id, so a child takes on another account first."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tms.platform.embedded.place import EmbeddedError

SYSTEM_USER = "tms-postgres"
SYSTEM_FOLDER = Path("/var/lib/tms-postgres")

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_LINUX = sys.platform == "linux"
# Looked up at import, since between fork and exec as little as possible should happen.
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Account:
    """The user that a program of PostgreSQL is started as.

    `uid`/`gid` own its files. With `seen_as`, the program runs in a user namespace of its own, in which that very user
    goes by another id: so root's files stay root's, and PostgreSQL does not see that it is root.
    """

    uid: int
    gid: int
    seen_as: tuple[int, int] | None = None

    def enter(self, guardian: int) -> None:
        """Become this account, in a child between fork and exec; end (by SIGINT) when the process `guardian` does."""
        if self.seen_as is not None:
            self._enter_namespace(*self.seen_as)
        elif self.uid != os.geteuid():
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)
        if _LINUX:
            # Last, since every change of credentials clears it.
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
            if os.getppid() != guardian:
                os._exit(1)

    def _enter_namespace(self, uid: int, gid: int) -> None:
        owner, group = os.geteuid(), os.getegid()
        if _LIBC.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        # The order is the kernel's: a group may be mapped only once `setgroups` is denied (user_namespaces(7)).
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {owner} 1"),
            ("gid_map", f"{gid} {group} 1"),
        ):
            descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(descriptor, text.encode())
            os.close(descriptor)

    def can(self, command: list[str]) -> bool:
        """Tell whether this account can be taken on here, and may run a program."""
        guardian = os.getpid()
        try:
            subprocess.run(  # noqa: S603 - our own binary, without a shell
                command,
                check=True,
                capture_output=True,
                preexec_fn=lambda: self.enter(guardian),
                timeout=20,
                cwd="/",
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return True

    def reaches(self, folder: Path) -> bool:
        """Tell whether this account may enter a folder."""
        guardian = os.getpid()
        child = os.fork()
        if child == 0:
            try:
                self.enter(guardian)
                os.chdir(folder)
            except OSError:
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def for_folder(folder: Path, probe: list[str]) -> Account | None:
    """Return the account whose data may be made in a folder, `None` when only the system user's may, elsewhere perhaps."""
    owner = folder.stat()
    if owner.st_uid == os.geteuid():
        return ourselves(probe)
    if os.geteuid() != 0:
        raise EmbeddedError(
            f"{folder} belongs to {_name(owner.st_uid)}: run TMS as that user, or set TMS_HOME to another folder"
        )
    return Account(owner.st_uid, owner.st_gid) if _has_name(owner.st_uid) else None


def ourselves(probe: list[str]) -> Account | None:
    """Return the account that leaves the files ours, `None` when PostgreSQL cannot run like that here."""
    me, group = os.geteuid(), os.getegid()
    if me != 0 and _has_name(me):
        return Account(me, group)
    if not _LINUX:
        return None
    entry = _somebody()
    account = Account(me, group, seen_as=(entry.pw_uid, entry.pw_gid))
    return account if account.can(probe) else None


def owner_of(data: Path, probe: list[str]) -> Account:
    """Return the account that existing data belong to."""
    owner = data.stat()
    me = os.geteuid()
    if owner.st_uid == me:
        account = ourselves(probe)
        if account is None:
            msg = f"PostgreSQL cannot run as {_name(me)} here: give {data.parent.parent} to an ordinary user and run TMS as that user"
            raise EmbeddedError(msg)
        return account
    if me != 0:
        msg = f"The database in {data} belongs to {_name(owner.st_uid)}: run TMS as that user, or set TMS_HOME to another folder"
        raise EmbeddedError(msg)
    return Account(owner.st_uid, owner.st_gid)


def system_user() -> Account:
    """Return a user of the system kept for PostgreSQL alone, and create it if need be: root's way where namespaces are refused."""
    if os.geteuid() != 0:
        msg = f"PostgreSQL wants a name for user id {os.geteuid()}, which has none here: add it to /etc/passwd, or set DATABASE_URL"
        raise EmbeddedError(msg)
    home, no_shell = str(SYSTEM_FOLDER), "/usr/sbin/nologin"
    # As Debian, Fedora and most others do it; by Debian's own tool; by BusyBox.
    commands = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", no_shell],
        ["adduser", "--system", "--group", "--no-create-home", "--home", home],
        ["adduser", "-S", "-D", "-H", "-h", home],
    )
    for command in commands:
        if _find(SYSTEM_USER) is None and shutil.which(command[0]):
            subprocess.run([*command, SYSTEM_USER], check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - constants, without a shell
    entry = _find(SYSTEM_USER)
    if entry is None:
        msg = f"PostgreSQL refuses to run as root, and the user {SYSTEM_USER} cannot be created: create it, run TMS as an ordinary user, or set DATABASE_URL"
        raise EmbeddedError(msg)
    return Account(entry.pw_uid, entry.pw_gid)


def _somebody() -> pwd.struct_passwd:
    """Return an entry that is not root's: `initdb` looks its user up and only wants to find a name."""
    nobody = _find("nobody")
    if nobody is not None and nobody.pw_uid != 0:
        return nobody
    for entry in pwd.getpwall():
        if entry.pw_uid != 0:
            return entry
    raise EmbeddedError("/etc/passwd names no user but root: add one (nobody), or set DATABASE_URL")


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _name(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user id {uid}"
