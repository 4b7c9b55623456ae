"""What messages need beyond their event: whose account, which product, which numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from services.kernel.contract import Language, OfficialText, ProducerRef
from services.kernel.errors import Conflict, NotFound
from services.kernel.identifiers import is_bin
from services.kernel.journal.events import Event
from services.kernel.journal.rows import BulkUpsert, ByKeys, Row
from services.kernel.personal_keys import pseudonym
from services.notifications.channel_tables import DISPATCHES
from services.notifications.projections.held import Held, Keyed
from services.notifications.schema import (
    APPLICATIONS,
    FORMER_BINS,
    LISTINGS,
    MESSAGES,
    NOTICES,
    PRODUCERS,
    PRODUCTS,
)

_ERASED: Final = "erased:"
_PRODUCERS: Final = Keyed(PRODUCERS)
_PRODUCTS: Final = Keyed(PRODUCTS)
_APPLICATIONS: Final = Keyed(APPLICATIONS)
_LISTINGS: Final = Keyed(LISTINGS)
_NOTICES: Final = Keyed(NOTICES)
_FORMER_OF: Final = ByKeys(FORMER_BINS.c.producer_id)
_KEEP_FORMER: Final = BulkUpsert(FORMER_BINS)


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
        self._notices = Held(connection, _NOTICES)
        self._former: dict[str, frozenset[str]] = {}
        self._moved: list[tuple[str, str]] = []

    def expect(self, facts: Collection[Event]) -> None:
        """Read what facts name, a statement for each table, so that none of it is read alone later."""
        self._applications.expect(_named(facts, "application_id", "follows"))
        applications = (self._applications.get(one) for one in _named(facts, "application_id"))
        subjects = _named(facts, "notification_id", "subject_id")
        self._notices.expect(subjects)
        notices = (self._notices.get(one) for one in subjects)
        products = [row["product_id"] for row in (*applications, *notices) if row is not None]
        named = _named(facts, "product_id", "entry_id", "subject_id")
        self._products.expect([*products, *named])
        self._listings.expect(_named(facts, "listing_id"))
        owners = (row["producer_id"] for one in products if (row := self._products.get(one)) is not None)
        self.expect_producers({*_named(facts, "producer_id"), *_producers_named(facts), *owners})

    def expect_producers(self, producer_ids: Iterable[str]) -> None:
        """Read these producers and their former BINs, in a statement each."""
        wanted = set(producer_ids)
        self._producers.expect(wanted)
        unread = sorted(wanted - self._former.keys())
        if not unread:
            return
        found: dict[str, set[str]] = {one: set() for one in unread}
        for row in _FORMER_OF.read(self._connection, unread):
            found[row["producer_id"]].add(row["bin"])
        self._former.update({one: frozenset(bins) for one, bins in found.items()})

    def write(self) -> None:
        """Write what was learnt, and move accounts that go on under a new BIN with all they hold so far."""
        learnt = (self._producers, self._products, self._applications, self._listings, self._notices)
        for held in learnt:
            held.write()
        for former, present in self._moved:
            moved = sa.update(MESSAGES).where(MESSAGES.c.recipient == former)
            self._connection.execute(moved.values(recipient=present))
        self._moved.clear()

    @property
    def has_moved(self) -> bool:
        """True while an account is to be moved: what was put before has to be written first."""
        return bool(self._moved)

    def learn_producer(self, ref: ProducerRef, iin: str | None, position: int) -> None:
        """Remember whose account a producer id means, as the fact at a position of the register tells it.

        Under a new BIN the account goes on whole: what was put under the former one is found there.
        """
        number = ref.bin or iin
        known = self._producers.get(ref.producer_id)
        if number is None or not _is_newest(known, "identifier", position):
            return
        identifier = pseudonym(self._connection, number)
        language = known["language"] if known is not None else "kk"
        self._producers.put(
            ref.producer_id, identifier=identifier, language=language, identifier_told_at=position
        )
        if known is not None and known["identifier"] != identifier:
            self._moved.append((known["identifier"], identifier))

    def learn_language(self, producer_id: str, language: Language, position: int) -> None:
        """Remember the language that a producer chose at a position."""
        if _is_newest(self._producers.get(producer_id), "language", position):
            self._producers.change(producer_id, language=language, language_told_at=position)

    def learn_email_told(self, producer_id: str, position: int) -> bool:
        """Note that a producer told its e-mail at a position; False when it told a later one already."""
        if not _is_newest(self._producers.get(producer_id), "email", position):
            return False
        self._producers.change(producer_id, email_told_at=position)
        return True

    def learn_former_bin(self, producer_id: str, former: str) -> None:
        """Remember that a producer had this BIN before it was transformed."""
        self.expect_producers((producer_id,))
        self._former[producer_id] |= {former}
        _KEEP_FORMER(self._connection, [{"bin": former, "producer_id": producer_id}])

    def learn_notice(self, notification_id: str, product_id: str, track: str) -> None:
        """Remember which product a notification is about, and in which course."""
        self._notices.put(notification_id, product_id=product_id, track=track)

    def learn_product(self, product_id: str, producer_id: str, name: OfficialText, position: int) -> None:
        """Remember a product's name, as the fact at a position of the register tells it."""
        if not _is_newest(self._products.get(product_id), "name", position):
            return
        names = {"name_kk": name.kk, "name_ru": name.ru, "name_en": name.en}
        self._products.put(product_id, producer_id=producer_id, **names, name_told_at=position)

    def learn_entry(self, product_id: str, number: str) -> None:
        """Remember an entry's registration number."""
        self._products.change(product_id, entry_number=number)

    def learn_region(self, product_id: str, region: str, position: int) -> None:
        """Remember where a product's producer works, as a KATO code, told at a position of the register."""
        if _is_newest(self._products.get(product_id), "region", position):
            self._products.change(product_id, region=region, region_told_at=position)

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

    def product_of_subject(self, subject_id: str) -> str | None:
        """The product that a notification is about, or whose entry this is; None for neither."""
        notice = self._notices.get(subject_id)
        if notice is not None:
            return str(notice["product_id"])
        return subject_id if self._products.get(subject_id) is not None else None

    def track_of_notice(self, notification_id: str) -> str | None:
        """The course a notification belongs to; None for one that is not known."""
        notice = self._notices.get(notification_id)
        return str(notice["track"]) if notice is not None else None

    def bins_of(self, producer_id: str) -> frozenset[str]:
        """The BINs that a producer has and had; none of an individual or one not known yet."""
        self.expect_producers((producer_id,))
        present = self.bin_of(producer_id)
        return self._former[producer_id] | ({present} if present is not None else set())

    def producer_of_product(self, product_id: str) -> str | None:
        """Whose product it is; None for one not known yet."""
        row = self._products.get(product_id)
        return str(row["producer_id"]) if row is not None else None

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


