"""A producer answers a document request by naming documents that it uploaded."""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel.contract import DocumentRef
from services.kernel.errors import Forbidden, Invalid
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.projections.identifiers import acting_producer, owners_of
from services.verification.projections.included_entries import supply
from services.verification.usecases.practice import Practice


@dataclass(frozen=True, slots=True)
class Named:
    """A document named by its digest, and the digest of the one it replaces, if any."""

    kind: str
    sha256: str
    replaces: str | None = None


def supply_documents(
    work: Work, practice: Practice, act: Act, case: Case, named: tuple[Named, ...], *, by: str | None
) -> Case:
    """The case rests on these documents too from now on, and so does later monitoring of its entry.

    `by` is the BIN or IIN that the caller acts for. Raises `Forbidden` (`not_yours`) for another producer,
    `Invalid` (`document_not_at_hand`) for a digest that this producer never uploaded, and what
    `Case.supply_documents` raises.
    """
    with work.database.read() as connection:
        producer_id = acting_producer(connection, by)
        owners = owners_of(connection, case.opened.producer)
        kept = practice.documents.find(connection, [one.sha256 for one in named], owners)
    if producer_id is None or producer_id != case.opened.producer.producer_id:
        raise Forbidden("not_yours")
    references = []
    for index, one in enumerate(named):
        document = kept.get(one.sha256)
        if document is None:
            raise Invalid("document_not_at_hand", pointer=f"/documents/{index}/sha256", sha256=one.sha256)
        references.append(
            DocumentRef(kind=one.kind, media_type=document.media_type, size=document.size, sha256=one.sha256)
        )
    replaced = tuple(one.replaces for one in named if one.replaces is not None)
    case.supply_documents(act, tuple(references), replaced)
    work.save(case)
    opened = case.opened
    if opened.entry_id is not None:
        work.write(supply(opened.entry_id, opened.application_id, tuple(references), replaced))
    work.answer_with(case)
    return case
