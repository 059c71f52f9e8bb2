"""`tms up` as people run it: real processes on a home of their own, stopped, killed and started again."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx2
import psutil
import pytest

from tms.platform.embedded.place import Place

pytestmark = pytest.mark.processes

PATIENCE = 30


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def eventually(what, message, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline, message
        time.sleep(0.1)
    return found


class Running:
    """One `tms up`, or another command, on a home."""

    def __init__(self, home, *words, port, **environment):
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self.log = home.parent / f"{home.name}-{time.monotonic_ns()}.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tms.cli", *(words or ["up"])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home.parent,
                env=settings(home, port, **environment),
                start_new_session=True,
            )

    @property
    def said(self):
        return self.log.read_text()

    @property
    def lines(self):
        """What `tms` itself said, without the parts' logs."""
        return [line for line in self.said.splitlines() if not line.startswith("{")]

    def ready(self):
        eventually(lambda: "is ready" in self.said or self.process.poll() is not None, self.said)
        assert self.process.poll() is None, self.said
        return self

    def answers(self):
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url}/ready", timeout=3).status_code == 200

    def part(self, name):
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if name in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                    return child
        return None

    def ended(self, *, patience=PATIENCE):
        status = self.process.wait(patience)
        nothing_left(self.home)
        return status

    def kill_all(self):
        """End everything at once, as where a machine loses its power; harmless when nothing runs any more."""
        for pid in (self.process.pid, *(process.pid for process in left_of(self.home))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


def settings(home, port, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return {**kept, "TMS_HOME": str(home), "TMS_PORT": str(port), **more}


def left_of(home):
    """Living processes with this home in their settings or their words: parts, guardian, server."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if str(home) in process.environ().get("TMS_HOME", "") or str(home) in " ".join(process.cmdline()):
                found.append(process)
    return found


def nothing_left(home):
    eventually(lambda: not left_of(home), f"still running: {left_of(home)}")


def guardian_of(home):
    state = Place.of(home).state()
    return state.guardian if state is not None and state.phase == "ready" else None


def signs_in(running, password):
    form = {
        "grant_type": "password",
        "client_id": "tms-cli",
        "username": "admin@example.com",
        "password": password,
    }
    answer = httpx2.post(f"{running.url}/realms/tms/protocol/openid-connect/token", data=form, timeout=10)
    return answer.status_code == 200


@pytest.fixture
def up(tmp_path):
    """`up()` starts `tms up`; whatever a failed test leaves is killed."""
    started = []
    ports = {}

    def start(*words, name="home", **environment):
        home = tmp_path / name
        port = environment.pop("port", None) or ports.setdefault(name, free_port())
        started.append(Running(home, *words, port=port, **environment))
        return started[-1]

    yield start
    for running in started:
        running.kill_all()


def test_the_first_start_shows_a_password_that_works_and_the_second_keeps_the_data(up):
    first = up().ready()
    password = re.search(r"admin@example\.com with the password (\S+)", first.said).group(1)
    assert first.answers()
    assert signs_in(first, password)
    assert first.said.count(password) == 1
    assert first.said.count("is ready") == 1

    # A second one on the same home, and one on the same port, end at once with one line.
    same_home = up()
    assert same_home.process.wait(PATIENCE) == 1
    told = f"process {first.process.pid}, {first.url}"
    advice = "stop that one, or set TMS_HOME to another folder"
    assert same_home.lines == [f"tms: TMS runs already on {first.home} ({told}): {advice}"]
    same_port = up(name="other", port=first.url.rpartition(":")[2])
    assert same_port.process.wait(PATIENCE) == 1
    assert len(same_port.lines) == 1
    assert "Address already in use" in same_port.said
    assert not (same_port.home / "postgres").exists()

    began = time.monotonic()
    first.process.send_signal(signal.SIGTERM)
    assert first.ended() == 0
    assert time.monotonic() - began < 15
    assert first.lines[-1] == "tms: TMS has stopped."
    assert "Traceback" not in first.said

    second = up().ready()
    assert "with the accounts that you have" in second.said
    assert signs_in(second, password)
    # Ctrl-C, as a terminal sends it: to the whole group of processes in front.
    os.killpg(second.process.pid, signal.SIGINT)
    assert second.ended() == 0
    assert "Traceback" not in second.said


def test_each_part_that_is_killed_comes_back_and_all_end_with_tms_up(up):
    running = up(TMS_ADMIN_PASSWORD="a password of a test").ready()
    assert "a password of a test" not in running.said

    api, worker = running.part("serve"), running.part("worker")
    api.kill()
    worker.kill()
    eventually(lambda: running.part("serve") not in {None, api}, "the API does not come back")
    eventually(lambda: running.part("worker") not in {None, worker}, "the worker does not come back")
    eventually(running.answers, "the API does not answer again")

    guardian = guardian_of(running.home)
    os.kill(guardian, signal.SIGKILL)
    eventually(lambda: guardian_of(running.home) not in {None, guardian}, "the database does not come back")
    eventually(running.answers, "the API does not reach the database again")
    assert signs_in(running, "a password of a test")

    running.process.kill()
    running.ended()

    # Nothing that a sudden end leaves behind keeps the next start from working.
    again = up().ready()
    assert signs_in(again, "a password of a test")
    again.kill_all()
    nothing_left(again.home)
    last = up().ready()
    assert signs_in(last, "a password of a test")
    last.process.send_signal(signal.SIGTERM)
    assert last.ended() == 0


@pytest.mark.parametrize("command", ["up", "doctor"])
def test_wrong_settings_are_a_line_each_and_start_nothing(up, command):
    running = up(command, port="none", TMS_TIMEZONE="Mars", DATABASE_URL="mysql://user:secret@host/db")
    assert running.process.wait(PATIENCE) == 2
    assert sorted(line.split(": ")[1] for line in running.lines) == [
        "DATABASE_URL",
        "TMS_PORT",
        "TMS_TIMEZONE",
    ]
    assert "secret" not in running.said
    assert not running.home.exists()


def test_an_address_that_is_none_is_a_line_before_anything_is_made(up):
    running = up(TMS_ADMIN_EMAIL="nonsense")
    assert running.process.wait(PATIENCE) == 2
    assert running.lines == ["tms: TMS_ADMIN_EMAIL: must be an e-mail address such as name@example.org"]
    assert not running.home.exists()


@pytest.mark.parametrize("command", ["up", "worker", "migrate"])
def test_a_database_that_is_not_there_is_one_line(up, command):
    url = f"postgresql://user:secret@127.0.0.1:{free_port()}/tms"
    running = up(command, DATABASE_URL=url)
    assert running.process.wait(PATIENCE) == 1
    assert len(running.lines) == 1, running.said
    assert running.lines[0].startswith("tms: Cannot use the database of DATABASE_URL, 127.0.0.1:")
    assert "secret" not in running.said


def test_several_processes_answer_and_end_with_the_one_that_started_them(up):
    running = up("serve", "--workers", "2")
    eventually(running.answers, "it does not answer")
    workers = [process for process in left_of(running.home) if "spawn_main" in " ".join(process.cmdline())]
    assert len(workers) == 2
    running.process.kill()
    running.ended()


def test_migrate_and_doctor_and_a_new_password_for_an_administrator(up):
    migrated = up("migrate")
    assert migrated.ended() == 0
    assert re.fullmatch(r"The database is at \w+\.", migrated.lines[-2])
    assert re.fullmatch(r"Sign in as \S+ with \S+ \(shown only now: keep it\)\.", migrated.lines[-1])
    recovered = up("recover-administrator", "somebody@example.org")
    assert recovered.ended() == 0
    assert "somebody@example.org signs in with the password" in recovered.said
    examined = up("doctor")
    assert examined.ended() == 0
    assert examined.lines[-1].endswith(" 0 broken.")
