"""A legal entity ended: all its entries leave the register (law 86-VII art. 51-6, order 327 para. 30)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Fact
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.register.domain.procedure import automatically
from services.register.domain.producer import Producer, ReorganisationForm
from services.register.projections.applications import products_pending
from services.register.projections.entries import appealed_of, included_of
from services.register.projections.notifications import products_with_open
from services.register.usecases.dossiers import load_dossier, save_dossier
from services.register.usecases.precondition import known_producer, nothing_left


@dataclass(frozen=True, slots=True, kw_only=True)
class EndProducer:
    """What the state registration of legal entities reports; no `form` means liquidation."""

    bin: str
    on: date
    reference: str
    form: ReorganisationForm | None = None


def end_producer(
    journal: Journal, command: EndProducer, act: Act, answer: AnswerKey | None = None
) -> Outcome[Producer]:
    """Record the end and, automatically, exclude every entry and close what is pending.

    A repeated report changes nothing. Raises `NotFound` (`producer_unknown`), `Invalid`, and `Conflict`
    (`producer_transformed`) for a former BIN: the living successor is not ended by what names it no more.
    """
    return journal.transact(partial(_decide, command=command, act=act), answer=answer)


def _decide(work: Work, *, command: EndProducer, act: Act) -> Producer:
    producer = work.load(Producer, known_producer(work, command.bin))
    producer.must_be_called(command.bin)
    ended = _end(producer, command, act)
    work.save(producer)
    work.answer_with(producer)
    if ended is not None:
        _clear_register(work, producer, automatically(act, ended), ended)
    return producer


def _end(producer: Producer, command: EndProducer, act: Act) -> Fact | None:
    if command.form is None:
        return producer.liquidate(act, on=command.on, reference=command.reference)
    return producer.reorganise(act, form=command.form, on=command.on, reference=command.reference)


def _clear_register(work: Work, producer: Producer, act: Act, ended: Fact) -> None:
    with work.database.read() as connection:
        products = (
            included_of(connection, producer.id)
            | appealed_of(connection, producer.id)
            | products_pending(connection, producer.id)
            | products_with_open(connection, producer.id)
        )
    if producer.ceased is None:
        raise ValueError("a producer whose end was recorded has ended")
    for product_id in sorted(products):
        dossier = load_dossier(work, producer, product_id)
        if dossier.entry.is_included:
            dossier.exclude(act, producer.ceased.ground, counts_from=ended.effective_at)
        dossier.clear(act)
        save_dossier(work, dossier)
    work.write(nothing_left(producer.id))
