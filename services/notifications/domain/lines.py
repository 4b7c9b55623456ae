"""The order of a line: deliveries of one subject to one endpoint leave by their ids, the least first.

An id is a UUIDv7 of the clock of whichever host queues it, and hosts' clocks differ.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

_RANDOM: Final = (1 << 62) - 1
_VERSION_AND_VARIANT: Final = 7 << 76 | 2 << 62


def never_behind(fresh: str, last: str) -> str:
    """A UUIDv7 that comes after `last`: `fresh` where it does, or the next one (RFC 9562, 5.7, 6.2).

    `last` may be empty, where nothing came before.
    """
    if fresh > last:
        return fresh
    number = UUID(last).int
    following = ((number >> 80) << 74 | (number >> 64 & 0xFFF) << 62 | number & _RANDOM) + 1
    moment, middle, rest = following >> 74, following >> 62 & 0xFFF, following & _RANDOM
    return str(UUID(int=moment << 80 | middle << 64 | rest | _VERSION_AND_VARIANT))
