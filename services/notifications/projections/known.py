"""What messages need beyond their event: whose account, which product, which numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.contract import Language, OfficialText, ProducerRef
from services.kernel.errors import NotFound
from services.kernel.identifiers import is_bin
from services.kernel.personal_keys import pseudonym
from services.notifications.channel_tables import DISPATCHES
from services.notifications.schema import APPLICATIONS, LISTINGS, MESSAGES, PRODUCERS, PRODUCTS

_ERASED: Final = "erased:"


def upsert(connection: sa.Connection, table: sa.Table, row: dict[str, object]) -> None:
    """Insert a row, or set what it names where its key exists."""
    is_postgresql = connection.dialect.name == "postgresql"
    insert = (postgresql.insert(table) if is_postgresql else sqlite.insert(table)).values(row)
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: insert.excluded[name] for name in row if name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))


def learn_producer(
    connection: sa.Connection, ref: ProducerRef, iin: str | None, language: Language | None
) -> None:
    """Remember whose account a producer id means, and the language it chose.

    Under a new BIN the account goes on whole: what was put under the former one is found there.
    """
    identifier = ref.bin or iin
    if identifier is None:
        return
    identifier = pseudonym(connection, identifier)
    row: dict[str, object] = {"producer_id": ref.producer_id, "identifier": identifier}
    known = connection.execute(
        sa.select(PRODUCERS.c.language, PRODUCERS.c.identifier).where(
            PRODUCERS.c.producer_id == ref.producer_id
        )
    ).one_or_none()
    upsert(connection, PRODUCERS, {**row, "language": language or (known.language if known else "kk")})
    if known is not None and known.identifier != identifier:
        moved = sa.update(MESSAGES).where(MESSAGES.c.recipient == known.identifier)
        connection.execute(moved.values(recipient=identifier))


def forget_individual(connection: sa.Connection, producer_id: str) -> None:
    """Erase whose account an individual's messages were put into: they stay, and nobody finds them by an IIN.

    What still waits to go out over a channel goes nowhere. Nothing changes for a legal entity. Of one that is
    not known yet it is noted: its filing, read after the erasure, tells no number any more.
    """
    nobody = {"identifier": f"{_ERASED}{producer_id}"}
    query = sa.select(PRODUCERS.c.identifier).where(PRODUCERS.c.producer_id == producer_id)
    identifier = connection.execute(query).scalar_one_or_none()
    if identifier is None:
        connection.execute(sa.insert(PRODUCERS).values(producer_id=producer_id, language="kk", **nobody))
        return
    if is_bin(identifier):
        return
    connection.execute(sa.update(PRODUCERS).where(PRODUCERS.c.identifier == identifier).values(nobody))
    own = sa.select(MESSAGES.c.message_id).where(MESSAGES.c.recipient == identifier)
    waiting = sa.and_(DISPATCHES.c.state == "pending", DISPATCHES.c.message_id.in_(own))
    connection.execute(sa.update(DISPATCHES).where(waiting).values(state="unaddressed"))
    renamed = sa.update(MESSAGES).where(MESSAGES.c.recipient == identifier)
    connection.execute(renamed.values(recipient=nobody["identifier"]))
    connection.execute(sa.update(LISTINGS).where(LISTINGS.c.holder == identifier).values(holder=None))


def forget_holders(connection: sa.Connection, listing_ids: Collection[str]) -> None:
    """Erase whose product listings are."""
    connection.execute(sa.update(LISTINGS).where(LISTINGS.c.listing_id.in_(listing_ids)).values(holder=None))


def is_erased(recipient: str) -> bool:
    """True for the account of an individual whose IIN was erased: nothing goes out to it any more."""
    return recipient.startswith(_ERASED)


def learn_product(connection: sa.Connection, product_id: str, producer_id: str, name: OfficialText) -> None:
    """Remember a product's name."""
    row = {"product_id": product_id, "producer_id": producer_id}
    upsert(connection, PRODUCTS, {**row, "name_kk": name.kk, "name_ru": name.ru, "name_en": name.en})


def learn_entry(connection: sa.Connection, product_id: str, number: str) -> None:
    """Remember an entry's registration number."""
    connection.execute(
        sa.update(PRODUCTS).where(PRODUCTS.c.product_id == product_id).values(entry_number=number)
    )


def learn_region(connection: sa.Connection, product_id: str, region: str) -> None:
    """Remember where a product's producer works, as a KATO code."""
    _set_product(connection, product_id, region=region)


def learn_included(connection: sa.Connection, product_id: str) -> None:
    """Remember that an entry is in the register."""
    _set_product(connection, product_id, status="included")


def learn_excluded(connection: sa.Connection, product_id: str, exclusion_id: str) -> None:
    """Remember that an entry left the register, and by which event."""
    _set_product(connection, product_id, status="excluded", exclusion_id=exclusion_id)


def learn_undone(connection: sa.Connection, product_id: str, exclusion_id: str) -> None:
    """Remember that an exclusion is undone: the entry is back unless a later one keeps it out."""
    connection.execute(
        sa.update(PRODUCTS)
        .where(PRODUCTS.c.product_id == product_id, PRODUCTS.c.exclusion_id == exclusion_id)
        .values(status="included")
    )


