"""Logs are JSON lines that tell what happened, and never a number, a query or a body of anyone's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from services.kernel.telemetry import JsonLines, logger
from tests.kernel.ledger_service import BIN, IIN, LedgerService


class Kept(logging.Handler):
    """Keeps every line as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines("ledger"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Kept]:
    kept = Kept()
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(kept)
    yield kept
    logger.removeHandler(kept)
    logger.setLevel(before)


def test_a_line_is_one_json_object_in_utc(log: Kept) -> None:
    try:
        int("two\nlines")
    except ValueError as error:
        logger.error("сбой\nздесь", exc_info=error, extra={"position": 7})
    (text,) = log.lines
    assert "\n" not in text
    line = json.loads(text)
    assert line["time"].endswith("+00:00")
    assert (line["level"], line["service"], line["message"]) == ("error", "ledger", "сбой\nздесь")
    assert (line["position"], line["exception"].splitlines()[0]) == (7, "Traceback (most recent call last):")


def test_a_servers_colours_stay_out_of_the_log(log: Kept) -> None:
    logger.info("Started", extra={"color_message": "\x1b[36mStarted"})
    assert set(json.loads(log.lines[0])) == {"time", "level", "service", "message"}


def test_a_request_is_told_by_its_route_and_never_by_what_it_held(service: LedgerService, log: Kept) -> None:
    service.opened(f"Dala {BIN}", email="a@example.kz")
    service.get(f"/v1/ledgers?bin={BIN}", "auditor")
    service.get(f"/v1/ledgers/{IIN}")
    service.get("/v1/accidents/statement")
    lines = [json.loads(text) for text in log.lines]
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("POST", "/v1/ledgers", 201),
        ("GET", "/v1/ledgers", 200),
        ("GET", "/v1/ledgers/{ledger_id}", 422),
        ("GET", "/v1/accidents/{kind}", 500),
    ]
    assert all(line["request_id"] for line in requests)
    assert "nowhere" in "".join(log.lines)  # the accident's statement is told, its parameters are not
    for secret in (BIN, IIN, "Dala", "a@example.kz", "bin="):
        assert not [text for text in log.lines if secret in text], secret
