"""An endpoint's rate over any minute, and the sharing of what a worker can carry."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.domain.pacing import MINUTE, allowance, may_leave_at, shared

RATES = st.integers(1, 6_000)


@given(rate=RATES, steps=st.lists(st.tuples(st.integers(0, MINUTE // 4), st.integers(1, 200)), max_size=60))
def test_no_minute_ever_sees_more_than_the_rate(rate: int, steps: list[tuple[int, int]]) -> None:
    now, free_at, left = 1_000 * MINUTE, 0, []
    for wait, wanted in steps:
        now += wait
        count, free_at = allowance(free_at, rate, now, wanted)
        left += [now] * count
    for start in left:
        assert sum(start <= one < start + MINUTE for one in left) <= rate


@settings(deadline=None, max_examples=20)
@given(rate=RATES)
def test_who_always_has_work_gets_the_rate_within_a_second_of_it(rate: int) -> None:
    now, free_at, count = 1_000 * MINUTE, 0, 0
    end = now + 2 * MINUTE
    while now < end:
        taken, free_at = allowance(free_at, rate, now, 1_000)
        count += taken
        now = max(may_leave_at(free_at, rate), now + 1)
    assert count >= 2 * rate * 0.98 - 1


def test_without_a_rate_all_may_leave() -> None:
    assert allowance(77, None, 5, 9) == (9, 77)
    assert may_leave_at(77, None) == 0


@given(wanted=st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 20)), room=st.integers(0, 60))
def test_a_share_is_never_more_than_was_wanted_and_none_gets_two_before_each_has_one(
    wanted: dict[str, int], room: int
) -> None:
    given_ = shared(wanted, room)
    assert sum(given_.values()) == min(room, sum(wanted.values()))
    assert all(count <= wanted[name] for name, count in given_.items())
    unmet = [given_.get(name, 0) for name, count in wanted.items() if given_.get(name, 0) < count]
    if unmet:
        assert max(given_.values(), default=0) <= min(unmet) + 1
