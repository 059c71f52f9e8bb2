"""Takes away from the present process what reading a document does not need. Called in the child, before the file is opened.

Limits of the kernel come first; network, files and other processes are cut off where the kernel allows it (Linux: a
network namespace, Landlock, and a filter of system calls).
"""

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tms.content import callfilter

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
# Landlock's system calls have the same numbers on all architectures (linux/landlock.h).
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_VERSION_FLAG = 1
_LANDLOCK_PATH_BENEATH = 1
_MAY_EXECUTE, _MAY_WRITE_FILE, _MAY_READ_FILE, _MAY_READ_DIR = 1, 2, 4, 8
_MAY_REMOVE_FILE, _MAY_MAKE_SOCKET = 1 << 5, 1 << 9
_MAY_READ = _MAY_EXECUTE | _MAY_READ_FILE | _MAY_READ_DIR
_FILE_RIGHTS = _MAY_EXECUTE | _MAY_WRITE_FILE | _MAY_READ_FILE
# Rights on files by version of Landlock: thirteen at first, then linking and truncating across folders.
_RIGHTS_OF_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1}
_RIGHTS_SINCE_3 = (1 << 15) - 1
# Since version 6: no signals to processes outside, and no abstract Unix sockets of theirs.
_SCOPES_SINCE_6 = 3


@dataclass(frozen=True, slots=True)
class Confinement:
    """What could be cut off on this machine."""

    network_isolated: bool
    files_isolated: bool


def limit_resources(
    *, memory_bytes: int, cpu_seconds: int, file_bytes: int, open_files: int, may_start_processes: bool
) -> None:
    """Bound memory, processor time, size of written files and open files, each for one process; no core dumps.

    Without `may_start_processes` there is this one process only.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  not there on Windows

    limits = [
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_NOFILE, open_files, open_files),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
    ]
    if not may_start_processes:
        # The kernel counts all processes of the user against this, and asks nothing of the superuser's.
        limits.append((resource.RLIMIT_NPROC, 0, 0))
    for kind, soft, hard in limits:
        _, allowed = resource.getrlimit(kind)
        ceiling = hard if allowed == resource.RLIM_INFINITY else min(hard, allowed)
        try:
            resource.setrlimit(kind, (min(soft, ceiling), ceiling))
        except (OSError, ValueError):
            # macOS refuses a bound on memory; the clock of the parent still holds.
            continue


def end_with_parent(parent: int) -> None:
    """Be killed when the parent ends, however it ends."""
    if sys.platform != "linux":
        return
    libc = _libc()
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:
        # The parent ended before the request to be told took effect.
        os._exit(1)


def isolate(
    *, readable: Sequence[Path], writable: Path, may_start_processes: bool, sockets: Path | None = None
) -> Confinement:
    """Cut off the network, other processes, and all files but those below `readable` (for reading) and `writable`.

    Whoever may start processes keeps Unix sockets, which it may also make and remove below `sockets`, as it may remove
    other files of the same user there. To everybody else the filter of calls refuses sockets altogether, so that a network
    of its own, whose end costs the kernel some milliseconds, is made only where there is no filter.
    """
    if sys.platform != "linux":
        return Confinement(network_isolated=False, files_isolated=False)
    libc = _libc()
    # The filter refuses what the others need, and comes after them.
    network = may_start_processes and _isolate_network(libc)
    files = _isolate_files(libc, readable, writable, sockets)
    filtered = callfilter.install(may_start_processes=may_start_processes)
    return Confinement(network or filtered or _isolate_network(libc), files)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _isolate_network(libc: ctypes.CDLL) -> bool:
    both: bool = libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    return both or bool(libc.unshare(_CLONE_NEWNET) == 0)


def _isolate_files(libc: ctypes.CDLL, readable: Sequence[Path], writable: Path, sockets: Path | None) -> bool:
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION_FLAG)
    if version < 1:
        return False
    rights = _RIGHTS_OF_VERSION.get(version, _RIGHTS_SINCE_3)
    attributes = struct.pack("=Q", rights)
    if version >= 6:
        attributes = struct.pack("=QQQ", rights, 0, _SCOPES_SINCE_6)
    rules = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow(libc, rules, path, _MAY_READ)
        _allow(libc, rules, writable, rights & ~_MAY_EXECUTE)
        if sockets is not None:
            _allow(libc, rules, sockets, _MAY_REMOVE_FILE | _MAY_MAKE_SOCKET)
        return bool(libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    if not path.exists():
        return
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not path.is_dir():
            rights &= _FILE_RIGHTS
        libc.syscall(_LANDLOCK_ADD_RULE, rules, _LANDLOCK_PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)
