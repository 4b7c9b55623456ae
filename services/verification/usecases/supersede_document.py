"""Say that a later document replaces one that an application names."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.kernel.errors import Invalid, NotFound
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import microseconds
from services.kernel.journal.journal import Journal
from services.verification.adapters.supersessions import Supersession, record_supersession
from services.verification.domain.case import Case
from services.verification.projections.cases import find_origin
from services.verification.projections.identifiers import acting_producer, owners_of
from services.verification.usecases.practice import Practice


@dataclass(frozen=True, slots=True)
class Replacement:
    """The replaced document, the one in its place, the application, and who says so.

    `producer` is the BIN or IIN a producer acts for; None for an officer.
    """

    application_id: UUID
    sha256: str
    superseded_by: str
    producer: str | None


def supersede_document(journal: Journal, practice: Practice, act: Act, new: Replacement) -> Supersession:
    """From now on no judgement of this application rests on the replaced document.

    Raises `Invalid` (`document_supersedes_itself`), `NotFound` (`application_unknown`, `document_unknown`)
    for what is not there, not the caller's or not filed by the application's producer, and what
    `record_supersession` raises.
    """
    if new.sha256 == new.superseded_by:
        raise Invalid("document_supersedes_itself", pointer="/superseded_by")
    case = _case_of(journal, new)
    named = any(document.sha256 == new.sha256 for document in case.documents)
    with journal.database.read() as connection:
        owners = owners_of(connection, case.opened.producer)
        held = practice.documents.find(connection, [new.superseded_by], owners)
    for sha256, there in ((new.sha256, named), (new.superseded_by, new.superseded_by in held)):
        if not there:
            raise NotFound("document_unknown", sha256=sha256)
    return record_supersession(
        journal.database,
        Supersession(
            application_id=str(new.application_id),
            sha256=new.sha256,
            superseded_by=new.superseded_by,
            actor=act.provenance.actor,
            request_id=act.provenance.correlation_id or "",
            marked_at=microseconds(act.at),
        ),
    )


def _case_of(journal: Journal, new: Replacement) -> Case:
    with journal.database.read() as connection:
        case_id = find_origin(connection, f"application:{new.application_id}")
    if case_id is None:
        raise NotFound("application_unknown", id=str(new.application_id))
    case = journal.load(Case, case_id)
    if new.producer is None:
        return case
    with journal.database.read() as connection:
        producer_id = acting_producer(connection, new.producer)
    if producer_id != case.opened.producer.producer_id:
        raise NotFound("application_unknown", id=str(new.application_id))
    return case
