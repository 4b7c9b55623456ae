"""Origin checks, one or ten thousand at a time, from a handful of statements in one snapshot.

As known now from the read models alone; as known earlier from their closed rows, and from the journal for
what they keep only of the present: the BINs, the names and the trusted-register reference.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from services.kernel.names import normalised_name
from services.kernel.personal_keys import pseudonym
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import Included, ProducerRegistered, ProducerTransformed
from services.register.domain.correcting import corrections_of
from services.register.domain.origin import (
    Listing,
    OriginAnswer,
    Question,
    condition,
    in_register,
    in_trusted_register,
)
from services.register.domain.timeline import Period
from services.register.projections.entries import ENTRIES, as_uuid
from services.register.projections.facts import facts_until
from services.register.projections.parts import in_parts
from services.register.projections.periods import periods_known
from services.register.projections.producers import PRODUCER_BINS
from services.register.projections.trusted_listings import listings_of
from services.register.schema import INDIVIDUALS


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the register knew: its own facts up to `position`, trusted listings followed by `instant`.

    `instant` is in microseconds since 1970 (UTC).
    """

    position: int
    instant: int


@dataclass(frozen=True, slots=True)
class _Entry:
    entry_id: UUID
    name_kk: str
    name_ru: str
    reference: str | None
    former_names: frozenset[str] = frozenset()

    @property
    def names(self) -> set[str]:
        """What the product is called."""
        return {self.name_kk, self.name_ru}


@dataclass(frozen=True, slots=True)
class _Facts:
    """All that the questions of one batch need; numbers stand as their pseudonyms."""

    asked: Mapping[str, str]
    producers: Mapping[str, UUID]
    numbers: Mapping[UUID, set[str]]
    entries: Mapping[UUID, list[_Entry]]
    periods: Mapping[UUID, list[Period]]
    by_holder: Mapping[str, list[Listing]]
    by_reference: Mapping[str, list[Listing]]


def answers(
    connection: sa.Connection, questions: Sequence[Question], known: Knowledge | None = None
) -> list[OriginAnswer]:
    """The answer to each question, in their order: the one that was given when only this was known."""
    facts = _facts(connection, questions, known)
    return [_answer(question, facts) for question in questions]


def _facts(connection: sa.Connection, questions: Sequence[Question], known: Knowledge | None) -> _Facts:
    asked = {question.number: pseudonym(connection, question.number) for question in questions}
    producers = _producers(connection, asked.values())
    position = None if known is None else known.position
    if position is None:
        bins = _bins(connection, set(producers.values()))
    else:
        bins = _bins_until(connection, set(producers.values()), position)
        producers = _known_then(producers, bins)
    numbers: dict[UUID, set[str]] = {}
    for number, producer_id in (*producers.items(), *bins):
        if number is not None:
            numbers.setdefault(producer_id, set()).add(number)
    entries = _entries(connection, numbers)
    if position is not None:
        entries = _entries_until(connection, entries, position)
    found = [entry for some in entries.values() for entry in some]
    periods: dict[UUID, list[Period]] = {}
    for some_ids in in_parts({entry.entry_id for entry in found}):
        periods.update(periods_known(connection, some_ids, position))
    by_holder: dict[str, list[Listing]] = {}
    by_reference: dict[str, list[Listing]] = {}
    for listing in listings_of(
        connection,
        holders=set(asked.values()).union(*numbers.values()),
        references={entry.reference for entry in found if entry.reference is not None},
        known_at=None if known is None else known.instant,
    ):
        by_reference.setdefault(listing.reference, []).append(listing)
        if listing.holder is not None:
            by_holder.setdefault(listing.holder, []).append(listing)
    return _Facts(asked, producers, numbers, entries, periods, by_holder, by_reference)


def _producers(connection: sa.Connection, numbers: Collection[str]) -> dict[str, UUID]:
    """The producers that BINs, present or former, and IINs name."""
    found: dict[str, UUID] = {}
    for some in in_parts(set(numbers)):
        for table, column in ((PRODUCER_BINS, PRODUCER_BINS.c.bin), (INDIVIDUALS, INDIVIDUALS.c.number)):
            rows = connection.execute(sa.select(column, table.c.producer_id).where(column.in_(some)))
            found.update((number, producer_id) for number, producer_id in rows)
    return found


def _bins(connection: sa.Connection, producer_ids: Collection[UUID]) -> list[tuple[str | None, UUID]]:
    """Every BIN these producers ever had: a listing may name a former one."""
    found: list[tuple[str | None, UUID]] = []
    columns = PRODUCER_BINS.c
    for some in in_parts(set(producer_ids)):
        rows = connection.execute(
            sa.select(columns.bin, columns.producer_id).where(columns.producer_id.in_(some))
        )
        found += [(number, producer_id) for number, producer_id in rows]
    return found


