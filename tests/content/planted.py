"""A reader that misbehaves on purpose, run in the place of the real one: `planted.py WHAT INPUT FOLDER`.

`planted.py without-A,B:WHAT ...` does so where the kernel refuses these: `namespaces`, `landlock`, `filter`.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tms.content import callfilter, confine, extract

WITHOUT, _, WHAT = sys.argv[1].rpartition(":")
if "namespaces" in WITHOUT:
    # Flags that no kernel takes: `unshare` fails, as it does where namespaces are forbidden.
    confine._CLONE_NEWUSER = confine._CLONE_NEWNET = 1
if "landlock" in WITHOUT:
    confine._LANDLOCK_CREATE_RULESET = -1
if "filter" in WITHOUT:
    callfilter._PR_SET_SECCOMP = -1


def loop():
    while True:
        pass


def sleep():
    time.sleep(600)


def hog():
    return [bytearray(16 * 1024 * 1024) for _ in range(1000)]


def fill_disk(folder):
    with (folder / "large").open("wb") as file:
        while True:
            file.write(b"x" * 1024 * 1024)


def crash():
    ctypes.string_at(0)


def recurse():
    return recurse()


def fork():
    """A grandchild in the same process group that outlives its parent."""
    for _ in range(3):
        if os.fork() == 0:
            time.sleep(600)
    time.sleep(600)


def scatter(folder):
    """Many files, each within its limit."""
    for number in range(1000):
        (folder / str(number)).write_bytes(b"x" * 1024 * 1024)
        time.sleep(0.005)


def _attempts(target):  # noqa: C901 - one function for each way
    """Ways out of the child: each name with what it tries; `target` tells of what listens outside."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()

    def tcp():
        socket.create_connection(("127.0.0.1", target["tcp"]), timeout=2).close()

    def udp():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.1", target["udp"]))

    def unix():
        with socket.socket(socket.AF_UNIX) as sender:
            sender.connect(target["unix"])

    def abstract():
        with socket.socket(socket.AF_UNIX) as sender:
            sender.connect("\0" + target["abstract"])

    def ring():
        return _called(libc.syscall(425, 1, ctypes.create_string_buffer(120)))

    def fork():
        if (child := os.fork()) == 0:
            os._exit(0)
        os.waitpid(child, 0)

    def clone():
        child = libc.syscall(56 if os.uname().machine == "x86_64" else 220, signal.SIGCHLD, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        _called(child)

    def namespace():
        return _called(libc.unshare(0x10000000))

    def trace():
        # Seizing does not stop whom it seizes.
        return _called(libc.ptrace(0x4206, parent, 0, 0))

    def limit():
        resource.prlimit(parent, resource.RLIMIT_CORE)

    return {
        "tcp": tcp,
        "udp": udp,
        "unix": unix,
        "abstract": abstract,
        "ring": ring,
        "fork": fork,
        "clone": clone,
        "program": lambda: subprocess.run(["/bin/true"], check=True),
        "namespace": namespace,
        "signal": lambda: os.kill(parent, signal.SIGCONT),
        "group": lambda: os.kill(-1, 0),
        "trace": trace,
        "limit": limit,
        "environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "settings": lambda: Path(target["settings"]).read_text(),
        "passwd": lambda: Path("/etc/passwd").read_text(),
        "home": lambda: list(Path("/root").iterdir()),
        "write": lambda: Path(target["outside"]).write_text("x"),
        "overwrite": lambda: Path(target["settings"]).write_text("x"),
    }


def _called(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def attempt(target):
    """What came of each attempt: `done`, or the name of the error."""
    found = {}
    for name, way in _attempts(target).items():
        try:
            way()
            found[name] = "done"
        except OSError as error:
            found[name] = type(error).__name__
    return found


def chatter():
    for _ in range(20_000):
        sys.stdout.write("x" * 1000 + "\n" + json.dumps({"fraction": "much"}) + "\n")
    sys.stdout.write("y" * 3_000_000)


def lessons(title="A title", html="<p>Text</p>"):
    lesson = {
        "title": title,
        "html": html,
        "words": 1,
        "minutes": 1,
        "pictures": [],
        "level": 1,
        "warnings": [],
    }
    lesson |= {"page_from": 1, "page_to": None, "confidence": 1.0}
    return {
        "kind": "docx",
        "title": None,
        "lessons": [lesson],
        "pictures": [],
        "warnings": [],
        "original": None,
    }


def misbehave(path, folder, filename, report):  # noqa: C901, PLR0911, PLR0912  one line for each kind of misbehaviour
    match WHAT.partition("=")[0]:
        case "loop":
            loop()
        case "sleep":
            report(0.5, "Sleeping")
            sleep()
        case "hog":
            hog()
        case "fill":
            fill_disk(folder)
        case "crash":
            crash()
        case "recurse":
            recurse()
        case "fork":
            fork()
        case "raise":
            raise RuntimeError("a secret of the trace")
        case "chatter":
            chatter()
        case "scatter":
            scatter(folder)
        case "attempt":
            target = json.loads(Path(path).read_text())
            return lessons(html=f"<p>{json.dumps(attempt(target))}</p>")
        case "environment":
            return lessons(html=f"<p>{json.dumps(sorted(os.environ))}</p>")
        case "script":
            return lessons(
                html='<p onclick="x()">Text</p><script>alert(1)</script><a href="javascript:x">l</a>'
            )
        case "nul":
            return lessons(title="a\x00b")
        case "surrogate":
            return lessons(title="\ud800")
        case "long":
            return lessons(title="x" * 256)
        case "link":
            (folder / "picture-1.png").symlink_to("/etc/passwd")
            return lessons() | {"pictures": [picture("picture-1.png")]}
        case "outside":
            return lessons() | {"pictures": [picture("../../etc/passwd")]}
        case "extra":
            return lessons() | {"more": 1}
        case "silent":
            os._exit(0)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
    return lessons()


def picture(name):
    return {"file": name, "content_type": "image/png", "size": 1, "sha256": "", "width": 0, "height": 0}


sys.exit(extract.main(misbehave))
