"""Logs: one JSON object a line on standard error, with the request's id; never tokens, passwords or addresses."""

import logging
import logging.config
import sys
import threading
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from tms.platform import redaction

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_TIMED = "time"


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id of the request at hand, so that an answer can be matched with its lines."""
        record.requestId = request_id.get()
        return True


class Formatter(JsonFormatter):
    """One object a line, whatever is in it: JSON has no line breaks of its own, and those in texts are escaped."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s %(requestId)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=_TIMED,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Take out what must not be there."""
        moment = log_data.pop(_TIMED)
        return {_TIMED: moment.isoformat(), **redaction.fields(log_data)}

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is the standard library's
        """The trace without quoted values."""
        return redaction.trace(ei)


def configure(level: str = "INFO") -> None:
    """Set up logging for this process; the start-up code of each part calls it once."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": _RequestId}},
            "formatters": {"json": {"()": Formatter}},
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request"]}
            },
            "root": {"level": level, "handlers": ["stderr"]},
            "loggers": {
                "alembic": {"level": "WARNING"},
                # Where uvicorn was started by itself it has handlers of its own, which write plain text: they go.
                "uvicorn": {"level": "INFO", "handlers": [], "propagate": True},
                "uvicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
                # The access log would hold addresses with query strings; requests are counted in /metrics instead.
                "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
                "procrastinate": {"level": "WARNING"},
                # They would write down whole addresses, with whom was asked for.
                "httpx": {"level": "WARNING"},
                "httpx2": {"level": "WARNING"},
            },
        }
    )
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("tms").critical("the process ends", exc_info=(kind, error, trace))


def _uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        found = (ended.exc_type, ended.exc_value, ended.exc_traceback)
        logging.getLogger("tms").error("a thread has ended", exc_info=found)
