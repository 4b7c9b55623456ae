"""Which producer of the register a BIN or IIN names, as followed from its journal.

An IIN stands here by its pseudonym alone (`kernel.personal_keys`).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.contract import ProducerRef
from services.kernel.identifiers import is_bin
from services.kernel.journal.units import Recorded, Write
from services.kernel.personal_keys import pseudonym
from services.verification.schema import IDENTIFIERS


def keep_identifier(identifier: str, producer_id: str, *, former: bool = False) -> Write:
    """A unit's write that remembers whose BIN or IIN this is, or was where it is a `former` one.

    Where it is the present one, any other of the producer is a former one.
    """

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        number = pseudonym(connection, identifier)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        present = {"producer_id": producer_id, "former": former}
        insert = dialect.insert(IDENTIFIERS).values(identifier=number, **present)
        columns = IDENTIFIERS.c
        if former:
            connection.execute(insert.on_conflict_do_nothing(index_elements=[columns.identifier]))
            return
        connection.execute(insert.on_conflict_do_update(index_elements=[columns.identifier], set_=present))
        connection.execute(
            sa.update(IDENTIFIERS)
            .where(columns.producer_id == producer_id, columns.identifier != number)
            .values(former=True)
        )

    return write


def producer_of(connection: sa.Connection, identifier: str) -> str | None:
    """The producer a BIN or IIN names, once it filed an application."""
    found: str | None = connection.execute(
        sa.select(IDENTIFIERS.c.producer_id).where(
            IDENTIFIERS.c.identifier == pseudonym(connection, identifier)
        )
    ).scalar_one_or_none()
    return found


def acting_producer(connection: sa.Connection, identifier: str | None) -> str | None:
    """The producer that whoever holds this number acts for: a former BIN names it but acts no more."""
    if identifier is None:
        return None
    columns, number = IDENTIFIERS.c, pseudonym(connection, identifier)
    found: str | None = connection.execute(
        sa.select(columns.producer_id).where(columns.identifier == number, columns.former.is_(False))
    ).scalar_one_or_none()
    return found


def identifiers_of(connection: sa.Connection, producer_id: str) -> frozenset[str]:
    """Every BIN, or the IIN's pseudonym, of a producer: the present one and former ones."""
    found = connection.execute(
        sa.select(IDENTIFIERS.c.identifier).where(IDENTIFIERS.c.producer_id == producer_id)
    )
    return frozenset(found.scalars())


def numbers_of(connection: sa.Connection, producer: ProducerRef, *foretold: str | None) -> frozenset[str]:
    """Every number of a producer, with those that are only about to be kept (BIN or IIN), by pseudonym."""
    given = (producer.bin, *foretold)
    return identifiers_of(connection, producer.producer_id) | {
        pseudonym(connection, number) for number in given if number
    }


def owners_of(connection: sa.Connection, producer: ProducerRef, *foretold: str | None) -> frozenset[str]:
    """Under what the documents of a producer were filed: its numbers, or its id where an officer did."""
    return numbers_of(connection, producer, *foretold) | {producer.producer_id}


def number_of(connection: sa.Connection, producer_id: str) -> str | None:
    """The pseudonym of an individual's IIN, if it is known and not erased."""
    return next((one for one in identifiers_of(connection, producer_id) if not is_bin(one)), None)


def forget_number(connection: sa.Connection, number: str) -> None:
    """Erase by which IIN (its pseudonym) an individual is found; a BIN is public and stays."""
    connection.execute(sa.delete(IDENTIFIERS).where(IDENTIFIERS.c.identifier == number))
