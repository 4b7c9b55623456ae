"""A legal entity changed its form: name or BIN change, entries stay (law 86-VII art. 51-6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.register.domain.producer import Producer
from services.register.projections.producers import producer_of
from services.register.usecases.precondition import known_producer


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformProducer:
    """What the state registration of legal entities reports; at least one of the new values is given."""

    bin: str
    on: date
    reference: str
    new_bin: str | None = None
    new_name: OfficialText | None = None


def transform_producer(
    journal: Journal, command: TransformProducer, act: Act, answer: AnswerKey | None = None
) -> Outcome[Producer]:
    """Record the new name or BIN; a repeated report changes nothing.

    Raises `NotFound` (`producer_unknown`), `Invalid`, and `Conflict` for a producer that ended or a BIN that
    names another.
    """
    return journal.transact(partial(_decide, command=command, act=act), answer=answer)


def _decide(work: Work, *, command: TransformProducer, act: Act) -> Producer:
    if command.new_bin is None and command.new_name is None:
        raise Invalid("transformation_changes_nothing", pointer="/new_bin")
    producer = work.load(Producer, known_producer(work, command.bin))
    if command.new_bin is not None:
        with work.database.read() as connection:
            holder = producer_of(connection, command.new_bin)
        if holder is not None and holder != producer.id:
            raise Conflict("bin_taken", state="registered", allowed="another BIN")
    producer.transform(
        act,
        on=command.on,
        reference=command.reference,
        new_bin=command.new_bin,
        new_name=command.new_name,
    )
    work.save(producer)
    work.answer_with(producer)
    return producer
