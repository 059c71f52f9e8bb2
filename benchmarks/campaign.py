"""The order of one run: fill, measure, grow, measure again."""

import asyncio
import json
import os
import platform
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import psycopg
from rich.console import Console

from benchmarks import dataset, load, pgbench, processes, report, scenarios
from benchmarks.processes import Served
from benchmarks.scenarios import Scenario
from tms import __version__
from tms.identity import providers
from tms.identity.builtin import hashing
from tms.platform import db, migrations

ROUNDS = 5
WARM_SECONDS = 1.0
_console = Console(stderr=True)


class _Bench:
    """What every measurement needs: the database, where files go, how long."""

    def __init__(self, url: str, home: Path, seconds: float) -> None:
        self.url = url
        self.home = home
        self.seconds = seconds
        self.round_seconds = max(1.0, seconds / 2)
        self.students = 0
        with psycopg.connect(url) as connection:
            row = connection.execute(
                "SELECT pg_postmaster_start_time(), current_setting('data_directory')"
            ).fetchone()
            version = connection.execute("SHOW server_version").fetchone()
        self.version = version[0] if version else ""
        directory = Path(row[1]) if row else home
        self.postmaster = psutil.Process(int((directory / "postmaster.pid").read_text().split("\n", 1)[0]))

    @asynccontextmanager
    async def tms(self, workers: int = 1) -> AsyncIterator[Served]:
        """Our server, started as people start it."""
        port = processes.free_port()
        command = ["-m", "tms.cli", "serve", "--workers", str(workers)]
        async with processes.served(
            command, port=port, environment={"TMS_PORT": str(port)}, log=self.home / "tms.log"
        ) as server:
            await processes.settled(server, workers)
            yield server

    @asynccontextmanager
    async def specification(self, workers: int = 1) -> AsyncIterator[Served]:
        """The specification's style behind the same server program."""
        port = processes.free_port()
        keys = await providers.current().signing_keys()
        environment = {
            "BENCH_SPECIFICATION_DATABASE": db.driver_url(self.url),
            "BENCH_SPECIFICATION_KEYS": json.dumps(keys),
        }
        command = ["-m", "uvicorn", "benchmarks.specification:app", "--port", str(port), "--no-access-log"]
        command += ["--workers", str(workers)]
        async with processes.served(
            command, port=port, environment=environment, log=self.home / "specification.log"
        ) as server:
            await processes.settled(server, workers)
            yield server

    async def load(self, server: Served, scenario: Scenario, seconds: float | None = None) -> dict[str, Any]:
        """One measurement, with what it cost."""
        requests = await scenario.requests(self.students)
        before, started = processes.usage(server, self.postmaster), time.perf_counter()
        plan = load.Plan(
            server.port, scenario.connections, WARM_SECONDS, seconds or self.seconds, requests, scenario.once
        )
        result = await load.measure(plan)
        after, took = processes.usage(server, self.postmaster), time.perf_counter() - started
        own, theirs = after.server - before.server, after.postgres - before.postgres
        # The warm-up and the start of the generator are in the processor time, so requests are scaled up to them.
        answered = result.requests * (WARM_SECONDS + result.seconds) / result.seconds
        return asdict(result) | {
            "memory_mebibytes": processes.memory_mebibytes(server),
            "server_processors": round(own / took, 2),
            "postgres_processors": round(theirs / took, 2),
            "postgres_share": round(theirs / max(own + theirs, 1e-9), 3),
            "cost_milliseconds": round((own + theirs) / answered * 1000, 4),
        }


async def run(url: str, home: Path, *, seconds: float, main: int, sizes: list[int]) -> dict[str, Any]:
    """Everything; `sizes` holds `main`, ascending."""
    load_before = round(os.getloadavg()[0], 2)
    _say("migrating")
    await asyncio.to_thread(migrations.upgrade, url)
    db.connect(url)
    try:
        bench = _Bench(url, home, seconds)
        found: dict[str, Any] = {
            "version": __version__,
            "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": _machine(bench, load_before),
            "main_size": str(main),
            "rounds": ROUNDS,
            "data": {},
            "sizes": {},
            "ceiling": asdict(await load.ceiling(16, 2)),
        }
        for size in sizes:
            await _fill(bench, found, size)
            if size == main:
                await _main(bench, found)
            else:
                await _one_size(bench, found)
    finally:
        await db.disconnect()
    found["machine"]["load_after"] = round(os.getloadavg()[0], 2)
    found["aims"] = _aims(found, sizes)
    return found


async def _fill(bench: _Bench, found: dict[str, Any], size: int) -> None:
    _say(f"filling up to {size:,} students")
    bench.students = size
    found["data"][str(size)] = asdict(await dataset.grow(bench.url, size))


async def _one_size(bench: _Bench, found: dict[str, Any]) -> None:
    _say("a student's courses")
    async with bench.tms() as server:
        runs = [await bench.load(server, scenarios.COURSES, bench.round_seconds) for _ in range(ROUNDS)]
    found["sizes"][str(bench.students)] = _middle(runs, "cost_milliseconds")