def learn_corrected(connection: sa.Connection, product_id: str, *, is_included: bool) -> None:
    """Remember where an entry stands after a correction; an annulled one is not in the register."""
    _set_product(connection, product_id, status="included" if is_included else "excluded")


def _set_product(connection: sa.Connection, product_id: str, **values: str) -> None:
    connection.execute(sa.update(PRODUCTS).where(PRODUCTS.c.product_id == product_id).values(values))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an entry stands and its producer works; None where that is not known or there is none."""

    status: str | None = None
    region: str | None = None


def standing_of(connection: sa.Connection, product_id: str | None) -> Standing:
    """The standing of a product, empty for none and for one not known yet."""
    if product_id is None:
        return Standing()
    found = connection.execute(
        sa.select(PRODUCTS.c.status, PRODUCTS.c.region).where(PRODUCTS.c.product_id == product_id)
    ).one_or_none()
    return Standing(*found) if found is not None else Standing()


def learn_application(connection: sa.Connection, application_id: str, product_id: str, number: str) -> None:
    """Remember an application's number."""
    row: dict[str, object] = {"application_id": application_id, "product_id": product_id, "number": number}
    upsert(connection, APPLICATIONS, row)


def recipient_of(connection: sa.Connection, producer_id: str) -> str:
    """Whose account it is, as messages name it. Raises `NotFound` while the producer is not known yet.

    It stays so until the transaction ends: an account cannot move to a new BIN while a message is put.
    """
    found = connection.execute(
        sa.select(PRODUCERS.c.identifier)
        .where(PRODUCERS.c.producer_id == producer_id)
        .with_for_update(read=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("producer_not_known_yet", id=producer_id)
    return str(found)


def product_of(connection: sa.Connection, product_id: str) -> sa.Row[tuple[object, ...]]:
    """The row of a product. Raises `NotFound` while it is not known yet."""
    found = connection.execute(sa.select(PRODUCTS).where(PRODUCTS.c.product_id == product_id)).one_or_none()
    if found is None:
        raise NotFound("product_not_known_yet", id=product_id)
    return found


def name_of(row: sa.Row[tuple[object, ...]]) -> OfficialText:
    """A product's name."""
    return OfficialText(kk=row.name_kk, ru=row.name_ru, en=row.name_en)


def entry_number_of(connection: sa.Connection, product_id: str) -> str:
    """An entry's registration number. Raises `NotFound` while its inclusion is not known yet."""
    number = product_of(connection, product_id).entry_number
    if number is None:
        raise NotFound("entry_not_known_yet", id=product_id)
    return str(number)


def application_number_of(connection: sa.Connection, application_id: str) -> str:
    """An application's number. Raises `NotFound` while its filing is not known yet."""
    found = connection.execute(
        sa.select(APPLICATIONS.c.number).where(APPLICATIONS.c.application_id == application_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("application_not_known_yet", id=application_id)
    return str(found)


def product_of_application(connection: sa.Connection, application_id: str) -> str:
    """The product an application is for. Raises `NotFound` while its filing is not known yet."""
    found = connection.execute(
        sa.select(APPLICATIONS.c.product_id).where(APPLICATIONS.c.application_id == application_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("application_not_known_yet", id=application_id)
    return str(found)


def bin_of(connection: sa.Connection, producer_id: str) -> str | None:
    """The BIN of a producer, None for an individual or one not known yet."""
    found = connection.execute(
        sa.select(PRODUCERS.c.identifier).where(PRODUCERS.c.producer_id == producer_id)
    ).scalar_one_or_none()
    return found if found is not None and is_bin(found) else None


def producer_of(connection: sa.Connection, identifier: str | None) -> str | None:
    """The producer id behind a BIN or IIN (or its pseudonym), if it has an account here."""
    if identifier is None:
        return None
    number = pseudonym(connection, identifier)
    return connection.execute(
        sa.select(PRODUCERS.c.producer_id).where(PRODUCERS.c.identifier == number).limit(1)
    ).scalar_one_or_none()


def learn_listing(connection: sa.Connection, listing_id: str, holder: str | None, name: OfficialText) -> None:
    """Remember whose product a listing is, for the message of its delisting."""
    kept = holder and pseudonym(connection, holder)
    row: dict[str, object] = {"listing_id": listing_id, "holder": kept, "name_kk": name.kk}
    upsert(connection, LISTINGS, {**row, "name_ru": name.ru, "name_en": name.en})


def listing_of(connection: sa.Connection, listing_id: str) -> tuple[str | None, OfficialText]:
    """Holder (or pseudonym) and product name of a listing. Raises `NotFound` while it is not known yet."""
    found = connection.execute(sa.select(LISTINGS).where(LISTINGS.c.listing_id == listing_id)).one_or_none()
    if found is None:
        raise NotFound("listing_not_known_yet", id=listing_id)
    return found.holder, name_of(found)
