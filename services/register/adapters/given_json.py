"""Reading JSON that somebody shows as an extract: whole and unambiguous, or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

MOST_DIFFERENCES: Final = 20


def strict_json(content: bytes) -> dict[str, Any] | None:
    """The object that the bytes are; None when they are none, or when a member stands twice in one object.

    Of a doubled member one reader sees the first and another the last. A name with half of a surrogate pair
    is no text either (RFC 7493), and no verdict could tell of it.
    """
    try:
        found = json.loads(content.decode(), object_pairs_hook=_object, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def digest_of_given(content: object) -> str | None:
    """SHA-256 over the canonical bytes (RFC 8785) of what was given; None when it has no such bytes.

    Extracts hold text, whole numbers, lists and objects with ASCII keys, for which these are the bytes.
    """
    try:
        written = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return hashlib.sha256(written).hexdigest()


def differences(given: object, right: object, pointer: str = "") -> Iterator[str]:
    """Where two JSON values differ, as JSON Pointers (RFC 6901)."""
    if isinstance(given, dict) and isinstance(right, dict):
        for name in sorted(given.keys() | right.keys()):
            place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if name in given and name in right:
                yield from differences(given[name], right[name], place)
            else:
                yield place
    elif isinstance(given, list) and isinstance(right, list) and len(given) == len(right):
        for index, (one, other) in enumerate(zip(given, right, strict=True)):
            yield from differences(one, other, f"{pointer}/{index}")
    elif type(given) is not type(right) or given != right:
        yield pointer


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    for name in found:
        name.encode()
    return found


def _refused(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
