"""List a product in the register of trusted software."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict
from services.kernel.identifiers import is_bin
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Work
from services.kernel.vault import seal
from services.verification.contract.events import TrustedSoftwareListed
from services.verification.domain.listing import Listing
from services.verification.projections.listings import HOLDER_IIN, is_known_reference
from services.verification.schema import VAULT


@dataclass(frozen=True, slots=True)
class NewListing:
    """What is listed: the notice's reference, the product, its holder (BIN or IIN, checked), its days."""

    reference: str
    product_name: OfficialText
    holder: str
    listed_on: date
    valid_until: date | None


def list_software(work: Work, act: Act, new: NewListing) -> Listing:
    """Law 418-V art. 7-6: list the product; an individual holder's IIN goes to the vault, not the event.

    Raises `Conflict` (`listing_reference_taken`) once another listing stood under the reference.
    """
    if work.rely_on(partial(is_known_reference, reference=new.reference)):
        raise Conflict("listing_reference_taken", state="listed", reference=new.reference)
    listing = enter_listing(work, act, new)
    work.answer_with(listing)
    return listing


def enter_listing(work: Work, act: Act, new: NewListing, *, event_index: int = 0) -> Listing:
    """Take a new listing into the unit, its event being the unit's at `event_index`."""
    listing = Listing(new_stream_id())
    by_bin = is_bin(new.holder)
    sealed = seal({} if by_bin else {HOLDER_IIN: new.holder})
    listing.enter(
        act,
        TrustedSoftwareListed(
            listing_id=str(listing.id),
            reference=new.reference,
            product_name=new.product_name,
            listed_on=new.listed_on.isoformat(),
            holder_bin=new.holder if by_bin else None,
            holder_iin_commitment=sealed.commitments.get(HOLDER_IIN),
            valid_until=new.valid_until.isoformat() if new.valid_until else None,
        ),
    )
    work.save(listing)
    work.write(VAULT.keeping(event_index, str(listing.id), sealed))
    return listing
