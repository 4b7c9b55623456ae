"""A correction of an entry: proposed by one officer, approved or declined by another (order 327 para. 5).

A stream of its own, so that an officer decides on a version of the proposal; what is proposed stands in the
vault. `check` says whether an entry can be corrected so; it is asked when proposed and again when approved.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import singledispatchmethod

import msgspec

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Event, Fact, instant_text, microseconds
from services.register.contract.corrections import (
    CorrectionApproved,
    CorrectionDeclined,
    CorrectionKind,
    CorrectionProposed,
)
from services.register.contract.events import Activity, Included, Product, Reinstated
from services.register.domain.correcting import NAMES, corrections_of, in_order, status_facts
from services.register.domain.proposal import Authors, Proposal


class Proposed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is proposed: which event of which entry, what holds instead, why, and on what legal basis.

    `counts_from` is an instant (UTC), only of a redating; `product` and `activity` only of a restatement.
    """

    entry_id: str
    event_id: str
    kind: CorrectionKind
    reasons: OfficialText
    legal_basis: str
    counts_from: datetime | None = None
    product: Product | None = None
    activity: Activity | None = None


class Correction(Proposal):
    """`proposed -> approved | declined`."""

    born_of = (CorrectionProposed,)
    decided = "correction_decided"

    def propose(self, act: Act, commitments: dict[str, str]) -> None:
        """Record that a correction is proposed; `commitments` bind what the vault holds of it."""
        self.record(act, CorrectionProposed(correction_id=str(self.id), commitments=commitments))

    def approve(self, act: Act, entry_id: str) -> Authors:
        """Approve as another officer. Raises as `must_be_anothers`."""
        self.must_be_anothers(act)
        self.record(act, CorrectionApproved(correction_id=str(self.id), entry_id=entry_id))
        return self.authors()

    def decline(self, act: Act, commitments: dict[str, str]) -> None:
        """Decline as another officer. Raises as `must_be_anothers`."""
        self.must_be_anothers(act)
        self.record(act, CorrectionDeclined(correction_id=str(self.id), commitments=commitments))

    @singledispatchmethod
    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        raise TypeError(f"a correction knows no {type(event).__name__}")

    @when.register
    def _(self, event: CorrectionProposed, fact: Fact) -> None:
        self.proposal = fact

    @when.register
    def _(self, event: CorrectionApproved, fact: Fact) -> None:
        self.status, self.decision = "approved", fact

    @when.register
    def _(self, event: CorrectionDeclined, fact: Fact) -> None:
        self.status, self.decision = "declined", fact


def check(proposed: Proposed, facts: Sequence[Fact], now: datetime) -> Fact:
    """The fact to be corrected, where an entry with these facts, in their order, can be corrected so.

    Raises `Invalid` (`corrected_event_unknown`, `correction_changes_nothing`, `correction_out_of_order`,
    `instant_in_future`) and `Conflict` (`already_annulled`, `correction_superseded`).
    """
    target = next((f for f in facts if f.id == proposed.event_id and type(f.data) in NAMES), None)
    if target is None:
        raise Invalid("corrected_event_unknown", pointer="/event_id", id=proposed.event_id)
    found = corrections_of(facts)
    if target.id in found.left_out:
        raise Conflict("already_annulled", state="annulled", allowed="none")
    counting = status_facts(in_order(facts), found.left_out)
    if proposed.kind == "annulment":
        _check_annulment(target, counting)
    elif proposed.kind == "redating":
        _check_redating(proposed, found.applied(target), counting, now)
    else:
        _check_restatement(proposed, found.applied(target), counting)
    return target


def _check_annulment(target: Fact, counting: Sequence[Fact]) -> None:
    """An exclusion can always be left out; what brought the entry in only while nothing rests on it."""
    if NAMES[type(target.data)] != "exclusion" and counting[-1].id != target.id:
        raise Conflict("correction_superseded", state=NAMES[type(counting[-1].data)], allowed="annulment")


def _check_redating(proposed: Proposed, target: Fact, counting: Sequence[Fact], now: datetime) -> None:
    """The order of what happened to the entry stays as it is."""
    at = proposed.counts_from
    if at is None or at == target.effective_at:
        raise Invalid("correction_changes_nothing", pointer="/counts_from")
    if at > now:
        raise Invalid("instant_in_future", pointer="/counts_from", instant=at.isoformat())
    if isinstance(target.data, Reinstated) and target.data.annuls_from_start:
        raise Conflict("correction_superseded", state="reinstatement", allowed="annulment")
    place = next(n for n, fact in enumerate(counting) if fact.id == target.id)
    after = counting[place - 1].effective_at if place else None
    before = counting[place + 1].effective_at if place + 1 < len(counting) else None
    if (after is not None and at <= after) or (before is not None and at >= before):
        raise Invalid(
            "correction_out_of_order",
            pointer="/counts_from",
            after=_text(after),
            before=_text(before),
        )


def _text(instant: datetime | None) -> str:
    return "-" if instant is None else instant_text(microseconds(instant))


def _check_restatement(proposed: Proposed, target: Fact, counting: Sequence[Fact]) -> None:
    """Only the inclusion that the entry now rests on states its data."""
    latest = next((fact for fact in reversed(counting) if isinstance(fact.data, Included)), None)
    stated = target.data
    if not isinstance(stated, Included) or latest is None or latest.id != target.id:
        raise Conflict("correction_superseded", state=NAMES[type(stated)], allowed="restatement")
    same_product = proposed.product in (None, stated.product)
    if same_product and proposed.activity in (None, stated.activity):
        raise Invalid("correction_changes_nothing", pointer="/product")
