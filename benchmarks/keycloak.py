"""Many people enrolled at once with a genuine Keycloak: how many a second, and with what errors."""

import asyncio
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
from keycloak import KeycloakAdmin
from tests.keycloak import server

from benchmarks import processes, report
from tms.identity.keycloak import realm
from tms.platform.settings import Settings

PARALLEL = 64
PATIENCE_SECONDS = 300.0
ADMIN = ("admin@example.com", "an administrator of the benchmark")
SECRET = "a secret of the benchmark that guards nothing at all"  # noqa: S105 - it guards nothing at all


def run(students: int, results: Path | None) -> str:
    """Start Keycloak and TMS, enrol, check both sides, write `keycloak.json`; gives the lines to print."""
    with tempfile.TemporaryDirectory(prefix="tms-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)
        with server.running(home / "keycloak") as keycloak:
            found = asyncio.run(_measure(keycloak, home, students))
    place = results or report.RESULTS
    place.mkdir(parents=True, exist_ok=True)
    (place / "keycloak.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return "\n".join(f"{name}: {value}" for name, value in found.items())


async def _measure(keycloak: server.Keycloak, home: Path, students: int) -> dict[str, Any]:
    port = processes.free_port()
    environment = keycloak.environment() | {
        "TMS_HOME": str(home / "tms"),
        "TMS_PORT": str(port),
        "TMS_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TMS_ADMIN_EMAIL": ADMIN[0],
        "TMS_ADMIN_PASSWORD": ADMIN[1],
        "SECRET_KEY": SECRET,
        "KEYCLOAK_CLIENT_SECRET": SECRET,
    }
    settings = Settings(**{name.lower(): value for name, value in environment.items()})  # type: ignore[arg-type]
    async with realm.opened(settings) as admin:
        async for _ in realm.set_up(admin, settings):
            pass
        command = ["-P", "-m", "tms.cli", "up"]
        async with processes.served(command, port=port, environment=environment, log=home / "tms.log"):
            return await _enrol(settings, admin, students)


async def _enrol(settings: Settings, admin: KeycloakAdmin, students: int) -> dict[str, Any]:
    limits = httpx2.Limits(max_connections=PARALLEL)
    async with httpx2.AsyncClient(
        base_url=f"{settings.public_url}/api/v1", limits=limits, timeout=PATIENCE_SECONDS, trust_env=False
    ) as http:
        http.headers["Authorization"] = f"Bearer {await _token(http, settings)}"
        statuses: Counter[str] = Counter()
        taken: list[float] = []
        turns = asyncio.Semaphore(PARALLEL)

        async def one(number: int) -> None:
            body = {"firstName": "New", "lastName": f"Student {number}", "email": f"s{number}@example.org"}
            async with turns:
                sent = time.perf_counter()
                answer = await http.post("/students/enroll", json=body)
                taken.append(time.perf_counter() - sent)
            statuses[f"{answer.status_code} {answer.json().get('data', {}).get('status', '')}"] += 1

        begun = time.perf_counter()
        await asyncio.gather(*[one(number) for number in range(students)])
        answered = time.perf_counter() - begun
        settled = await _settle(http, begun)
        http.headers["Authorization"] = f"Bearer {await _token(http, settings)}"
        active = (await http.get("/students", params={"status": "active", "limit": 1})).json()["page"][
            "total"
        ]
    taken.sort()
    return {
        "students": students,
        "in parallel": PARALLEL,
        "cores": os.cpu_count(),
        "load of the machine (5 minutes)": round(os.getloadavg()[1], 1),
        "answers": dict(statuses),
        "enrolments a second": round(students / answered, 1),
        "p50 ms": round(taken[len(taken) // 2] * 1000),
        "p99 ms": round(taken[len(taken) * 99 // 100] * 1000),
        "all active after seconds": round(settled, 1),
        "active": active,
        "accounts at Keycloak (with the administrator)": await admin.a_users_count(),
    }


async def _token(http: httpx2.AsyncClient, settings: Settings) -> str:
    form = {"grant_type": "password", "client_id": "tms-cli", "username": ADMIN[0], "password": ADMIN[1]}
    answer = await http.post(f"{settings.issuer}/protocol/openid-connect/token", data=form)
    token: str = answer.raise_for_status().json()["access_token"]
    return token


async def _settle(http: httpx2.AsyncClient, begun: float) -> float:
    """Wait until nobody's account is still to be made."""
    while time.perf_counter() - begun < PATIENCE_SECONDS:
        waiting = await http.get("/students", params={"status": "provisioning", "limit": 1})
        if waiting.json()["page"]["total"] == 0:
            return time.perf_counter() - begun
        await asyncio.sleep(0.2)
    raise RuntimeError("accounts are still to be made")
