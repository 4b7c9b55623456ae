"""What messages need beyond their event: whose account, which product, which numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from services.kernel.contract import Language, OfficialText, ProducerRef
from services.kernel.errors import NotFound
from services.kernel.identifiers import is_bin
from services.kernel.journal.events import Event
from services.kernel.journal.rows import Row
from services.kernel.personal_keys import pseudonym
from services.notifications.channel_tables import DISPATCHES
from services.notifications.projections.held import Held, Keyed
from services.notifications.schema import APPLICATIONS, LISTINGS, MESSAGES, PRODUCERS, PRODUCTS

_ERASED: Final = "erased:"
_PRODUCERS: Final = Keyed(PRODUCERS)
_PRODUCTS: Final = Keyed(PRODUCTS)
_APPLICATIONS: Final = Keyed(APPLICATIONS)
_LISTINGS: Final = Keyed(LISTINGS)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an entry stands and its producer works; None where that is not known or there is none."""

    status: str | None = None
    region: str | None = None


class Known:
    """What a batch of facts needs to know and teaches: read once, kept in memory, written together.

    Each fact finds what those before it taught. With `putting`, accounts stay where they are until the
    transaction ends: none can move to a new BIN while a message is put.
    """

    def __init__(self, connection: sa.Connection, *, putting: bool = False) -> None:
        self._connection = connection
        self._producers = Held(connection, _PRODUCERS, to_hold=putting)
        self._products = Held(connection, _PRODUCTS)
        self._applications = Held(connection, _APPLICATIONS)
        self._listings = Held(connection, _LISTINGS)
        self._moved: list[tuple[str, str]] = []

    def expect(self, facts: Collection[Event]) -> None:
        """Read what facts name, a statement for each table, so that none of it is read alone later."""
        self._applications.expect(_named(facts, "application_id", "follows"))
        applications = (self._applications.get(one) for one in _named(facts, "application_id"))
        products = [row["product_id"] for row in applications if row is not None]
        self._products.expect([*products, *_named(facts, "product_id", "entry_id")])
        self._listings.expect(_named(facts, "listing_id"))
        self.expect_producers({*_named(facts, "producer_id"), *_producers_named(facts)})

    def expect_producers(self, producer_ids: Iterable[str]) -> None:
        """Read these producers, in one statement."""
        self._producers.expect(producer_ids)

    def write(self) -> None:
        """Write what was learnt, and move accounts that go on under a new BIN with all they hold so far."""
        for held in (self._producers, self._products, self._applications, self._listings):
            held.write()
        for former, present in self._moved:
            moved = sa.update(MESSAGES).where(MESSAGES.c.recipient == former)
            self._connection.execute(moved.values(recipient=present))
        self._moved.clear()

    @property
    def has_moved(self) -> bool:
        """True while an account is to be moved: what was put before has to be written first."""
        return bool(self._moved)

    def learn_producer(self, ref: ProducerRef, iin: str | None, language: Language | None) -> None:
        """Remember whose account a producer id means, and the language it chose.

        Under a new BIN the account goes on whole: what was put under the former one is found there.
        """
        number = ref.bin or iin
        if number is None:
            return
        identifier = pseudonym(self._connection, number)
        known = self._producers.get(ref.producer_id)
        chosen = language or (known["language"] if known else "kk")
        self._producers.put(ref.producer_id, identifier=identifier, language=chosen)
        if known is not None and known["identifier"] != identifier:
            self._moved.append((known["identifier"], identifier))

    def learn_product(self, product_id: str, producer_id: str, name: OfficialText) -> None:
        """Remember a product's name."""
        names = {"name_kk": name.kk, "name_ru": name.ru, "name_en": name.en}
        self._products.put(product_id, producer_id=producer_id, **names)

    def learn_entry(self, product_id: str, number: str) -> None:
        """Remember an entry's registration number."""
        self._products.change(product_id, entry_number=number)

    def learn_region(self, product_id: str, region: str) -> None:
        """Remember where a product's producer works, as a KATO code."""
        self._products.change(product_id, region=region)

    def learn_included(self, product_id: str) -> None:
        """Remember that an entry is in the register."""
        self._products.change(product_id, status="included")

    def learn_excluded(self, product_id: str, exclusion_id: str) -> None:
        """Remember that an entry left the register, and by which event."""
        self._products.change(product_id, status="excluded", exclusion_id=exclusion_id)

    def learn_undone(self, product_id: str, exclusion_id: str) -> None:
        """Remember that an exclusion is undone: the entry is back unless a later one keeps it out."""
        row = self._products.get(product_id)
        if row is not None and row["exclusion_id"] == exclusion_id:
            self._products.put(product_id, status="included")

    def learn_corrected(self, product_id: str, *, is_included: bool) -> None:
        """Remember where an entry stands after a correction; an annulled one is not in the register."""
        self._products.change(product_id, status="included" if is_included else "excluded")

    def learn_application(self, application_id: str, product_id: str, number: str) -> None:
        """Remember an application's number."""
        self._applications.put(application_id, product_id=product_id, number=number)

    def learn_listing(self, listing_id: str, holder: str | None, name: OfficialText) -> None:
        """Remember whose product a listing is, for the message of its delisting."""
        kept = holder and pseudonym(self._connection, holder)
        names = {"name_kk": name.kk, "name_ru": name.ru, "name_en": name.en}
        self._listings.put(listing_id, holder=kept, **names)

    def standing_of(self, product_id: str | None) -> Standing:
        """The standing of a product, empty for none and for one not known yet."""
        row = self._products.get(product_id) if product_id is not None else None
        return Standing(row["status"], row["region"]) if row is not None else Standing()

    def recipient_of(self, producer_id: str) -> str:
        """Whose account it is, as messages name it. Raises `NotFound` while the producer is not known yet."""
        row = self._producers.get(producer_id)
        if row is None:
            raise NotFound("producer_not_known_yet", id=producer_id)
        return str(row["identifier"])

    def product_of(self, product_id: str) -> Row:
        """The row of a product. Raises `NotFound` while it is not known yet."""
        row = self._products.get(product_id)
        if row is None:
            raise NotFound("product_not_known_yet", id=product_id)
        return row

    def entry_number_of(self, product_id: str) -> str:
        """An entry's registration number. Raises `NotFound` while its inclusion is not known yet."""
        number = self.product_of(product_id)["entry_number"]
        if number is None:
            raise NotFound("entry_not_known_yet", id=product_id)
        return str(number)

    def application_number_of(self, application_id: str) -> str:
        """An application's number. Raises `NotFound` while its filing is not known yet."""
        return str(self._application(application_id)["number"])

    def product_of_application(self, application_id: str) -> str:
        """The product an application is for. Raises `NotFound` while its filing is not known yet."""
        return str(self._application(application_id)["product_id"])

    def _application(self, application_id: str) -> Row:
        row = self._applications.get(application_id)
        if row is None:
            raise NotFound("application_not_known_yet", id=application_id)
        return row

    def bin_of(self, producer_id: str) -> str | None:
        """The BIN of a producer, None for an individual or one not known yet."""
        row = self._producers.get(producer_id)
        return row["identifier"] if row is not None and is_bin(row["identifier"]) else None

    def producer_of(self, identifier: str | None) -> str | None:
        """The producer id behind a BIN or IIN (or its pseudonym), if it has an account here."""
        if identifier is None:
            return None
        self._producers.write()
        return account_holder(self._connection, identifier)

    def listing_of(self, listing_id: str) -> tuple[str | None, OfficialText]:
        """Holder (or pseudonym) and product name of a listing. Raises `NotFound` while it is not known."""
        row = self._listings.get(listing_id)
        if row is None:
            raise NotFound("listing_not_known_yet", id=listing_id)
        return row["holder"], name_of(row)


def _named(facts: Iterable[Event], *fields: str) -> set[str]:
    """What facts have in these fields."""
    found: set[Any] = {getattr(data, name, None) for data in facts for name in fields}
    return found - {None}


def _producers_named(facts: Iterable[Event]) -> set[str]:
    refs = (getattr(data, "producer", None) for data in facts)
    return {ref.producer_id for ref in refs if isinstance(ref, ProducerRef)}


def name_of(row: Row) -> OfficialText:
    """A product's name."""
    return OfficialText(kk=row["name_kk"], ru=row["name_ru"], en=row["name_en"])


def account_holder(connection: sa.Connection, identifier: str) -> str | None:
    """The producer id behind a BIN or IIN (or its pseudonym), if it has an account here."""
    number = pseudonym(connection, identifier)
    return connection.execute(
        sa.select(PRODUCERS.c.producer_id).where(PRODUCERS.c.identifier == number).limit(1)
    ).scalar_one_or_none()


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
