"""What was measured, as JSON and as a table for people; ratios first, since absolute numbers are those of one machine."""

import json
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
TIMES_SPECIFICATION = 20
SHARE_OF_PGBENCH = 0.12
COST_SPREAD = 0.20


def write(found: dict[str, Any], folder: Path = RESULTS) -> str:
    """Write `bench.json` and `bench.md` into the folder; returns the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(found, indent=2) + "\n")
    text = markdown(found)
    (folder / "bench.md").write_text(text)
    return text


def processor() -> str:
    """What the machine's processor is called."""
    told = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (told.read_text().splitlines() if told.exists() else ())
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    parts = [
        "# Measured by `make bench`",
        _machine(found),
        _scenarios(found),
        _workers(found),
        _sizes(found),
        _aims(found),
    ]
    return "\n\n".join(parts) + "\n"


def _machine(found: dict[str, Any]) -> str:
    machine, data = found["machine"], found["data"][found["main_size"]]
    return (
        f"{machine['processors']} processors ({machine['model']}), load {machine['load_before']} before and {machine['load_after']} after, "
        f"PostgreSQL {machine['postgresql']} with its defaults (every commit reaches the disk), Python {machine['python']}. "
        f"Generator, server and PostgreSQL share the processors. {data['students']:,} students, "
        f"{data['section_progress']:,} sections done. Closed loop; one worker unless stated; times in milliseconds. "
        f"The generator alone reaches {found['ceiling']['per_second']:,.0f} requests/s."
    )


def _scenarios(found: dict[str, Any]) -> str:
    rows = [
        "| scenario | connections | TMS, requests/s | p50 | p99 | specification's style | p50 | p99 | pgbench | times the specification | of pgbench | worker, MiB | PostgreSQL's share of CPU |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in found["scenarios"]:
        own, spec, limit = entry["tms"], entry.get("specification"), entry.get("pgbench")
        rows.append(
            _row(
                entry["title"],
                entry["connections"],
                _number(own["per_second"]),
                own["p50"],
                own["p99"],
                _number(spec["per_second"]) if spec else "",
                spec["p50"] if spec else "",
                spec["p99"] if spec else "",
                _number(limit["per_second"]) if limit else "",
                f"{entry['times_specification']:.1f}" if spec else "",
                f"{entry['share_of_pgbench']:.1%}" if limit else "",
                own["memory_mebibytes"],
                f"{own['postgres_share']:.0%}",
            )
        )
    hashing = found["hashing"]
    rows += [
        "",
        (
            f"A sign-in is one argon2id hash of 46 MiB: hashing alone, two at a time, does {hashing['per_second']:.1f}/s, "
            f"of which sign-ins reach {hashing['share']:.0%}. The specification leaves sign-in to Keycloak. The courses are measured in "
            f"{found['rounds']} rounds of each in turn; what stands here is the median of each and of the rounds' ratios."
        ),
    ]
    return "\n".join(rows)


def _workers(found: dict[str, Any]) -> str:
    rows = ["| a student's courses | requests/s | p50 | p99 | MiB of a worker |", "|---|---|---|---|---|"]
    rows += [
        _row(
            entry["title"],
            _number(entry["per_second"]),
            entry["p50"],
            entry["p99"],
            entry["memory_mebibytes"],
        )
        for entry in found["workers"]
    ]
    return "\n".join(rows)


def _sizes(found: dict[str, Any]) -> str:
    rows = [
        "| students | sections done | GiB | filled in, s | requests/s | CPU of server and PostgreSQL per request of a student's courses, ms |",
        "|---|---|---|---|---|---|",
    ]
    for name, data in found["data"].items():
        run = found["sizes"][name]
        rows.append(
            _row(
                f"{data['students']:,}",
                f"{data['section_progress']:,}",
                data["gibibytes"],
                data["seconds"],
                _number(run["per_second"]),
                f"{run['cost_milliseconds']:.3f}",
            )
        )
    return "\n".join(rows)


def _aims(found: dict[str, Any]) -> str:
    aims = found["aims"]
    return "\n".join(
        [
            "| aim | measured | reached |",
            "|---|---|---|",
            _row(
                f"a student's courses: {TIMES_SPECIFICATION} times the specification's style, given indexes that it lacks",
                f"{aims['times_specification']:.1f} ({aims['times_specification_lowest']:.1f} to {aims['times_specification_highest']:.1f})",
                _yes(aims["times_specification"] >= TIMES_SPECIFICATION),
            ),
            _row(
                "the same, with its tables as its models declare them", f"{aims['times_declared']:,.0f}", ""
            ),
            _row(
                f"a student's courses: {SHARE_OF_PGBENCH:.0%} of pgbench",
                f"{aims['share_of_pgbench']:.1%}",
                _yes(aims["share_of_pgbench"] >= SHARE_OF_PGBENCH),
            ),
            _row(
                f"cost of a request from the fewest to the most students: within {COST_SPREAD:.0%}",
                f"{aims['cost_spread']:+.1%}",
                _yes(aims["cost_spread"] <= COST_SPREAD),
            ),
        ]
    )


def _yes(reached: object) -> str:
    return "yes" if reached else "no"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
