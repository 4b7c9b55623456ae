"""The service's own keys: published before they sign, and after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from services.kernel.errors import Conflict
from services.notifications.domain.signing import PublicKey
from services.notifications.domain.webhook_keys import WebhookKey, succeeded

NOON: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
DAY: Final = timedelta(days=1)
FIRST: Final = WebhookKey(1, PublicKey(b"1" * 32), NOON)
SECOND: Final = PublicKey(b"2" * 32)


def test_a_successor_is_published_for_a_day_then_both_sign_for_a_day_then_it_alone() -> None:
    ends, second = succeeded(FIRST, SECOND, NOON + 9 * DAY, at_once=False)
    first = replace(FIRST, signs_until=ends)
    days = [NOON + 9 * DAY, NOON + 10 * DAY, NOON + 11 * DAY]
    assert [(first.signs(day), second.signs(day)) for day in days] == [
        (True, False),
        (True, True),
        (False, True),
    ]
    assert all(first.is_published(day) and second.is_published(day) for day in days)
    assert first.is_published(ends + 6 * DAY)
    assert not first.is_published(ends + 7 * DAY)


def test_a_key_that_others_may_know_ends_at_once() -> None:
    ends, second = succeeded(FIRST, SECOND, NOON + DAY, at_once=True)
    assert not replace(FIRST, signs_until=ends).signs(NOON + DAY)
    assert second.signs(NOON + DAY)


def test_a_key_that_does_not_sign_yet_has_no_successor_unless_at_once() -> None:
    _ends, second = succeeded(FIRST, SECOND, NOON + DAY, at_once=False)
    with pytest.raises(Conflict, match="webhook_key_rotating"):
        succeeded(second, PublicKey(b"3" * 32), NOON + DAY, at_once=False)
    _ends, third = succeeded(second, PublicKey(b"3" * 32), NOON + DAY, at_once=True)
    assert third.signs(NOON + DAY)


def test_the_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    """RFC 8037 appendix A.3."""
    public = PublicKey.parse("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert replace(FIRST, public=public).key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
