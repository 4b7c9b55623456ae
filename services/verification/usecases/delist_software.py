"""Take a product out of the register of trusted software, and monitor the entries it stands behind."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.listing import Listing
from services.verification.projections.included_entries import IncludedEntry, included_now
from services.verification.projections.listings import individual_holders
from services.verification.usecases.assess_case import Foreknown
from services.verification.usecases.monitoring import monitoring
from services.verification.usecases.open_case import open_case
from services.verification.usecases.practice import Practice
from services.verification.usecases.receive_signal import Signal, join_case


def delist_software(
    work: Work, practice: Practice, act: Act, listing: Listing, *, delisted_on: date, ground: OfficialText
) -> Listing:
    """Law 418-V art. 7-6; law-86-VII art. 51-2(4): delist, and open a monitoring case for affected entries.

    An entry with an open unscheduled case gets no second: the delisting joins that one as a signal. Nothing
    is excluded by this: exclusion always needs a notification. `listing` is loaded by the caller, which has
    checked the version it decided on.
    """
    listing.delist(act, delisted_on=delisted_on, ground=ground)
    work.save(listing)

    def affected(connection: sa.Connection) -> list[IncludedEntry]:
        individual = individual_holders(connection, [listing.id]).get(str(listing.id))
        holder = listing.listed.holder_bin or individual
        return included_now(connection, {holder}, listing.listed.product_name) if holder else []

    for entry in work.rely_on(affected):
        reference = listing.listed.reference
        if join_case(work, act, Signal("delisted", entry.entry_id, delisted_on, reference, ground)):
            continue
        opening = monitoring(entry, listing_id=str(listing.id), legal_date=legal_date(act.at).isoformat())
        open_case(work, practice, act, opening, Foreknown(delisted=listing.id))
    work.answer_with(listing)
    return listing
