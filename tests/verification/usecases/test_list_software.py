"""Listing trusted software: law 418-V art. 7-6."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict
from services.verification.domain.listing import Listing
from services.verification.usecases.delist_software import delist_software
from services.verification.usecases.list_software import NewListing, list_software
from tests.verification.acting import NAME, REASONS, officer
from tests.verification.authority import Authority, authority

OTHER = OfficialText(kk="Басқа өнім", ru="Другой продукт")


def test_a_reference_names_one_product_for_ever_also_after_its_delisting(
    database_url: str, tmp_path: Path
) -> None:
    """A notice names its product by the reference; another one under it would speak for the first."""
    with authority(database_url, tmp_path) as here:
        listing = here.journal.load(Listing, UUID(here.list_product()))
        reference = listing.listed.reference
        delisted(here, listing)
        new = NewListing(reference, OTHER, "971240001315", date(2026, 3, 2), None)
        with pytest.raises(Conflict, match="listing_reference_taken"):
            here.journal.transact(lambda work: list_software(work, officer(), new))
        again = NewListing(f"{reference}-2", NAME, "181240006529", date(2026, 3, 2), None)
        here.journal.transact(lambda work: list_software(work, officer(), again))
        assert here.types().count("TrustedSoftwareListed") == 2


def delisted(here: Authority, listing: Listing) -> None:
    here.journal.transact(
        lambda work: delist_software(
            work, here.practice, officer(), listing, delisted_on=date(2026, 3, 1), ground=REASONS
        )
    )