async def _main(bench: _Bench, found: dict[str, Any]) -> None:
    _say("the specification's tables, as its models declare them")
    await asyncio.to_thread(dataset.copy_for_specification, bench.url)
    async with bench.specification() as theirs:
        declared = await bench.load(theirs, scenarios.COURSES, bench.round_seconds)
    _say("the same with indexes on foreign keys")
    await asyncio.to_thread(dataset.favour_specification, bench.url)
    scripts = await pgbench.scripts(bench.url, bench.students)
    async with bench.tms() as ours, bench.specification() as theirs:
        hot = await _in_rounds(bench, ours, theirs, scripts["courses"])
        runs = [entry["tms"] for entry in hot["rounds"]]
        found["sizes"][str(bench.students)] = _middle(runs, "cost_milliseconds")
        found["scenarios"] = [hot]
        for scenario in scenarios.SCENARIOS[1:]:
            found["scenarios"].append(await _once(bench, ours, theirs, scenario, scripts))
    found["hashing"] = _hashing(await _hashes_per_second(), found["scenarios"][-1])
    found["workers"] = [
        {"title": "TMS, one worker", **hot["tms"]},
        {"title": "specification's style, one worker", **hot["specification"]},
        {"title": "the same without the indexes that its models lack, one worker", **declared},
    ]
    for title, server in (
        ("TMS, two workers", bench.tms(2)),
        ("specification's style, two workers", bench.specification(2)),
    ):
        _say(title)
        async with server as running:
            found["workers"].append({"title": title, **await bench.load(running, scenarios.COURSES)})
    # What is no request beside SQL (documents read, accounts made at another server) is measured here, each into a key of
    # `found` for which `report` has a section.


async def _in_rounds(bench: _Bench, ours: Served, theirs: Served, script: str) -> dict[str, Any]:
    """The hot read, in turn, so that whatever else the machine does meets all three alike; ratios are those of rounds."""
    seconds = bench.round_seconds
    rounds: list[dict[str, dict[str, Any]]] = []
    for number in range(ROUNDS):
        _say(f"{scenarios.COURSES.title}, round {number + 1} of {ROUNDS}")
        rounds.append(
            {
                "tms": await bench.load(ours, scenarios.COURSES, seconds),
                "specification": await bench.load(theirs, scenarios.COURSES, seconds),
                "pgbench": asdict(
                    await pgbench.run(
                        bench.url, script, clients=scenarios.COURSES.connections, seconds=seconds
                    )
                ),
            }
        )
    middle = {
        name: _middle([entry[name] for entry in rounds], "per_second")
        for name in ("tms", "specification", "pgbench")
    }
    return {
        **_titled(scenarios.COURSES),
        **middle,
        "rounds": rounds,
        "times_specification": _median_ratio(rounds, "specification"),
        "times_each_round": [
            round(entry["tms"]["per_second"] / entry["specification"]["per_second"], 1) for entry in rounds
        ],
        "share_of_pgbench": _median_ratio(rounds, "pgbench"),
    }


def _middle(runs: list[dict[str, Any]], by: str) -> dict[str, Any]:
    return sorted(runs, key=lambda run: float(run[by]))[len(runs) // 2]


def _median_ratio(rounds: list[dict[str, dict[str, Any]]], other: str) -> float:
    return round(
        statistics.median(entry["tms"]["per_second"] / entry[other]["per_second"] for entry in rounds), 4
    )


async def _once(
    bench: _Bench, ours: Served, theirs: Served, scenario: Scenario, scripts: dict[str, str]
) -> dict[str, Any]:
    _say(scenario.title)
    entry = {**_titled(scenario), "tms": await bench.load(ours, scenario)}
    if scenario.in_specification:
        entry["specification"] = await bench.load(theirs, scenario)
        entry["times_specification"] = round(
            entry["tms"]["per_second"] / entry["specification"]["per_second"], 4
        )
    if scenario.in_pgbench:
        limit = await pgbench.run(
            bench.url, scripts[scenario.name], clients=scenario.connections, seconds=bench.seconds
        )
        entry["pgbench"] = asdict(limit)
        entry["share_of_pgbench"] = round(entry["tms"]["per_second"] / limit.per_second, 4)
    return entry


def _titled(scenario: Scenario) -> dict[str, Any]:
    return {"name": scenario.name, "title": scenario.title, "connections": scenario.connections}


async def _hashes_per_second() -> float:
    """How many passwords this machine checks, as many at once as a worker does, and nothing else."""
    _say("hashing alone")
    stored = await hashing.hash_password(dataset.PASSWORD)
    until = time.perf_counter() + 2

    async def check() -> int:
        done = 0
        while time.perf_counter() < until:
            await hashing.matches(stored, dataset.PASSWORD)
            done += 1
        return done

    started = time.perf_counter()
    done = sum(await asyncio.gather(*(check() for _ in range(hashing.AT_ONCE))))
    return done / (time.perf_counter() - started)


def _hashing(per_second: float, sign_in: dict[str, Any]) -> dict[str, float]:
    return {"per_second": round(per_second, 2), "share": round(sign_in["tms"]["per_second"] / per_second, 4)}


def _aims(found: dict[str, Any], sizes: list[int]) -> dict[str, float]:
    hot = found["scenarios"][0]
    fewest, most = (found["sizes"][str(size)]["cost_milliseconds"] for size in (sizes[0], sizes[-1]))
    return {
        "times_specification": hot["times_specification"],
        "share_of_pgbench": hot["share_of_pgbench"],
        "times_specification_lowest": min(hot["times_each_round"]),
        "times_specification_highest": max(hot["times_each_round"]),
        "times_declared": round(hot["tms"]["per_second"] / found["workers"][2]["per_second"], 1),
        "cost_spread": round(most / fewest - 1, 4),
    }


def _machine(bench: _Bench, load_before: float) -> dict[str, Any]:
    return {
        "processors": len(psutil.Process().cpu_affinity())
        if hasattr(psutil.Process, "cpu_affinity")
        else os.cpu_count(),
        "model": report.processor(),
        "load_before": load_before,
        "python": platform.python_version(),
        "postgresql": bench.version,
    }


def _say(what: str) -> None:
    _console.print(f"bench: {what}", markup=False)
