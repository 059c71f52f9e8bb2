"""A filter of system calls (seccomp) for the child that reads documents: what no reader needs is refused by the kernel.

It takes no privilege, so that it also holds where a process may not have namespaces of its own. It is a list of what is
forbidden: no further sockets, no way into other processes or namespaces, no signals to others and, unless the reader
starts programs, no further processes. Memory, files and time have bounds of their own (`tms.content.confine`).
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
# Instructions of the classic Berkeley packet filter (linux/bpf_common.h) and answers (linux/seccomp.h).
_LOAD, _EQUAL, _AT_LEAST, _ANSWER = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
# Where `struct seccomp_data` holds the number of the call, the architecture, and the low half of the first argument.
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16
_AF_UNIX = 1
# Calls of the x32 interface have their numbers above this; nothing uses it.
_X32 = 0x40000000


@dataclass(frozen=True, slots=True)
class _Machine:
    """`column` is that of the numbers below."""

    architecture: int
    column: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}
# Numbers on x86_64 and aarch64 (asm/unistd_64.h, asm-generic/unistd.h); those since 5.1 are the same everywhere.
_SOCKET = (41, 198)
_NEVER: dict[str, tuple[int, int | None]] = {
    "io_uring_setup": (425, 425),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
}
# To oneself only; 0 stands for oneself in the first of these.
_ABOUT_ONESELF = {"prlimit64": (302, 261), "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131)}
# Out of the group of processes that the parent ends.
_GROUPS = {"setsid": (112, 157), "setpgid": (109, 154)}
_PROCESSES = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
}


def install(*, may_start_processes: bool) -> bool:
    """Filter the calls of this process from now on; false where the kernel or the machine is none that we know.

    Whoever may start processes may also use sockets between processes of this machine and send signals, but all of them
    stay in one group.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None or sys.maxsize < 2**32:
        return False
    program = b"".join(_program(machine, may_start_processes=may_start_processes))
    filters = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, and where they are.
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(filters))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, head, 0, 0) == 0)


def _program(machine: _Machine, *, may_start_processes: bool) -> Iterator[bytes]:
    yield _instruction(_LOAD, _ARCHITECTURE)
    yield _instruction(_EQUAL, machine.architecture, past=1)
    yield _instruction(_ANSWER, _KILL)
    yield _instruction(_LOAD, _NUMBER)
    if machine.column == 0:
        yield from _when(_AT_LEAST, _X32)
    more = _GROUPS if may_start_processes else {**_PROCESSES, "socket": _SOCKET, "socketpair": (53, 199)}
    for numbers in (_NEVER | more).values():
        number = numbers[machine.column]
        if number is not None:
            yield from _when(_EQUAL, number)
    if may_start_processes:
        yield from _unless(_SOCKET[machine.column], _AF_UNIX)
    else:
        for name, numbers in _ABOUT_ONESELF.items():
            mine = (0, os.getpid()) if name == "prlimit64" else (os.getpid(),)
            yield from _unless(numbers[machine.column], *mine)
    yield _instruction(_ANSWER, _ALLOW)


def _when(comparison: int, value: int) -> Iterator[bytes]:
    """Refuse the call if its number compares like this."""
    yield _instruction(comparison, value, other=1)
    yield _instruction(_ANSWER, _REFUSE)


def _unless(number: int, *firsts: int) -> Iterator[bytes]:
    """Of this call, allow it with one of these first arguments, and refuse it with all others."""
    yield _instruction(_EQUAL, number, other=2 + 2 * len(firsts))
    yield _instruction(_LOAD, _FIRST)
    for first in firsts:
        yield _instruction(_EQUAL, first, other=1)
        yield _instruction(_ANSWER, _ALLOW)
    yield _instruction(_ANSWER, _REFUSE)


def _instruction(code: int, value: int, *, past: int = 0, other: int = 0) -> bytes:
    """`struct sock_filter`: on a comparison that holds, `past` instructions are left out, and `other` if it does not."""
    return struct.pack("@HBBI", code, past, other, value)
