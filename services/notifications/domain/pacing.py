"""How often an endpoint may be called: a rate a minute, and a fair share of what a worker can carry.

Pure functions; instants and durations are microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MINUTE: Final = 60_000_000
BACKLOG_AFTER: Final = MINUTE
"""A first try that has waited so long belongs to the backlog, and newer events go before it."""


def allowance(free_at: int, per_minute: int | None, now: int, wanted: int) -> tuple[int, int]:
    """How many of `wanted` tries may leave at `now`, and the endpoint's next `free_at`.

    `free_at` is when the endpoint has its whole rate again (the generic cell rate algorithm). In no minute
    more than `per_minute` leave: a second's worth may leave at once, the rest is spaced. None sets no bound.
    """
    if per_minute is None:
        return wanted, free_at
    burst = _burst(per_minute)
    interval = _interval(per_minute)
    allowed, next_free = 0, max(free_at, now)
    while allowed < wanted and next_free - now <= (burst - 1) * interval:
        allowed += 1
        next_free += interval
    return allowed, next_free if allowed else free_at


def may_leave_at(free_at: int, per_minute: int | None) -> int:
    """When the next try may leave by the rate; 0 when it sets no bound."""
    if per_minute is None:
        return 0
    return free_at - (_burst(per_minute) - 1) * _interval(per_minute)


def _burst(per_minute: int) -> int:
    return max(1, per_minute // 60)


def _interval(per_minute: int) -> int:
    """So long that a burst and what follows it in the same minute stay within the rate."""
    return -(-MINUTE // (per_minute - _burst(per_minute) + 1))


def shared(wanted: Mapping[str, int], room: int) -> dict[str, int]:
    """Share `room` among those who want: each gets one in turn until there is no more, or nobody wants."""
    given = dict.fromkeys(wanted, 0)
    open_to = [name for name, count in wanted.items() if count > 0]
    while room > 0 and open_to:
        for name in open_to[:room]:
            given[name] += 1
        room -= len(open_to[:room])
        open_to = [name for name in open_to if given[name] < wanted[name]]
    return {name: count for name, count in given.items() if count}
