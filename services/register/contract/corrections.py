"""Corrections: facts that say which recorded fact was wrong, why, and what holds instead.

Nothing recorded is ever edited. An officer proposes and another approves; what is proposed stands in the
vault, bound by `commitments`, and becomes public only as the `EntryCorrected` that an approval records.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from services.kernel.contract import FixedTerm, OfficialText, ProducerRef
from services.kernel.journal.events import Event
from services.register.contract.events import REGISTER_EVENTS, Activity, Product

CorrectionKind = Literal["annulment", "redating", "restatement"]
CorrectedFact = Literal["inclusion", "exclusion", "reinstatement"]
StatusAfter = Literal["included", "excluded", "annulled"]


@REGISTER_EVENTS.published("entry.corrected.v1")
class EntryCorrected(Event, frozen=True, kw_only=True):
    """A recorded fact of an entry was wrong; it stays recorded, with what was known of it and when.

    `annulment`: it is left out from the start. `redating`: it counts from the instant `counts_from` (RFC
    3339, UTC). `restatement`: an inclusion states `product` or `activity` in place of what it stated.
    `status` is the entry's after the correction; `annulled` when it was never rightly in the register.
    `appeal_term`: the later one in which a redated exclusion can be appealed, where it moved with its day.
    `request_term`: of the producer's own request, which an exclusion left out had overtaken: it waits again.

    Without `correction_id` it follows from a notification: a "conforms" that names the exclusion's own one,
    or an appeal upheld from the start; then it annuls an exclusion. Otherwise `proposed_by` is the officer
    who proposed it, and who approved it is the event's actor.
    """

    legal_basis: ClassVar[str] = "law-86-VII art. 51-2(4); order-327 para. 31"

    entry_id: str
    producer: ProducerRef
    corrected_event_id: str
    reasons: OfficialText
    notification_id: str | None = None
    kind: CorrectionKind = "annulment"
    corrected: CorrectedFact = "exclusion"
    counts_from: str | None = None
    product: Product | None = None
    activity: Activity | None = None
    correction_id: str | None = None
    proposed_by: str | None = None
    status: StatusAfter | None = None
    appeal_term: FixedTerm | None = None
    request_term: FixedTerm | None = None


@REGISTER_EVENTS.published("correction.proposed.v1")
class CorrectionProposed(Event, frozen=True, kw_only=True):
    """An officer proposed to correct an entry; of which entry and what is not public before an approval."""

    legal_basis: ClassVar[str] = "order-327 para. 5"

    correction_id: str
    commitments: dict[str, str]


@REGISTER_EVENTS.published("correction.approved.v1")
class CorrectionApproved(Event, frozen=True, kw_only=True):
    """Another officer approved what was proposed; the entry's own stream holds `EntryCorrected`."""

    legal_basis: ClassVar[str] = "order-327 para. 5"

    correction_id: str
    entry_id: str


@REGISTER_EVENTS.published("correction.declined.v1")
class CorrectionDeclined(Event, frozen=True, kw_only=True):
    """Another officer declined what was proposed, for reasons that stand in the vault."""

    legal_basis: ClassVar[str] = "order-327 para. 5"

    correction_id: str
    commitments: dict[str, str]
