"""File an application or a reapplication (order 327 paras. 10, 32)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Forbidden
from services.kernel.identifiers import is_bin
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey, Recorded
from services.kernel.personal_keys import pseudonym
from services.kernel.vault import seal
from services.register.domain.application import Application, Form
from services.register.domain.procedure import Signing
from services.register.domain.producer import Producer
from services.register.projections.standing import known
from services.register.schema import INDIVIDUALS, VAULT
from services.register.usecases.precondition import still_active, still_found_by

ANYBODY: Final = Signing()
"""No signature is asked for, and every issuer's word counts: development."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Who applies and how it is reached; `number` is its BIN or IIN."""

    number: str
    name: OfficialText
    address: str
    email: str
    telephone: str

    def personal(self) -> dict[str, str]:
        """What goes into the vault: contacts always, of an individual the IIN and name too."""
        contacts = {"address": self.address, "email": self.email, "telephone": self.telephone}
        if is_bin(self.number):
            return contacts
        return {**contacts, "iin": self.number, "name_kk": self.name.kk, "name_ru": self.name.ru}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileApplication:
    """A filled form; `filed_by` is the BIN or IIN that the caller acts for, `issuer` whose token says so."""

    applicant: Applicant
    form: Form
    filed_by: str | None
    issuer: str | None = None


def file_application(
    journal: Journal,
    command: FileApplication,
    act: Act,
    answer: AnswerKey | None = None,
    *,
    signing: Signing = ANYBODY,
) -> Outcome[Application]:
    """Record the filing; a producer becomes known with its first one.

    Raises `Forbidden` (`not_yours`, `signature_not_attested`), `Invalid` for a form that cannot stand,
    `Conflict` for a state that forbids filing.
    """
    if command.filed_by != command.applicant.number:
        raise Forbidden("not_yours")
    attested_by = signing.attested_by(command.form.signature_sha256, command.issuer)
    signed = replace(command, form=replace(command.form, signature_attested_by=attested_by))
    return journal.transact(partial(_decide, command=signed, act=act), answer=answer)


def _decide(work: Work, *, command: FileApplication, act: Act) -> Application:
    applicant = command.applicant
    with work.database.read() as connection:
        found = known(connection, applicant.number, command.form.product.name)
    producer = None
    if found.producer is None:
        producer, ref = _register(work, applicant, act)
    else:
        ref = found.producer
    sealed = seal({**applicant.personal(), **command.form.confidential(ref.kind)})
    application = Application(new_stream_id())
    application.file(
        act,
        command.form,
        found.standing,
        producer=_as_filed(ref, applicant),
        product_id=str(found.product_id or new_stream_id()),
        commitments=sealed.commitments,
    )
    if producer is not None:
        work.save(producer)
    else:
        work.write(still_active(UUID(ref.producer_id), known_by=ref.bin))
        if ref.bin is None:
            work.write(still_found_by(applicant.number, UUID(ref.producer_id)))
    work.save(application)
    work.write(VAULT.keeping(0 if producer is None else 1, ref.producer_id, sealed))
    work.answer_with(application)
    return application


def _register(work: Work, applicant: Applicant, act: Act) -> tuple[Producer, ProducerRef]:
    """A producer that the register does not know yet; an individual's IIN is only committed to."""
    producer = Producer(new_stream_id())
    if is_bin(applicant.number):
        ref = ProducerRef(
            producer_id=str(producer.id), kind="legal_entity", bin=applicant.number, name=applicant.name
        )
    else:
        sealed = seal({"iin": applicant.number})
        ref = ProducerRef(
            producer_id=str(producer.id),
            kind="individual_entrepreneur",
            iin_commitment=sealed.commitments["iin"],
        )
        work.write(VAULT.keeping(0, ref.producer_id, sealed))
        work.write(_Naming(applicant.number, producer.id))
    producer.register(act, ref)
    return producer, ref


def _as_filed(ref: ProducerRef, applicant: Applicant) -> ProducerRef:
    """The producer under the name it files with; an individual's name stands in the vault alone."""
    if ref.kind == "individual_entrepreneur":
        return ref
    return ProducerRef(producer_id=ref.producer_id, kind=ref.kind, bin=ref.bin, name=applicant.name)


@dataclass(frozen=True, slots=True)
class _Naming:
    """A unit's write that says which producer an IIN names."""

    iin: str
    producer_id: UUID

    def __call__(self, connection: sa.Connection, recorded: Sequence[Recorded]) -> None:
        number = pseudonym(connection, self.iin)
        connection.execute(sa.insert(INDIVIDUALS).values(number=number, producer_id=self.producer_id))
