"""A reader that misbehaves on purpose, run in the place of the real one: `planted.py WHAT INPUT FOLDER`."""

import ctypes
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from tms.content import extract

WHAT = sys.argv[1]


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


def connect(port):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=2):
        return "connected"


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
    return {"kind": "docx", "title": None, "lessons": [lesson], "pictures": [], "warnings": []}


def secrets(path):
    """What of the machine can be seen from within."""
    found = {"environment": sorted(os.environ)}
    for name in ("/etc/passwd", "/root", str(Path(path).parent.parent), "/proc/1/environ"):
        try:
            found[name] = bool(list(Path(name).iterdir()) if Path(name).is_dir() else Path(name).read_bytes())
        except OSError as error:
            found[name] = type(error).__name__
    try:
        (Path(path).parent.parent / "written-from-within").write_text("x")
        found["write"] = True
    except OSError as error:
        found["write"] = type(error).__name__
    return found


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
        case "connect":
            return lessons(title=connect(WHAT.partition("=")[2]))
        case "secrets":
            return lessons(html=f"<p>{json.dumps(secrets(path))}</p>")
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
