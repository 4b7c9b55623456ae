"""The record of one HTTP try: what was sent and the head of what came back, bounded and readable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from services.notifications.adapters.webhook_http import Attempt
from services.notifications.usecases.deliver import Claimed

ANSWER_HEAD_CHARACTERS: Final = 500
ANSWER_HEADER_CHARACTERS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Made:
    """One try that was made: whose, with which headers, and what came of it."""

    claimed: Claimed
    attempt: Attempt
    headers: Mapping[str, str] = field(default_factory=dict)


def attempt_row(made: Made, now: int, *, delivered: bool) -> dict[str, object]:
    """The row of a try that ended at `now` (microseconds)."""
    claimed, attempt = made.claimed, made.attempt
    answer = attempt.answer
    head = answer.body[:ANSWER_HEAD_CHARACTERS].decode("utf-8", "replace") if answer else None
    return {
        "delivery_id": claimed.delivery_id,
        "subscription_id": claimed.subscription_id,
        "number": claimed.number,
        "at": now,
        "delivered": delivered,
        "status": attempt.status,
        "trouble": attempt.trouble.value if attempt.trouble else None,
        "milliseconds": int(attempt.elapsed.total_seconds() * 1_000),
        "resolved_after": _milliseconds(attempt.timings.resolved),
        "connected_after": _milliseconds(attempt.timings.connected),
        "answered_after": _milliseconds(attempt.timings.answered),
        "url": claimed.url,
        "request_headers": _pairs(made.headers.items()),
        "body_digest": hashlib.sha256(claimed.body).hexdigest(),
        "answer_headers": _pairs(_bounded(answer.headers)) if answer else None,
        "answer_head": _readable(head) if head is not None else None,
    }


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1_000)


def _bounded(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    kept, size = [], 0
    for name, value in headers:
        size += len(name) + len(value)
        if size > ANSWER_HEADER_CHARACTERS:
            break
        kept.append((name, value))
    return kept


def _pairs(headers: Iterable[tuple[str, str]]) -> str:
    return msgspec.json.encode([(_readable(name), _readable(value)) for name, value in headers]).decode()


def _readable(text: str) -> str:
    """Without NUL, which no text column takes."""
    return text.replace("\x00", "\ufffd")
