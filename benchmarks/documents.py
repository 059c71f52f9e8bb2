"""`python -m benchmarks.documents`: how fast documents become lessons, beside the plain call of the library beneath.

Both sides do their work on the same file in turn, in processes of their own, and each measures its processor time; a
ratio is the median of the rounds' ratios. What the start of a child costs is measured apart, on a text of one word.
Without `--files` the documents are those that the tests come with.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

DATA = Path(__file__).parent.parent / "tests" / "data"
ROUNDS = 7
TARGET = 1.25


class Found(NamedTuple):
    """One document: processor seconds of each side, the most resident memory of each in bytes, and its pages."""

    name: str
    pages: int
    ours: list[float]
    plain: list[float]
    our_memory: int
    plain_memory: int

    @property
    def ratio(self) -> float:
        """Our time by the library's."""
        return statistics.median(our / plain for our, plain in zip(self.ours, self.plain, strict=True))


def _read(path: Path) -> int:
    """All that the child does with a document, but for starting: to lessons and pictures, written out as it hands them over."""
    from dataclasses import asdict  # noqa: PLC0415  each side imports what it needs

    from tms.content import formats  # noqa: PLC0415
    from tms.content.lessons.document import Source  # noqa: PLC0415
    from tms.content.pictures import PictureFolder  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="tms-bench-") as folder:
        kind = formats.admit(path, path.name)
        source = Source(path, path.name, kind, PictureFolder(Path(folder)), lambda *_: None)
        document = formats.reader(kind).read(source)
        (Path(folder) / "result.json").write_bytes(json.dumps(asdict(document)).encode())
    return max((lesson.page_to or 0 for lesson in document.lessons), default=0)


def _read_plainly(path: Path) -> int:
    """The text of all pages by pdfium, or the whole HTML by mammoth."""
    if path.suffix == ".pdf":
        import pypdfium2  # noqa: PLC0415

        document = pypdfium2.PdfDocument(path)
        return sum(bool(page.get_textpage().get_text_bounded() or 1) for page in document)
    import mammoth  # noqa: PLC0415

    with path.open("rb") as file:
        mammoth.convert_to_html(file)
    return 0


SIDES: dict[str, Callable[[Path], int]] = {"ours": _read, "plain": _read_plainly}


def measure_here(side: str, path: Path) -> dict[str, Any]:
    """In this process: once to load what is needed, then once measured."""
    import resource  # noqa: PLC0415  not there on Windows

    SIDES[side](path)
    begun = time.process_time()
    pages = SIDES[side](path)
    seconds = time.process_time() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"pages": pages, "seconds": seconds, "memory": memory}


def _measure(side: str, path: Path) -> dict[str, Any]:
    command = (sys.executable, "-m", "benchmarks.documents", "--side", side, "--files", str(path))
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603
    return found


def compare(path: Path, rounds: int) -> Found:
    """Both sides in turn."""
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(_measure("ours", path))
        plain.append(_measure("plain", path))
    return Found(
        path.name,
        max(one["pages"] for one in ours),
        [one["seconds"] for one in ours],
        [one["seconds"] for one in plain],
        max(one["memory"] for one in ours),
        max(one["memory"] for one in plain),
    )


def start_of_a_child(rounds: int) -> float:
    """Processor seconds of starting a child that reads a text of one word."""
    import asyncio  # noqa: PLC0415  the measured sides do not need it
    import resource  # noqa: PLC0415

    from tms.content import sandbox  # noqa: PLC0415

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    async def once(path: Path) -> None:
        async with sandbox.extracting(path, filename="text.txt"):
            pass

    found = []
    with tempfile.TemporaryDirectory(prefix="tms-bench-") as folder:
        path = Path(folder) / "text"
        path.write_text("word")
        for _ in range(rounds):
            before = spent()
            asyncio.run(once(path))
            found.append(spent() - before)
    return statistics.median(found)


def _show(measured: list[Found], start: float) -> None:
    table = Table("document", "ours", "library alone", "ratio", "memory", "library's memory")
    for one in measured:
        ours, plain = statistics.median(one.ours), statistics.median(one.plain)
        speed = f"{one.pages / ours:,.0f} pages/s" if one.pages else f"{1 / ours:.1f} documents/s"
        beside = f"{one.pages / plain:,.0f} pages/s" if one.pages else f"{1 / plain:.1f} documents/s"
        memory = (f"{size / 2**20:.0f} MiB" for size in (one.our_memory, one.plain_memory))
        table.add_row(one.name, speed, beside, f"{one.ratio:.2f}", *memory)
    console = Console()
    console.print(table)
    console.print(f"Starting a child takes {start * 1000:.0f} ms more. Aim: a ratio of at most {TARGET}.")


def main() -> None:
    """Measure and show."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.documents", description=__doc__)
    arguments.add_argument("--files", type=Path, nargs="+", help="PDF and Word documents")
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each side (default {ROUNDS})")
    arguments.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    files = chosen.files or sorted(path for path in DATA.iterdir() if path.suffix in {".pdf", ".docx"})
    if chosen.side:
        sys.stdout.write(json.dumps(measure_here(chosen.side, files[0])))
        return
    _show([compare(path, chosen.rounds) for path in files], start_of_a_child(chosen.rounds))


if __name__ == "__main__":
    main()
