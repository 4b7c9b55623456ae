"""Long lists of values looked up a few hundred at a time, so that no statement grows without bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar
from uuid import UUID

AT_ONCE: Final = 500
ValueT = TypeVar("ValueT", str, UUID, int)


def in_parts(values: Iterable[ValueT]) -> Iterator[list[ValueT]]:
    """The values in lists of at most 500."""
    ordered = sorted(values)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]
