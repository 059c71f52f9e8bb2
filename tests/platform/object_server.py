"""A real S3 server (SeaweedFS) for tests, with one bucket and one identity, on free ports of this machine alone."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY = "tests-access-key"
SECRET_KEY = "tests-secret-key-that-guards-nothing"
BUCKET = "tms-tests"
_READY_SECONDS = 60


@dataclass(frozen=True)
class ObjectServer:
    url: str

    def environment(self, **changed):
        """The settings that make TMS use this server."""
        return {
            "AWS_S3_BUCKET": BUCKET,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
        } | changed


def _free_ports(count):
    """Ports that are free at this moment, all held until all are found."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(str(listener.getsockname()[1]))
        return ports


@contextlib.contextmanager
def running(folder: Path):
    """The server with its data below `folder`, which is stopped at the end."""
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    parts = ("s3", "master", "volume", "filer", "admin")
    ports = iter(_free_ports(2 * len(parts)))
    options = [f"-{part}.{kind}={next(ports)}" for part in parts for kind in ("port", "port.grpc")]
    own = options[0].partition("=")[2]
    command = [
        str(Path(sys.executable).parent / "weed"),
        "mini",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-webdav=false",
        "-admin.ui=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={folder / 's3.json'}",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-bucket={BUCKET}",
        *options,
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(process, int(own), folder / "log")
            yield ObjectServer(f"http://127.0.0.1:{own}")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process, port, log):
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if "All enabled components are running" in log.read_text(errors="replace"):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        time.sleep(0.2)
    raise AssertionError(f"the S3 server did not start: {log.read_text(errors='replace')[-2000:]}")
