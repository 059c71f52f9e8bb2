"""What others notice while documents are read: how long small requests take, with two people uploading without pause and without.

TMS runs as `make run` runs it. One request after the other is sent, five milliseconds apart, in turns: while nothing else happens;
beside two programs that only count, at the lowest priority, which shows what the machine itself does to anybody; while two long
documents are read; and while two short ones are at any time, so that taking them in, and making courses and sections, is much of
the work. Who uploads is another program at the lowest priority, since people have machines of their own.
"""

import asyncio
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pypdf

from benchmarks import processes

DATA = Path(__file__).parent.parent / "tests" / "data"
SHORT = DATA / "databases.docx"
TIMES = 20
"""So many times the pages of a PDF make a long one."""
UPLOADERS = 2
TURNS = 5
TURN_SECONDS = 5.0
PAUSE_SECONDS = 0.005
SETTLE_SECONDS = 1.0
ADMIN = ("admin@example.com", "an administrator of the benchmark")
COURSE = {
    "title": "A course",
    "category": "Bench",
    "templateType": "text-image",
    "difficulty": "beginner",
    "estimatedDuration": 1,
}
COUNT = "while True: sum(range(1000))"
LOWEST = 19


def markdown() -> str:
    """Measure; the table and what it says."""
    told = (
        f"How long `GET /me` takes, asked {1 / PAUSE_SECONDS:.0f} times a second at most, in {TURNS} turns of "
        f"{TURN_SECONDS:g} seconds of each line; beside the same TMS with nothing else to do."
    )
    return f"## What others notice meanwhile\n\n{told}\n\n{_measure()}"


def _measure() -> str:
    with tempfile.TemporaryDirectory(prefix="tms-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)
        return asyncio.run(_served(home))


async def _served(home: Path) -> str:
    port = processes.free_port()
    environment = {
        "TMS_HOME": str(home / "tms"),
        "TMS_HOST": "127.0.0.1",
        "TMS_PORT": str(port),
        "TMS_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TMS_ADMIN_EMAIL": ADMIN[0],
        "TMS_ADMIN_PASSWORD": ADMIN[1],
        "SECRET_KEY": "a secret of the benchmark that guards nothing at all",
    }
    command = ["-P", "-m", "tms.cli", "up"]
    long = _long_document(home)
    async with processes.served(command, port=port, environment=environment, log=home / "tms.log"):
        return await asyncio.to_thread(_in_turns, port, long)


def _long_document(folder: Path) -> Path:
    made = folder / "long.pdf"
    writer = pypdf.PdfWriter()
    pages = pypdf.PdfReader(DATA / "python-basics.pdf").pages
    for _ in range(TIMES):
        for page in pages:
            writer.add_page(page)
    writer.write(made)
    return made


def _in_turns(port: int, long: Path) -> str:
    token = _token(port)
    _ask(port, token, SETTLE_SECONDS)
    counting = [[sys.executable, "-c", COUNT]] * UPLOADERS
    took: dict[str, list[float]] = {"nothing": [], "counting": [], "long": [], "short": []}
    read = {"long": 0, "short": 0}
    for _ in range(TURNS):
        took["nothing"] += _ask(port, token, TURN_SECONDS)
        with _beside(*counting):
            took["counting"] += _ask(port, token, TURN_SECONDS)
        for kind, document in (("long", long), ("short", SHORT)):
            upload = [sys.executable, "-m", "benchmarks.meanwhile", str(port), token, str(document)]
            with _beside(upload) as uploader:
                took[kind] += _ask(port, token, TURN_SECONDS)
            read[kind] += int(uploader[0].communicate()[0])
    rows = [
        "| meanwhile | p50, ms | p95, ms | p99, ms |",
        "|---|---|---|---|",
        _row("nothing else", took["nothing"], took["nothing"]),
        _row(f"{UPLOADERS} programs that only count", took["counting"], took["nothing"]),
        _row(
            f"{UPLOADERS} long documents read at any time, {read['long']} in all",
            took["long"],
            took["nothing"],
        ),
        _row(f"{UPLOADERS} short ones, {read['short']} in all", took["short"], took["nothing"]),
    ]
    return "\n".join(rows)


def _row(name: str, took: list[float], quiet: list[float]) -> str:
    cells = []
    for percent in (50, 95, 99):
        own, usual = (statistics.quantiles(found, n=100)[percent - 1] for found in (took, quiet))
        cells.append(f"{own * 1000:.2f}" + ("" if took is quiet else f" ({own / usual:.2f} times)"))
    return f"| {name} | {' | '.join(cells)} |"


def _token(port: int) -> str:
    form = {"grant_type": "password", "client_id": "tms-cli", "username": ADMIN[0], "password": ADMIN[1]}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/realms/tms/protocol/openid-connect/token", urlencode(form), kind)
    token: str = json.loads(connection.getresponse().read())["access_token"]
    return token


def _ask(port: int, token: str, seconds: float) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.perf_counter()
        connection.request("GET", "/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        took.append(time.perf_counter() - begun)
        if answer.status != http.client.OK:
            raise RuntimeError(f"GET /me was answered with {answer.status}")
        time.sleep(PAUSE_SECONDS)
    return took


@contextmanager
def _beside(*commands: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """These programs run at the lowest priority until the block ends, and are told to end then."""
    begun = [
        subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603
        for command in commands
    ]
    try:
        for program in begun:
            os.setpriority(os.PRIO_PROCESS, program.pid, LOWEST)
            with suppress(OSError):
                # Where Linux gives each session an equal share, niceness counts within the session only.
                Path(f"/proc/{program.pid}/autogroup").write_text(str(LOWEST))
        time.sleep(SETTLE_SECONDS)
        yield begun
    finally:
        for program in begun:
            program.send_signal(signal.SIGTERM)
        for program in begun:
            program.wait()


def _upload_from(port: str, token: str, document: str) -> int:
    path = Path(document)
    return asyncio.run(_upload_on(int(port), token, path.name, path.read_bytes()))


async def _upload_on(port: int, token: str, name: str, content: bytes) -> int:
    """Upload until told to end; how many documents became sections."""
    enough = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)
    done = 0
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=120,
        trust_env=False,
    ) as client:

        async def one() -> None:
            nonlocal done
            while not enough.is_set():
                made = await client.post("/courses", json=COURSE)
                course = made.raise_for_status().json()["data"]["id"]
                files = {"file": (name, content)}
                answer = await client.post(f"/courses/{course}/upload-content", files=files)
                answer.raise_for_status()
                done += 1

        await asyncio.gather(*(one() for _ in range(UPLOADERS)))
    return done


if __name__ == "__main__":
    sys.stdout.write(str(_upload_from(*sys.argv[1:])))
