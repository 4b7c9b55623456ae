"""Choosing among Kazakh, Russian and English by `Accept-Language` (RFC 9110 section 12.5.4)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

LANGUAGES: Final = ("kk", "ru", "en")


@lru_cache(maxsize=512)
def preferred_language(header: str | None) -> str:
    """The best of kk, ru and en for a header; Kazakh, then Russian, when it names none of them."""
    best, best_quality = "kk", 0.0
    for part in (header or "")[:1_000].split(","):
        tag, _, parameters = part.partition(";")
        language = tag.strip().lower().split("-")[0]
        quality = _quality(parameters)
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
