"""Listings in the register of trusted software (law 418-V art. 7-6)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.events import new_stream_id
from services.verification.contract.events import TrustedSoftwareDelisted, TrustedSoftwareListed
from services.verification.domain.listing import Listing
from tests.verification.acting import BIN, NAME, REASONS, decided, officer


def content(**given: Any) -> TrustedSoftwareListed:
    fields: dict[str, Any] = {
        "listing_id": "",
        "reference": "TR-1",
        "product_name": NAME,
        "listed_on": "2026-01-15",
        "holder_bin": BIN,
        **given,
    }
    return TrustedSoftwareListed(**fields)


def listed() -> Listing:
    listing = Listing(new_stream_id())
    listing.enter(officer(), content())
    return listing


def test_a_product_is_listed_and_delisted() -> None:
    listing = listed()
    listing.delist(officer(), delisted_on=date(2026, 3, 2), ground=REASONS)
    assert decided(listing) == [TrustedSoftwareListed, TrustedSoftwareDelisted]
    with pytest.raises(Conflict, match="listing_delisted"):
        listing.delist(officer(), delisted_on=date(2026, 3, 2), ground=REASONS)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"listed_on": "2026-03-03"}, "day_in_future"),
        ({"valid_until": "2026-01-14"}, "validity_before_listing"),
    ],
)
def test_a_listing_with_impossible_days_is_refused(given: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        Listing(new_stream_id()).enter(officer(), content(**given))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("day", "code"), [(date(2026, 3, 3), "day_in_future"), (date(2026, 1, 14), "delisting_before_listing")]
)
def test_a_delisting_lies_between_the_listing_and_today(day: date, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        listed().delist(officer(), delisted_on=day, ground=REASONS)
    assert refused.value.code == code