def _bins_until(
    connection: sa.Connection, producer_ids: Collection[UUID], position: int
) -> list[tuple[str | None, UUID]]:
    """The BINs that those registered by a position had had by then; None for an individual."""
    facts = facts_until(connection, producer_ids, position, ProducerRegistered, ProducerTransformed)
    return [
        (one.fact.data.producer.bin, producer_id)
        for producer_id, known in facts.items()
        for one in known
        if isinstance(one.fact.data, ProducerRegistered | ProducerTransformed)
    ]


def _known_then(producers: Mapping[str, UUID], bins: Collection[tuple[str | None, UUID]]) -> dict[str, UUID]:
    """Of the numbers asked about, those under which a producer was known: a BIN had by then, or an IIN."""
    had = set(bins)
    return {
        number: producer_id
        for number, producer_id in producers.items()
        if (number, producer_id) in had or (None, producer_id) in had
    }


def _entries_until(
    connection: sa.Connection, entries: Mapping[UUID, list[_Entry]], position: int
) -> dict[UUID, list[_Entry]]:
    """Those of the entries that had been included by a position, as they were known to be named then."""
    owners = {entry.entry_id: producer_id for producer_id, some in entries.items() for entry in some}
    found: dict[UUID, list[_Entry]] = {}
    for entry_id, known in facts_until(connection, owners, position, Included, EntryCorrected).items():
        facts = [one.fact for one in known]
        corrections = corrections_of(facts)
        inclusions = [fact for fact in facts if isinstance(fact.data, Included)]
        standing = [fact for fact in inclusions if fact.id not in corrections.left_out]
        named = [corrections.applied(fact).data for fact in standing or inclusions[:1]]
        *before, last = (one for one in named if isinstance(one, Included))
        former = (text for one in before for text in (one.product.name.kk, one.product.name.ru))
        name = last.product.name
        found.setdefault(owners[entry_id], []).append(
            _Entry(
                entry_id,
                normalised_name(name.kk),
                normalised_name(name.ru),
                last.trusted_register_reference,
                frozenset(map(normalised_name, former)),
            )
        )
    return found


def _entries(connection: sa.Connection, producer_ids: Collection[UUID]) -> dict[UUID, list[_Entry]]:
    columns = ENTRIES.c
    found: dict[UUID, list[_Entry]] = {}
    for some in in_parts(set(producer_ids)):
        rows = connection.execute(
            sa.select(
                columns.producer_id,
                columns.entry_id,
                columns.name_kk,
                columns.name_ru,
                columns.reference,
                columns.former_names,
            ).where(columns.producer_id.in_(some))
        )
        for row in rows:
            former = frozenset((row.former_names or "").splitlines())
            entry = _Entry(row.entry_id, row.name_kk, row.name_ru, row.reference, former)
            found.setdefault(row.producer_id, []).append(entry)
    return found


def _is_nobodys(listing: Listing, names: set[str]) -> bool:
    """A listing under the entry's reference counts without its holder's number only where that was erased."""
    return listing.holder is None and not names.isdisjoint((listing.name_kk, listing.name_ru))


def _entry(entries: Sequence[_Entry], product_id: UUID | None, name: str) -> _Entry | None:
    """The entry asked about: by its id, its name, or one that it was in the register under before.

    The same name of the same producer is the same product, so an earlier name leads to no other; where two
    products bear it, one in Kazakh and one in Russian, the one that is called so now is meant.
    """
    if product_id is not None:
        return next((entry for entry in entries if entry.entry_id == product_id), None)
    called = [entry for entry in entries if name in entry.names]
    before = [entry for entry in entries if name in entry.former_names]
    return min(called or before, key=lambda entry: entry.entry_id, default=None)


def _answer(question: Question, facts: _Facts) -> OriginAnswer:
    asked = facts.asked[question.number]
    producer_id = facts.producers.get(asked)
    product_id, name = as_uuid(question.product), normalised_name(question.product)
    entry = _entry(facts.entries.get(producer_id, ()) if producer_id else (), product_id, name)
    names = {name} if entry is None else {name, *entry.names}
    holders = facts.numbers.get(producer_id, set()) if producer_id else set()
    listings = [
        listing
        for number in holders | {asked}
        for listing in facts.by_holder.get(number, ())
        if not names.isdisjoint((listing.name_kk, listing.name_ru))
    ]
    if entry is not None and entry.reference is not None:
        listings += [one for one in facts.by_reference.get(entry.reference, ()) if _is_nobodys(one, names)]
    trusted, reference = in_trusted_register(listings, question.on)
    if entry is None:
        unknown = condition("product_unknown" if producer_id else "producer_unknown")
        return OriginAnswer(question, unknown, trusted, reference=reference)
    register = in_register(facts.periods.get(entry.entry_id, ()), question.instant)
    return OriginAnswer(question, register, trusted, str(entry.entry_id), reference)
