"""Logs: one JSON object a line on standard error, with the request's id; never tokens, passwords or addresses."""

import logging
import logging.config
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id of the request at hand, so that an answer can be matched with its lines."""
        record.requestId = request_id.get()
        return True


def configure(level: str = "INFO") -> None:
    """Set up logging for this process; the start-up code of each part calls it once."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": _RequestId}},
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "format": "%(levelname)s %(name)s %(message)s %(requestId)s",
                    "rename_fields": {"levelname": "level", "name": "logger"},
                    "timestamp": "time",
                }
            },
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request"]}
            },
            "root": {"level": level, "handlers": ["stderr"]},
            "loggers": {
                "alembic": {"level": "WARNING"},
                # The access log would hold addresses with query strings; requests are counted in /metrics instead.
                "uvicorn.access": {"level": "WARNING"},
                "procrastinate": {"level": "WARNING"},
                "httpx2": {"level": "WARNING"},
            },
        }
    )
