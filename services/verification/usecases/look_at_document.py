"""Look at a document of a case: the look is recorded before anything is shown."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.kernel.contract import DocumentRef
from services.kernel.errors import NotFound
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import microseconds
from services.kernel.journal.journal import Journal
from services.verification.adapters.document_looks import Look, SeenAs, record_look
from services.verification.adapters.documents import KeptDocument
from services.verification.domain.case import Case
from services.verification.projections.identifiers import owners_of
from services.verification.usecases.practice import Practice


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which document is to be seen, on which case, and in which form."""

    case_id: UUID
    sha256: str
    seen_as: SeenAs = "document"


def look_at_document(journal: Journal, practice: Practice, act: Act, wanted: Wanted) -> KeptDocument:
    """Law 418-V arts. 36, 56: only who works on the case sees its documents, and every look is on record.

    Once the case is assigned that is its officer, before that any. On an appeal the documents of the appealed
    case are seen too. What was not filed by the case's producer, or for it, is not seen. Raises `NotFound`
    (`case_unknown`, `document_unknown`), `Forbidden` (`case_of_another`) and `Unavailable`
    (`document_damaged`).
    """
    case = journal.load(Case, wanted.case_id)
    case.require_holder(act)
    named = any(document.sha256 == wanted.sha256 for document in _documents(journal, case))
    with journal.database.read() as connection:
        owners = owners_of(connection, case.opened.producer)
        filed = practice.documents.find(connection, [wanted.sha256] if named else [], owners)
        found = filed.get(wanted.sha256)
    if found is None:
        raise NotFound("document_unknown", sha256=wanted.sha256)
    practice.documents.require_whole(found)
    record_look(
        journal.database,
        Look(
            sha256=wanted.sha256,
            case_id=str(wanted.case_id),
            seen_as=wanted.seen_as,
            actor=act.provenance.actor,
            request_id=act.provenance.correlation_id or "",
            looked_at=microseconds(act.at),
        ),
    )
    return found


def _documents(journal: Journal, case: Case) -> tuple[DocumentRef, ...]:
    """The documents as they stand now: of the case, and of the one that it is an appeal of."""
    appealed = case.opened.appealed_case_id
    return case.documents + (journal.load(Case, UUID(appealed)).documents if appealed else ())
