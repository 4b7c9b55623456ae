"""Logs as JSON lines on stdout, and the Prometheus metrics that all services share.

No log line holds a body, a query string, a BIN or an IIN; paths are route templates.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec
from prometheus_client import Counter, Gauge, Histogram

logger: Final = logging.getLogger("tizilim")

REQUESTS: Final = Counter(
    "tizilim_http_requests_total", "Requests answered", ["service", "method", "route", "status"]
)
REQUEST_SECONDS: Final = Histogram(
    "tizilim_http_request_seconds",
    "Time to answer a request",
    ["service", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)
JOURNAL_HEAD: Final = Gauge("tizilim_journal_head", "Last position of the service's journal", ["service"])
JOURNAL_SEALED: Final = Gauge("tizilim_journal_sealed", "Last position under a checkpoint", ["service"])
FOLLOWER_LAG: Final = Gauge(
    "tizilim_follower_lag_events", "Upstream events not yet handled", ["service", "upstream"]
)
PARKED_EVENTS: Final = Gauge(
    "tizilim_parked_events", "Upstream events parked after their handling failed", ["service", "upstream"]
)

_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
"""What a record holds anyway, and uvicorn's messages in colours."""


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, service, message and the extra fields given."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "message": record.getMessage(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _ENCODER.encode(line).decode()


def configure_logging(service: str, *, level: str = "INFO") -> None:
    """Send the process's logs to stdout as JSON lines.

    What no line shows is not looked up for each either (Python's logging HOWTO, "Optimization").
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
