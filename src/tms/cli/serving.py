"""The API as a process: a socket, uvicorn on it, and an end when whoever started it has ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

import uvicorn
from uvicorn.supervisors import Multiprocess

from tms.cli import reception
from tms.cli.failures import CannotStartError
from tms.platform.settings import Settings

BACKLOG = 2048
DRAIN_SECONDS = 10
_LAST_RESORT_SECONDS = 30


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens at `TMS_HOST` and `TMS_PORT`. Raises `CannotStartError`."""
    host, port = settings.tms_host, settings.tms_port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, address = found[0][0], found[0][4]
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise CannotStartError(
            f"TMS_HOST {host} is no address of this machine: set it to 127.0.0.1 or 0.0.0.0"
        ) from error
    except PermissionError as error:
        raise CannotStartError(f"Port {port} needs more rights: set TMS_PORT to 1024 or more") from error
    except OSError as error:
        msg = f"Cannot listen at {host} port {port} ({os.strerror(error.errno or 0)}): end what uses it, or set TMS_HOST and TMS_PORT"
        raise CannotStartError(msg) from error


def serve(listener: socket.socket, workers: int = 1) -> None:
    """Answer requests until SIGTERM or SIGINT; those under way get `DRAIN_SECONDS`. Ends the process if it cannot start."""
    config = uvicorn.Config(
        "tms.cli.serving:app_of_a_worker",
        factory=True,
        http=reception.protocol(),
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        # The gate reads what trusted proxies say; two readers could disagree.
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        backlog=BACKLOG,
    )
    if workers > 1:
        Multiprocess(config, sockets=[listener]).run()
        return
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)


def app_of_a_worker() -> object:
    """The application; in one of several processes it ends with the process that started them."""
    from tms.app import app  # noqa: PLC0415 - the process that only looks after the others needs no application

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: _end_after(parent.join), daemon=True).start()
    return app


def end_with_parent() -> None:
    """End this process when its standard input closes, as it does when the process that started it ends, however it does."""
    threading.Thread(target=lambda: _end_after(_stdin_closes), daemon=True).start()


def _stdin_closes() -> None:
    # Not through sys.stdin: a thread that waits inside its lock makes the interpreter abort when it ends.
    while os.read(0, 4096):
        pass


def _end_after(wait: Callable[[], object]) -> None:
    wait()
    os.kill(os.getpid(), signal.SIGTERM)
    # If that is not enough, there is nobody left who would insist.
    threading.Event().wait(_LAST_RESORT_SECONDS)
    os._exit(1)
