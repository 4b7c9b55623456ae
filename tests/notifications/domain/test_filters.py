"""What a subscription asks for: types, prefixes of types, and what an event concerns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from services.kernel.errors import Invalid
from services.notifications.domain.filters import Concerns, Filter, Reach, checked, names

INCLUDED: Final = "kz.register.entry.included.v1"
EXCLUDED: Final = "kz.register.entry.excluded.v1"
FILED: Final = "kz.register.application.filed.v2"
KNOWN: Final = {name: Reach() for name in (INCLUDED, EXCLUDED, FILED)}
CONCERNS: Final = Concerns(
    bins=frozenset({"181240006529", "151040025562"}),
    product_id="p-1",
    status="included",
    region="750000000",
    track="confirmation",
)


def test_a_filter_without_bounds_asks_for_everything() -> None:
    assert Filter().asks_for(FILED, Concerns())
    assert Filter().asks_for(INCLUDED, CONCERNS)


@pytest.mark.parametrize(
    ("pattern", "type_name", "named"),
    [
        (INCLUDED, INCLUDED, True),
        (INCLUDED, EXCLUDED, False),
        ("kz.register.entry.*", INCLUDED, True),
        ("kz.register.entry.*", FILED, False),
        ("kz.register.*", FILED, True),
        ("kz.register.entry.incl*", INCLUDED, False),
        ("*", INCLUDED, False),
        (".*", INCLUDED, False),
        ("kz.register.entry.included.v1.*", INCLUDED, False),
    ],
)
def test_a_prefix_names_whole_segments_only(pattern: str, type_name: str, named: bool) -> None:
    assert names(pattern, type_name) is named


@pytest.mark.parametrize(
    ("bound", "met", "unmet"),
    [
        ("bin", "181240006529", "971240001315"),
        ("bin", "151040025562", "971240001315"),
        ("product_id", "p-1", "p-2"),
        ("status", "included", "excluded"),
        ("region", "75", "71"),
        ("region", "750000000", "751110000"),
        ("track", "confirmation", "appeal"),
    ],
)
def test_each_bound_is_met_or_not_and_never_by_what_concerns_nothing(
    bound: str, met: Any, unmet: Any
) -> None:
    meeting, missing = replace(Filter(), **{bound: met}), replace(Filter(), **{bound: unmet})
    assert meeting.asks_for(INCLUDED, CONCERNS)
    assert not missing.asks_for(INCLUDED, CONCERNS)
    assert not meeting.asks_for(INCLUDED, Concerns())


def test_all_bounds_hold_together() -> None:
    asked = Filter(("kz.register.entry.*",), bin="181240006529", status="included", region="75")
    assert asked.asks_for(INCLUDED, CONCERNS)
    assert not asked.asks_for(FILED, CONCERNS)


def test_types_are_kept_once_in_their_order() -> None:
    assert checked(Filter((EXCLUDED, INCLUDED, EXCLUDED)), KNOWN).event_types == (EXCLUDED, INCLUDED)


@pytest.mark.parametrize("name", ["kz.register.entry.renamed.v1", "kz.register.entri.*", "*", "", ".*"])
def test_a_type_or_prefix_that_names_nothing_published_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked(Filter((INCLUDED, name)), KNOWN)
    assert (caught.value.code, caught.value.pointer) == ("event_type_unknown", "/event_types/1")
