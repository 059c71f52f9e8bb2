"""The API as a process of its own on a loopback port, on the database of the tests: what sockets and fuzzers need."""

import contextlib
import os
import socket
import subprocess
import sys
import time

import httpx2
from tests.runtime.test_up import free_port

PATIENCE = 60


class Served:
    """`tms serve`, or another program that serves at `TMS_PORT`, until `stop`."""

    def __init__(self, database_url, log, words=("-m", "tms.cli", "serve")):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        settings = {
            "DATABASE_URL": database_url,
            "TMS_PORT": str(self.port),
            "TMS_HOST": "127.0.0.1",
            # Nobody answers there, and without a worker nobody asks; but with it e-mails may be sent again.
            "SMTP_URL": "smtp://127.0.0.1:9",
        }
        with log.open("wb") as target:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                env=os.environ | settings,
            )

    def ready(self):
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return self

    def answers(self):
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url}/health", timeout=3).status_code == 200
        return False

    def connect(self, timeout=PATIENCE):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