def _is_newest(row: Row | None, what: str, position: int) -> bool:
    """True when no fact behind a position told this of a row already."""
    return row is None or (row[f"{what}_told_at"] or 0) <= position


def name_of(row: Row) -> OfficialText:
    """A product's name."""
    return OfficialText(kk=row["name_kk"], ru=row["name_ru"], en=row["name_en"])


def account_holder(connection: sa.Connection, identifier: str) -> str | None:
    """The producer id behind a BIN, present or former, or an IIN (or its pseudonym), if it has an account."""
    number = pseudonym(connection, identifier)
    present = sa.select(PRODUCERS.c.producer_id).where(PRODUCERS.c.identifier == number).limit(1)
    found: str | None = connection.scalar(present)
    former = sa.select(FORMER_BINS.c.producer_id).where(FORMER_BINS.c.bin == number)
    return found or connection.scalar(former)


def refuse_former(connection: sa.Connection, identifier: str) -> None:
    """Raise `Conflict` (`producer_transformed`) for a BIN whose account goes on under another."""
    if not is_bin(identifier):
        return
    present = connection.scalar(
        sa.select(PRODUCERS.c.identifier)
        .join(FORMER_BINS, FORMER_BINS.c.producer_id == PRODUCERS.c.producer_id)
        .where(FORMER_BINS.c.bin == identifier)
    )
    taken = sa.select(PRODUCERS.c.producer_id).where(PRODUCERS.c.identifier == identifier).limit(1)
    if present is not None and connection.scalar(taken) is None:
        raise Conflict("producer_transformed", bin=present)


def forget_individual(connection: sa.Connection, producer_id: str, position: int) -> None:
    """Erase whose account an individual's messages were put into: they stay, and nobody finds them by an IIN.

    What still waits to go out over a channel goes nowhere. Nothing changes for a legal entity. Of one that is
    not known yet it is noted: its filing, read after the erasure, tells no number any more. What was told
    before the position of the erasure is not learnt after it, and an account told after that position stays:
    the erasure was parked.
    """
    nobody = {"identifier": f"{_ERASED}{producer_id}", "identifier_told_at": position}
    query = sa.select(PRODUCERS.c.identifier).where(PRODUCERS.c.producer_id == producer_id)
    identifier = connection.execute(query).scalar_one_or_none()
    if identifier is None:
        connection.execute(sa.insert(PRODUCERS).values(producer_id=producer_id, language="kk", **nobody))
        return
    if is_bin(identifier):
        return
    told_at = PRODUCERS.c.identifier_told_at
    before = sa.and_(PRODUCERS.c.identifier == identifier, sa.func.coalesce(told_at, 0) <= position)
    connection.execute(sa.update(PRODUCERS).where(before).values(nobody))
    still = sa.select(PRODUCERS.c.producer_id).where(PRODUCERS.c.identifier == identifier).limit(1)
    if connection.scalar(still) is not None:
        return
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
