"""The database server is killed under the API's hands: requests are refused for a moment, and nothing acknowledged is lost."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx2
import psycopg
import pytest

from tests.crash.installation import PATIENCE, eventually, fresh
from tests.crash.stories import COURSE
from tms.platform.embedded.place import Place

pytestmark = pytest.mark.processes

CLIENTS = 20
RECOVERY_SECONDS = 5
REFUSED = 503


@dataclass
class Client:
    """Somebody who makes courses one after the other, each with a key, repeating a request until it is acknowledged."""

    tms: object
    tries: list = field(default_factory=list)
    acknowledged: dict = field(default_factory=dict)
    enough: threading.Event = field(default_factory=threading.Event)

    def work(self):
        while not self.enough.is_set():
            title = fresh("Course")
            deadline = time.monotonic() + PATIENCE
            while not self.make(title):
                assert time.monotonic() < deadline, "refused for too long"
                time.sleep(0.1)
            time.sleep(0.1)

    def make(self, title):
        began = time.monotonic()
        answer = self.tms.request("POST", "/courses", key=title, json={"title": title, **COURSE})
        self.tries.append((began, time.monotonic(), answer.status_code))
        if answer.status_code == 201:
            self.acknowledged[title] = answer.json()["data"]["id"]
        return answer.status_code == 201


def _requests_wait(tms, holder):
    """Let requests run into a lock that `holder` keeps, so that they are known to be in the middle of their work."""
    holder.execute("LOCK TABLE courses IN SHARE MODE")
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%courses%'"
    )
    eventually(lambda: tms.value(waiting) >= 5, "no request is in flight")


def _kill_server(tms):
    """Kill the postmaster, and wait until its successor lets somebody in; gives both moments."""
    killed = tms.postmaster()
    os.kill(killed, signal.SIGKILL)
    at = time.monotonic()

    def answers():
        try:
            return tms.value("SELECT 1") == 1
        except psycopg.OperationalError:
            return False

    eventually(
        lambda: tms.postmaster() not in {None, killed} and answers(), "the database does not come back"
    )
    return at, time.monotonic()


def _check_written(tms, clients):
    """What was acknowledged is there once, under the id that was told; each client has one course at most besides."""
    acknowledged = {title: made for client in clients for title, made in client.acknowledged.items()}
    found = Counter(row["title"] for row in tms.rows("SELECT title FROM courses"))
    assert set(found.values()) == {1}
    rows = tms.rows("SELECT id, title FROM courses")
    assert {row["title"]: str(row["id"]) for row in rows if row["title"] in acknowledged} == acknowledged
    assert found.keys() <= acknowledged.keys()


# With the fifth death within a minute a server is given up, so that these are four together.
@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=pytest.mark.long)])
def test_requests_in_flight_when_the_server_is_killed(tms, rounds):
    tms.token()
    tms.change("TRUNCATE courses CASCADE")
    clients = [Client(tms) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=client.work) for client in clients]
    for thread in threads:
        thread.start()
    try:
        for _ in range(rounds):
            before = {title for client in clients for title in client.acknowledged}
            eventually(
                lambda known=before: any(set(c.acknowledged) - known for c in clients), "nothing is made"
            )
            with contextlib.closing(psycopg.connect(tms.database.url)) as holder:
                _requests_wait(tms, holder)
                killed_at, back_at = _kill_server(tms)
            in_flight = [
                status
                for client in clients
                for began, ended, status in list(client.tries)
                if began < killed_at < ended
            ]
            recovered = eventually(
                lambda moment=back_at: _all_served_since(clients, moment), "not all are served"
            )
            assert recovered - back_at < RECOVERY_SECONDS
            assert REFUSED in in_flight
    finally:
        for client in clients:
            client.enough.set()
        for thread in threads:
            thread.join()
    assert {status for client in clients for _, _, status in client.tries} == {201, REFUSED}
    _check_written(tms, clients)
    tms.examine()


def _all_served_since(clients, moment):
    """When the last of the clients got its first success after a moment; none while one still waits for it."""
    firsts = [
        min(
            (ended for _, ended, status in list(client.tries) if status == 201 and ended > moment),
            default=None,
        )
        for client in clients
    ]
    return None if None in firsts else max(firsts)


@dataclass
class Crowd:
    """People who are enrolled all at the same time, each with a key; `answered` holds what the client was told."""

    tms: object
    emails: list
    answered: dict = field(default_factory=dict)

    def enrol(self, email):
        body = {"firstName": "Ada", "lastName": "Example", "email": email}
        answer = self.tms.request("POST", "/students/enroll", key=email, json=body)
        if answer.is_success:
            told = answer.json()["data"]
            assert self.answered.setdefault(email, told)["userId"] == told["userId"]
        return answer

    def attempt(self, email):
        with contextlib.suppress(httpx2.TransportError):
            self.enrol(email)

    def check_acknowledged(self):
        for email, told in self.answered.items():
            users = self.tms.rows("SELECT id, student_code FROM users WHERE email = %s", email)
            assert [(str(row["id"]), row["student_code"]) for row in users] == [
                (told["userId"], told["studentId"])
            ]

    def check_all(self):
        self.check_acknowledged()
        assert self.answered.keys() == set(self.emails)
        for email in self.emails:
            assert self.tms.value("SELECT status FROM users WHERE email = %s", email) == "active"
            assert self.tms.value("SELECT count(*) FROM accounts WHERE email = %s", email) == 1
            taken = [message["Message-ID"] for message in self.tms.mails_to(email)]
            assert len(set(taken)) == 1
            assert len(taken) <= 2


def _kill_everything(tms):
    """As where a machine loses its power."""
    state = Place.of(tms.home).state()
    for pid in (tms.api.pid, tms.worker.pid, state.guardian, state.server):
        os.kill(pid, signal.SIGKILL)
    for process in (tms.api, tms.worker):
        process.kill()


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_is_killed_at_once_in_the_middle_of_enrolments(tms, seed):
    tms.restart_api()
    tms.token()
    tms.work()
    crowd = Crowd(tms, [f"{fresh('student')}@example.org" for _ in range(CLIENTS)])
    threads = [threading.Thread(target=crowd.attempt, args=[email]) for email in crowd.emails]
    for thread in threads:
        thread.start()
    time.sleep(random.Random(seed).uniform(0.1, 0.8))
    _kill_everything(tms)
    for thread in threads:
        thread.join()
    tms.take_database_again()
    tms.restart_api()
    # Who was told so is there before anybody repeats anything.
    crowd.check_acknowledged()
    for email in crowd.emails:
        assert crowd.enrol(email).is_success
    tms.settle()
    crowd.check_all()
    tms.examine()
