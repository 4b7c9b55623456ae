"""Appeal the notification behind an exclusion (law 86-VII art. 51-2(5), order 327 para. 31)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.kernel.contract import DocumentRef, Language
from services.kernel.errors import Conflict, NotFound
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import seal
from services.register.domain.application import Application
from services.register.domain.entry import Entry
from services.register.domain.producer import Producer
from services.register.projections.applications import of_product
from services.register.schema import VAULT
from services.register.usecases.precondition import require_owner, still_active


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAppeal:
    """`by` is the BIN or IIN that the caller acts for; the grounds are the producer's own text."""

    entry_id: UUID
    by: str | None
    grounds: str
    language: Language
    documents: tuple[DocumentRef, ...] = ()


def file_appeal(
    journal: Journal, command: FileAppeal, act: Act, answer: AnswerKey | None = None
) -> Outcome[Entry]:
    """Record the appeal, in time or late; the informatization authority decides it.

    Raises `NotFound`, `Forbidden` (`not_yours`), and `Conflict` where the law gives no appeal.
    """
    return journal.transact(partial(_decide, command=command, act=act), answer=answer)


def _decide(work: Work, *, command: FileAppeal, act: Act) -> Entry:
    entry = work.find(Entry, command.entry_id)
    if entry is None:
        raise _not_an_entry(work, command)
    producer_id = entry.state.producer.producer_id
    require_owner(work, producer_id, command.by)
    producer = work.load(Producer, UUID(producer_id))
    sealed = seal({"grounds": command.grounds})
    entry.file_appeal(
        act,
        producer=producer.named(
            entry.state.producer, since=entry.state.included_by, updated=entry.state.stated.get("name")
        ),
        language=command.language,
        documents=command.documents,
        commitments=sealed.commitments,
    )
    producer.must_be_active()
    work.save(entry)
    work.write(still_active(producer.id))
    work.write(VAULT.keeping(0, producer_id, sealed))
    work.answer_with(entry)
    return entry


def _not_an_entry(work: Work, command: FileAppeal) -> Conflict | NotFound:
    """A product that was refused inclusion has no appeal, only a reapplication."""
    with work.database.read() as connection:
        refused = of_product(connection, command.entry_id, "refused")
    if not refused:
        return NotFound("entry_unknown", id=str(command.entry_id))
    require_owner(work, work.load(Application, refused[-1]).filed.producer.producer_id, command.by)
    return Conflict("refusal_not_appealable", state="refused", allowed="reapplication")
