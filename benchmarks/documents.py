"""`python -m benchmarks.documents`: how fast documents become lessons, beside what the library beneath does alone.

A PDF is compared with two ways of using its library: the plain call, which gives nothing but text; and the calls that anybody needs
who wants to see lines, headings and pictures: each piece of text with its place, size and font, and the pictures as files. Word
documents are compared with their library's HTML.

All sides do their work on the same file in turn, in processes of their own, and each measures its processor time; a
ratio is the median of the rounds' ratios. What the start of a child costs is measured apart, on a text of one word.
Without `--files` the documents are those that the tests come with, `benchmarks.meanwhile` measures what others notice of
it, and `benchmarks/results/documents.md` is written.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from benchmarks import report

DATA = Path(__file__).parent.parent / "tests" / "data"
ROUNDS = 7
TARGET = 1.25


class Found(NamedTuple):
    """One document: processor seconds of each side in each round, the most resident memory of each in bytes, and its pages."""

    name: str
    pages: int
    seconds: dict[str, list[float]]
    memory: dict[str, int]

    def ratio(self, side: str) -> float:
        """Our time by that of the side."""
        return statistics.median(
            our / theirs for our, theirs in zip(self.seconds["ours"], self.seconds[side], strict=True)
        )


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


def _read_with_places(path: Path) -> int:
    """Each piece of text of a PDF with its place, size and font, and the pictures as files, by the library's own objects.

    Pictures with a mask are drawn: as the library extracts them, what the mask hides is black. Which those are it does not tell.
    """
    import pypdfium2  # noqa: PLC0415
    import pypdfium2.raw as pdfium  # noqa: PLC0415

    from tms.content.pdf.masks import Masked  # noqa: PLC0415

    wanted = [pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_IMAGE]
    with tempfile.TemporaryDirectory(prefix="tms-bench-") as folder:
        pieces = []
        pictures = 0
        masked = Masked(path)
        for page in pypdfium2.PdfDocument(path):
            for found in page.get_objects(filter=wanted, textpage=page.get_textpage()):
                if isinstance(found, pypdfium2.PdfTextObj):
                    font = found.get_font().get_base_name()
                    pieces.append((found.extract(), found.get_bounds(), found.get_font_size(), font))
                elif isinstance(found, pypdfium2.PdfImage):
                    pictures += 1
                    target = Path(folder) / str(pictures)
                    if masked.may_hold(found.get_px_size()):
                        found.get_bitmap(render=True).to_pil().save(f"{target}.png", compress_level=1)
                    else:
                        found.extract(target)
    return len(pieces)


SIDES: dict[str, Callable[[Path], int]] = {
    "ours": _read,
    "plain": _read_plainly,
    "placed": _read_with_places,
}


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
    """All sides in turn."""
    sides = [side for side in SIDES if side != "placed" or path.suffix == ".pdf"]
    found = [{side: _measure(side, path) for side in sides} for _ in range(rounds)]
    return Found(
        path.name,
        found[0]["ours"]["pages"],
        {side: [one[side]["seconds"] for one in found] for side in sides},
        {side: max(one[side]["memory"] for one in found) for side in sides},
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


def markdown(measured: list[Found], start: float, load: tuple[float, float], rounds: int) -> str:
    """The table, and whether the aim is reached; `start` in seconds, `load` before and after."""
    rows = [
        "| document | ours | text alone | ratio | text with places, and pictures | ratio | MiB: ours | text alone | with places |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in measured:
        placed = "placed" in one.seconds
        cells = [
            one.name,
            _speed(one, "ours"),
            _speed(one, "plain"),
            f"{one.ratio('plain'):.2f}",
            _speed(one, "placed") if placed else "",
            f"{one.ratio('placed'):.2f}" if placed else "",
            *(f"{one.memory[side] / 2**20:.0f}" if side in one.memory else "" for side in SIDES),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    worst = max(one.ratio("placed" if "placed" in one.seconds else "plain") for one in measured)
    plain = max(one.ratio("plain") for one in measured)
    machine = (
        f"{os.cpu_count()} processors ({report.processor()}), load {load[0]:.2f} before and {load[1]:.2f} after, "
        f"Python {platform.python_version()}. Processor time alone; median of {rounds} rounds of each side in turn, and of "
        f"the rounds' ratios. Starting a child takes {start * 1000:.0f} ms more. Text alone is the plainest call of the "
        "library; of Word documents, their HTML."
    )
    aim = (
        f"Aim: at most {TARGET} times what the library takes for what a reader must know: text, places and pictures of a PDF, "
        f"HTML of a Word document. Measured: {worst:.2f} at most, {_reached(worst)}. Beside text alone: {plain:.2f} at most, "
        f"{_reached(plain)}; `docs/decisions/0028-pdfs-are-measured-beside-text-with-places.md` says why."
    )
    return "\n\n".join(["# Measured by `make bench-documents`", machine, "\n".join(rows), aim]) + "\n"


def _reached(ratio: float) -> str:
    return "reached" if ratio <= TARGET else "not reached"


def _speed(one: Found, side: str) -> str:
    seconds = statistics.median(one.seconds[side])
    return f"{one.pages / seconds:,.0f} pages/s" if one.pages else f"{1 / seconds:.1f} documents/s"


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
    before = os.getloadavg()[0]
    measured = [compare(path, chosen.rounds) for path in files]
    start = start_of_a_child(chosen.rounds)
    text = markdown(measured, start, (before, os.getloadavg()[0]), chosen.rounds)
    if not chosen.files:
        from benchmarks import meanwhile  # noqa: PLC0415  the measured sides do not need it

        text += f"\n{meanwhile.markdown()}\n"
        (report.RESULTS / "documents.md").write_text(text)
    Console().print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
