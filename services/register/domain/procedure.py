"""How the industry authority works: which steps need no officer, and the terms it fixes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import msgspec

from services.kernel.calendar import (
    APPEAL,
    EXCLUSION,
    REPEATED_REVIEW,
    REVIEW,
    REWORK,
    Quarter,
    Term,
    data_update,
)
from services.kernel.contract import FixedTerm
from services.kernel.errors import Forbidden, Invalid
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Fact

Step = Literal["review", "exclusion", "reinstatement", "own_request"]


@dataclass(frozen=True, slots=True)
class Signing:
    """Whose word counts that an application was signed (order 327 para. 10).

    The portal has the producer sign in its personal account and verifies the signature; this register gets
    its digest. `issuers` are those whose tokens say so; while none is named, every trusted one. `required`
    holds in production.
    """

    required: bool = False
    issuers: frozenset[str] = frozenset()

    def attested_by(self, signature_sha256: str | None, issuer: str | None) -> str | None:
        """Who attests the signature of a filing that came with a token of `issuer`; None without a signature.

        Raises `Invalid` (`signature_required`) and `Forbidden` (`signature_not_attested`).
        """
        if signature_sha256 is None:
            if self.required:
                raise Invalid("signature_required", pointer="/signature_sha256")
            return None
        if self.issuers and issuer not in self.issuers:
            raise Forbidden("signature_not_attested")
        return issuer


@dataclass(frozen=True, slots=True)
class Procedure:
    """The settings that decisions depend on; a change affects later steps only.

    `automatic` names the steps that wait for no officer (law 418-V art. 19 knows both).
    `moves_to_working_day` is the civil-law practice that a calendar term ending on a day off ends on the next
    working day.
    `own_request_days` are working days; the texts fix no term for exclusion at own request.
    `signing` says whose word counts that an application was signed (order 327 para. 10).
    """

    automatic: frozenset[Step] = frozenset()
    moves_to_working_day: bool = True
    own_request_days: int = 3
    signing: Signing = Signing()

    def review(self, received: datetime, *, repeated: bool = False) -> FixedTerm:
        """Review of an inclusion notification: 10 working days, repeated 5 (order 327 para. 9)."""
        return (REPEATED_REVIEW if repeated else REVIEW).fixed(received)

    def rework(self, returned: datetime) -> FixedTerm:
        """Rework by the informatization authority: 5 working days (order 327 para. 9)."""
        return REWORK.fixed(returned)

    def exclusion(self, received: datetime) -> FixedTerm:
        """Exclusion on a notification: 3 working days (order 327 para. 31)."""
        return EXCLUSION.fixed(received)

    def appeal(self, excluded: datetime) -> FixedTerm:
        """Appeal of the notification: 30 calendar days (law 86-VII art. 51-2(5), order 327 para. 31)."""
        return APPEAL.fixed(excluded, to_working_day=self.moves_to_working_day)

    def data_update(self, changed_on: date) -> FixedTerm:
        """Telling of what changed on a day: the 5th of the month after its quarter (order 327 para. 26)."""
        return data_update(Quarter.of(changed_on), to_working_day=self.moves_to_working_day)

    def own_request(self, asked: datetime) -> FixedTerm:
        """Exclusion at own request: a setting, labelled as not statutory."""
        term = Term("own_request", self.own_request_days, "working_days", "setting", statutory=False)
        return term.fixed(asked)


def automatically(act: Act, cause: Fact | None = None) -> Act:
    """The act of a step that follows, from a fact or from time alone, without anyone's decision."""
    causation_id = cause.id if cause is not None else act.provenance.causation_id
    provenance = msgspec.structs.replace(act.provenance, decided_by="automatic", causation_id=causation_id)
    return Act(act.at, provenance)
