"""`python -m benchmarks`: fills a database of its own, measures, writes `benchmarks/results/`, and leaves nothing behind."""

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from rich.console import Console

from tms.platform import embedded


def main() -> None:
    """Settings are read once, so they are set before anything that reads them is imported."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument(
        "--seconds", type=float, default=6, help="how long each measurement takes (default 6)"
    )
    arguments.add_argument(
        "--students", type=int, default=20_000, help="of the main measurement (default 20,000)"
    )
    arguments.add_argument(
        "--sizes",
        default="1000,100000",
        help="a student's courses is also measured with so many (default 1000,100000)",
    )
    arguments.add_argument("--results", type=Path, default=None, help="where results are written")
    arguments.add_argument(
        "--keycloak", type=int, default=0, help="only enrol so many people at once with a genuine Keycloak"
    )
    chosen = arguments.parse_args()
    if chosen.keycloak:
        from benchmarks import keycloak  # noqa: PLC0415 - it brings a Keycloak along

        Console().print(keycloak.run(chosen.keycloak, chosen.results), markup=False, soft_wrap=True)
        return
    with tempfile.TemporaryDirectory(prefix="tms-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)
        os.environ |= {
            "TMS_HOME": str(home),
            "TMS_HOST": "127.0.0.1",
            "TMS_PUBLIC_URL": "http://tms.bench",
            "TMS_TRUSTED_PROXIES": "127.0.0.1",
            "SECRET_KEY": "a secret of the benchmark that guards nothing at all",
        }
        server = embedded.acquire(home)
        os.environ["DATABASE_URL"] = server.url
        from benchmarks import campaign, report  # noqa: PLC0415 - see above

        try:
            sizes = sorted({chosen.students, *(int(size) for size in chosen.sizes.split(",") if size)})
            found = asyncio.run(
                campaign.run(server.url, home, seconds=chosen.seconds, main=chosen.students, sizes=sizes)
            )
        finally:
            server.release(wait=20)
    Console().print(report.write(found, chosen.results or report.RESULTS), markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
