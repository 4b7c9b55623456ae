"""A second officer approves or declines a correction (order 327 para. 5)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.correction import Correction, Proposed
from services.register.domain.entry import Entry
from services.register.domain.procedure import Procedure
from services.register.projections.corrections import proposed_in
from services.register.projections.proposals import encoded_reasons
from services.register.schema import VAULT
from services.register.usecases.dossiers import load_dossier, save_dossier
from services.register.usecases.precondition import require_version, still_active
from services.register.usecases.propose_correction import require_free_name


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideCorrection:
    """`declined_for` states why it is declined, None approves; `version` is the one the officer saw."""

    correction_id: UUID
    declined_for: OfficialText | None = None
    version: int | None = None


def decide_correction(
    journal: Journal,
    command: DecideCorrection,
    act: Act,
    procedure: Procedure,
    answer: AnswerKey | None = None,
) -> Outcome[Correction]:
    """Record the decision and, with an approval, the correction in the entry's own stream.

    Raises `NotFound`, `Stale`, `Forbidden` (`own_proposal`), `Conflict` (`correction_decided`), and for an
    approval `proposal_erased` and what the present state of the entry forbids.
    """
    decide = partial(_decide, command=command, act=act, procedure=procedure)
    return journal.transact(decide, answer=answer)


def _decide(work: Work, *, command: DecideCorrection, act: Act, procedure: Procedure) -> Correction:
    correction = work.load(Correction, command.correction_id)
    require_version(correction, command.version)
    if command.declined_for is None:
        _approve(work, correction, act, procedure)
    else:
        _decline(work, correction, act, command.declined_for)
    work.answer_with(correction)
    return correction


def _decline(work: Work, correction: Correction, act: Act, reasons: OfficialText) -> None:
    """The reasons are about the producer, so that an erasure reaches them."""
    proposed = _found(work, correction)
    entry = None if proposed is None else work.load(Entry, UUID(proposed.entry_id))
    subject = str(correction.id) if entry is None else entry.state.producer.producer_id
    sealed = seal(encoded_reasons(reasons))
    correction.decline(act, sealed.commitments)
    work.save(correction)
    work.write(VAULT.keeping(0, subject, sealed))


def _approve(work: Work, correction: Correction, act: Act, procedure: Procedure) -> None:
    correction.must_be_anothers(act)
    proposed = _found(work, correction)
    if proposed is None:
        raise Conflict("proposal_erased", allowed="refusal")
    authors = correction.approve(act, proposed.entry_id)
    entry = work.load(Entry, UUID(proposed.entry_id))
    require_free_name(work, entry, proposed)
    dossier = load_dossier(work, entry.state.producer.producer_id, entry.id, entry=entry)
    dossier.correct(act, proposed, authors, procedure)
    work.save(correction)
    save_dossier(work, dossier)
    if entry.is_included:
        work.write(still_active(dossier.producer.id))


def _found(work: Work, correction: Correction) -> Proposed | None:
    with work.database.read() as connection:
        return proposed_in(connection, [correction.proposal.id]).get(correction.proposal.id)
