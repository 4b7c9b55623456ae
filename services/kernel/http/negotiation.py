"""Choosing among media types by `Accept` (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def preferred_type(header: str | None, offered: Sequence[str]) -> str:
    """The best of `offered` for a header; the first of them when it names none or prefers none."""
    qualities = [(_quality(header or "*/*", kind), -place, kind) for place, kind in enumerate(offered)]
    return max(qualities)[2]


def _quality(header: str, kind: str) -> float:
    """The quality that the most specific range of a header gives a media type; 0 when none covers it."""
    ranges = (kind, kind.partition("/")[0] + "/*", "*/*")
    best_range, quality = len(ranges), 0.0
    for part in header[:1_000].split(","):
        named, _, parameters = part.partition(";")
        name = named.strip().lower()
        if name in ranges and ranges.index(name) < best_range:
            best_range, quality = ranges.index(name), _weight(parameters)
    return quality


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
