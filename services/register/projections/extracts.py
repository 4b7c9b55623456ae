"""Extracts by the digest of their verification code, and what an extract is made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.journal.events import microseconds
from services.kernel.journal.rows import BulkInsert
from services.kernel.journal.units import Recorded
from services.register.contract.extracts import ExtractIssued
from services.register.domain.extract import (
    PERSONAL,
    ExtractContent,
    ExtractProducer,
    canonical,
    digest_of_code,
    producer_shown,
    with_personal,
    without_personal,
)
from services.register.domain.extract_changes import Change, changes
from services.register.projections.entries import FoundEntry
from services.register.projections.moments import Moment, entries_of
from services.register.schema import EXTRACT_CONTENTS, METADATA, VAULT

EXTRACTS: Final = sa.Table(
    "extracts",
    METADATA,
    sa.Column("extract_id", sa.Uuid, primary_key=True),
    sa.Column("code_sha256", sa.Text, nullable=False, unique=True),
    sa.Column("producer_id", sa.Uuid, nullable=False, index=True),
)
_DECODER: Final = msgspec.json.Decoder(ExtractContent)


class Extracts:
    """One row an extract."""

    tables: Sequence[sa.Table] = (EXTRACTS,)

    def __init__(self) -> None:
        self._insert = BulkInsert(EXTRACTS)

    def fold(self, facts: Sequence[Recorded], connection: sa.Connection) -> None:
        """Add the extracts issued."""
        rows = [
            {
                "extract_id": recorded.fact.originator_id,
                "code_sha256": data.code_sha256,
                "producer_id": UUID(data.producer.producer_id),
            }
            for recorded in facts
            if isinstance(data := recorded.fact.data, ExtractIssued)
        ]
        self._insert(connection, rows)


def extract_of_code(connection: sa.Connection, code: str) -> UUID | None:
    """The extract that a verification code opens."""
    query = sa.select(EXTRACTS.c.extract_id).where(EXTRACTS.c.code_sha256 == digest_of_code(code))
    return connection.execute(query).scalar_one_or_none()


def in_force_at(connection: sa.Connection, producer_id: UUID, moment: Moment) -> list[FoundEntry]:
    """All entries of a producer that were in force at a moment, by their ids."""
    return entries_of(connection, producer_id, moment, "included")


def last_named(entry: FoundEntry) -> tuple[datetime, str]:
    """By what of a producer's entries the one is found whose name of the producer counts last in law."""
    return entry.state.stands_since("name")


def personal_of(connection: sa.Connection, event_ids: Collection[str]) -> dict[str, str]:
    """An individual's number and name as given with a filing, by field; without those that were erased."""
    opened = VAULT.of_events(connection, event_ids)
    return {
        field: value.value
        for fields in opened.values()
        for field, value in fields.items()
        if field in PERSONAL
    }


@dataclass(frozen=True, slots=True)
class Registration:
    """A state registration number; an individual's with the event under which the vault holds it."""

    number: str | None = None
    held_by: str | None = None


def registration_of(connection: sa.Connection, entries: Sequence[FoundEntry]) -> Registration:
    """The state registration number that a producer last stated in law, for any of its entries.

    A filing that stated none says nothing of the number: a product without it hides no other's.
    """
    numbers = _numbers_of(connection, entries)
    stating = [entry for entry in entries if entry.entry_id in numbers]
    last = max(stating, key=lambda entry: entry.state.stands_since("registration_number"), default=None)
    if last is None:
        return Registration()
    held_by = last.stated_by("registration_number") if _is_individual(last) else None
    return Registration(numbers[last.entry_id], held_by)


def _numbers_of(connection: sa.Connection, entries: Sequence[FoundEntry]) -> dict[UUID, str]:
    """The number of each entry that states one, by its id; an individual's while the vault holds it."""
    sealed = {
        entry.entry_id: entry.stated_by("registration_number") for entry in entries if _is_individual(entry)
    }
    opened = VAULT.of_events(connection, sealed.values()) if sealed else {}
    found: dict[UUID, str] = {}
    for entry in entries:
        number = entry.state.included.registration_number
        if entry.entry_id in sealed:
            value = opened.get(sealed[entry.entry_id], {}).get("registration_number")
            number = None if value is None else value.value
        if number is not None:
            found[entry.entry_id] = number
    return found


def _is_individual(entry: FoundEntry) -> bool:
    return entry.producer.kind == "individual_entrepreneur"


def _number_in(connection: sa.Connection, event_id: str) -> str | None:
    found = VAULT.of_events(connection, [event_id]).get(event_id, {}).get("registration_number")
    return found.value if found is not None else None


@dataclass(frozen=True, slots=True)
class Keep:
    """A unit's write that keeps what an extract says beside its fact.

    Of an individual `named_by` and `registered_by` are the events whose values it shows.
    """

    extract_id: UUID
    content: ExtractContent
    named_by: str
    registered_by: str | None

    def __call__(self, connection: sa.Connection, recorded: Sequence[Recorded]) -> None:
        """Insert the row."""
        kept = canonical(without_personal(self.content))
        row = {
            "extract_id": self.extract_id,
            "content": kept,
            "personal_of": self.named_by,
            "registered_by": self.registered_by,
        }
        connection.execute(sa.insert(EXTRACT_CONTENTS).values(row))


def content_of(connection: sa.Connection, extract_id: UUID) -> ExtractContent | None:
    """What an extract says, as it was issued; None when a value that it shows was erased since."""
    columns = EXTRACT_CONTENTS.c
    row = connection.execute(
        sa.select(columns.content, columns.personal_of, columns.registered_by).where(
            columns.extract_id == extract_id
        )
    ).one_or_none()
    if row is None:
        return None
    number = None if row.registered_by is None else _number_in(connection, row.registered_by)
    if row.registered_by is not None and number is None:
        return None
    personal = personal_of(connection, [row.personal_of])
    return with_personal(_DECODER.decode(bytes(row.content)), personal, number)


def changes_since(connection: sa.Connection, said: ExtractContent, now: Moment) -> list[Change]:
    """What is otherwise at `now` than an extract says."""
    producer_id = UUID(said.producer.producer_id)
    issued_for = microseconds(datetime.fromisoformat(said.valid_at))
    then = in_force_at(connection, producer_id, Moment(issued_for, now.known_at))
    present = entries_of(connection, producer_id, now)
    return changes(
        said,
        now={entry.state.included.entry_id: entry.state for entry in present},
        in_force_then=frozenset(entry.state.included.entry_id for entry in then),
        producer=_producer_now(connection, present),
    )


def _producer_now(connection: sa.Connection, present: Sequence[FoundEntry]) -> ExtractProducer | None:
    """The producer as an extract would name it now; an individual only while it is published."""
    newest = max(present, key=last_named, default=None)
    if newest is None:
        return None
    included = [entry for entry in present if entry.state.status == "included"]
    number = registration_of(connection, included or [newest]).number
    if newest.producer.kind == "legal_entity":
        return producer_shown(newest.producer, {}, number)
    personal = personal_of(connection, [newest.named_by]) if included else {}
    is_held = all(field in personal for field in PERSONAL)
    return producer_shown(newest.producer, personal, number) if is_held else None
