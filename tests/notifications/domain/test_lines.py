"""Ids of deliveries that go forward though the clocks of hosts do not."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.journal.events import new_event_id
from services.notifications.domain.lines import never_behind

IDS = st.tuples(st.integers(0, 2**48 - 2), st.integers(0, 2**12 - 1), st.integers(0, 2**62 - 1)).map(
    lambda parts: str(UUID(int=parts[0] << 80 | 7 << 76 | parts[1] << 64 | 2 << 62 | parts[2]))
)


@given(fresh=IDS, last=IDS)
def test_an_id_comes_after_the_last_and_is_of_the_same_kind(fresh: str, last: str) -> None:
    following = never_behind(fresh, last)
    assert following > last
    assert following >= fresh
    assert (UUID(following).version, UUID(following).variant) == (7, UUID(fresh).variant)


def test_the_first_of_a_line_keeps_its_own_id() -> None:
    fresh = new_event_id()
    assert never_behind(fresh, "") == fresh


def test_the_id_after_one_whose_random_bits_are_used_up_is_of_the_next_millisecond() -> None:
    last = "01890000-0000-7fff-bfff-ffffffffffff"
    assert (
        never_behind("01880000-0000-7000-8000-000000000000", last) == "01890000-0001-7000-8000-000000000000"
    )
