"""A listing: one product's place in the register of trusted software, from listing to delisting."""

from __future__ import annotations

from datetime import date
from functools import singledispatchmethod
from typing import Literal
from uuid import UUID

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact
from services.verification.contract.events import TrustedSoftwareDelisted, TrustedSoftwareListed

Status = Literal["listed", "delisted"]


class Listing(Aggregate):
    """A listed product of one holder (law 418-V art. 7-6)."""

    born_of = (TrustedSoftwareListed,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the library's protocol names it so
        super().__init__(id)
        self.status: Status = "listed"
        self.listed: TrustedSoftwareListed
        self.delisted: TrustedSoftwareDelisted | None = None

    def enter(self, act: Act, listing: TrustedSoftwareListed) -> None:
        """Law 418-V art. 7-6: list a product from a day that is not in the future."""
        listed_on = date.fromisoformat(listing.listed_on)
        if listed_on > legal_date(act.at):
            raise Invalid("day_in_future", pointer="/listed_on", day=listing.listed_on)
        if listing.valid_until is not None and date.fromisoformat(listing.valid_until) < listed_on:
            raise Invalid("validity_before_listing", pointer="/valid_until", listed_on=listing.listed_on)
        self.record(act, listing)

    def delist(self, act: Act, *, delisted_on: date, ground: OfficialText) -> None:
        """Law 418-V art. 7-6: take the product out from a day between its listing and today."""
        if self.status != "listed":
            raise Conflict("listing_delisted", state=self.status, allowed="none")
        if delisted_on > legal_date(act.at):
            raise Invalid("day_in_future", pointer="/delisted_on", day=delisted_on.isoformat())
        if delisted_on < date.fromisoformat(self.listed.listed_on):
            raise Invalid("delisting_before_listing", pointer="/delisted_on", listed_on=self.listed.listed_on)
        self.record(
            act,
            TrustedSoftwareDelisted(
                listing_id=str(self.id), delisted_on=delisted_on.isoformat(), ground=ground
            ),
        )

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        super().when(event, fact)

    @when.register
    def _(self, event: TrustedSoftwareListed, _fact: Fact) -> None:
        self.listed = event

    @when.register
    def _(self, event: TrustedSoftwareDelisted, _fact: Fact) -> None:
        self.status = "delisted"
        self.delisted = event
