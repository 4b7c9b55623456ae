"""An extract from the register: what it says, its digest, and the fact of its issue.

Law 86-VII art. 51-1(8), order 327 para. 6 and Appendix 2: per producer, with all its products in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText, ProducerKind, ProducerRef, Value
from services.kernel.errors import Conflict
from services.kernel.journal.aggregate import Act, Aggregate
from services.kernel.journal.events import Event, Fact, instant_text
from services.register.contract.extracts import ExtractIssued
from services.register.domain.entry_state import EntryState

FORM: Final = "order-327-appendix-2.1"
"""The form that extracts are issued in now; the number behind the dot is the version of how it is filled."""
PERSONAL: Final = ("iin", "name_kk", "name_ru")
"""What the vault holds of an individual that order 327 Appendix 2 puts into an extract."""
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class ExtractProducer(Value, frozen=True, kw_only=True):
    """The producer as it was named then; an individual's number and name come out of the vault."""

    producer_id: str
    kind: ProducerKind
    bin: str | None = None
    iin: str | None = None
    name: OfficialText | None = None
    state_registration_number: str | None = None


class ExtractProduct(Value, frozen=True, kw_only=True):
    """One product in force (Appendix 2). DVC and localisation level are not determined for software."""

    product_id: str
    registration_number: str
    included_on: str
    name: OfficialText
    oked: tuple[str, ...]
    tn_ved: str
    kpved: str
    ens_tru: str
    capacity_per_year: str
    agsk3: str | None = None
    localisation_share: str | None = None
    trusted_register_reference: str | None = None


class ExtractContent(Value, frozen=True, kw_only=True):
    """All that an extract says, apart from the number and the instant that its recording gives it.

    `valid_at` is a legal instant (RFC 3339, UTC), `known_at` a position of the register's journal.
    """

    id: str
    form: Literal["order-327-appendix-2.1"]
    code: str
    verification_url: str
    issued_on: str
    valid_at: str
    known_at: int
    producer: ExtractProducer
    products: tuple[ExtractProduct, ...]


def urn_of(extract_id: UUID | str) -> str:
    """How an extract's content names it."""
    return f"urn:kz:register:extract:{extract_id}"


def canonical(content: object) -> bytes:
    """The canonical bytes (RFC 8785) of a content: text, whole numbers, lists and objects with ASCII keys."""
    return _ENCODER.encode(content)


def digest_of(content: object) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(content)).hexdigest()


def digest_of_code(code: str) -> str:
    """SHA-256 of a verification code, in hexadecimal."""
    return hashlib.sha256(code.encode()).hexdigest()


def producer_shown(ref: ProducerRef, personal: dict[str, str], registered: str | None) -> ExtractProducer:
    """The producer as an extract names it, with its state registration number.

    Raises `Conflict` (`extract_personal_values_erased`) when an individual's values are no longer held.
    """
    name, iin = ref.name, None
    if ref.kind == "individual_entrepreneur":
        if any(field not in personal for field in PERSONAL):
            raise Conflict("extract_personal_values_erased")
        name, iin = OfficialText(kk=personal["name_kk"], ru=personal["name_ru"]), personal["iin"]
    return ExtractProducer(
        producer_id=ref.producer_id,
        kind=ref.kind,
        bin=ref.bin,
        iin=iin,
        name=name,
        state_registration_number=registered,
    )


def product_shown(state: EntryState) -> ExtractProduct:
    """A product in force as an extract describes it."""
    included = state.included
    product, activity = included.product, included.activity
    return ExtractProduct(
        product_id=included.entry_id,
        registration_number=included.number,
        included_on=included.included_on,
        name=product.name,
        oked=(activity.oked_primary, *activity.oked_secondary),
        tn_ved=product.tn_ved,
        kpved=product.kpved,
        ens_tru=product.ens_tru,
        capacity_per_year=product.capacity_per_year,
        agsk3=product.agsk3,
        localisation_share=included.localisation_share,
        trusted_register_reference=included.trusted_register_reference,
    )


def without_personal(content: ExtractContent) -> ExtractContent:
    """The content as it is kept: what the vault holds is put in again when it is read."""
    producer = content.producer
    if producer.kind != "individual_entrepreneur":
        return content
    left = msgspec.structs.replace(producer, iin=None, name=None, state_registration_number=None)
    return msgspec.structs.replace(content, producer=left)


def with_personal(
    content: ExtractContent, personal: dict[str, str], registered: str | None
) -> ExtractContent | None:
    """The content as it was issued; None once a value of the vault that it holds was erased.

    `registered` is the individual's state registration number, where the extract named one.
    """
    producer = content.producer
    if producer.kind != "individual_entrepreneur":
        return content
    if any(field not in personal for field in PERSONAL):
        return None
    name = OfficialText(kk=personal["name_kk"], ru=personal["name_ru"])
    number = registered if registered is not None else producer.state_registration_number
    whole = msgspec.structs.replace(
        producer, iin=personal["iin"], name=name, state_registration_number=number
    )
    return msgspec.structs.replace(content, producer=whole)


class ExtractFile(Value, frozen=True, kw_only=True):
    """An extract as a file: what it says, the digest of that, and the record that holds the digest.

    `position` is where the journal holds the record, `record` its bytes as UTF-8 text.
    """

    extract_id: str
    number: str
    position: int
    content: ExtractContent
    digest: str
    record: str


class Extract(Aggregate):
    """One extract; it is issued once and never changes."""

    born_of = (ExtractIssued,)

    def __init__(self, id: UUID) -> None:  # noqa: A002  # the kernel's signature
        super().__init__(id)
        self._issued: ExtractIssued | None = None

    @property
    def issued(self) -> ExtractIssued:
        """The fact of its issue."""
        if self._issued is None:
            raise ValueError(f"{self.id} was never issued")
        return self._issued

    def issue(
        self,
        act: Act,
        *,
        ref: ProducerRef | None,
        producer: ExtractProducer | None,
        states: Sequence[EntryState],
        valid_at: int,
        known_at: int,
        code: str,
        verification_url: str,
    ) -> ExtractContent:
        """Issue the extract on the products in force at a moment.

        `valid_at` is in microseconds since 1970 (UTC), `known_at` a position; `ref` names the producer in the
        fact, `producer` in the extract.

        Raises `Conflict` (`nothing_in_register`) without any, because an extract confirms that something is
        in the register (order 327 para. 6).
        """
        if ref is None or producer is None or not states:
            raise Conflict("nothing_in_register", state="none", allowed="application")
        products = sorted(map(product_shown, states), key=lambda product: product.registration_number)
        content = ExtractContent(
            id=urn_of(self.id),
            form=FORM,
            code=code,
            verification_url=verification_url,
            issued_on=legal_date(act.at).isoformat(),
            valid_at=instant_text(valid_at),
            known_at=known_at,
            producer=producer,
            products=tuple(products),
        )
        event = ExtractIssued(
            extract_id=str(self.id),
            producer=ref,
            issued_on=content.issued_on,
            valid_at=content.valid_at,
            known_at=known_at,
            products=len(products),
            content_sha256=digest_of(content),
            code_sha256=digest_of_code(code),
        )
        self.record(act, event)
        return content

    def file(self, content: ExtractContent, position: int, record: bytes) -> ExtractFile:
        """The extract as a file, with the record of its issue and where the journal holds it."""
        return ExtractFile(
            extract_id=str(self.id),
            number=self.issued.number,
            position=position,
            content=content,
            digest=self.issued.content_sha256,
            record=record.decode(),
        )

    def when(self, event: Event, fact: Fact) -> None:
        """Change state by one event."""
        if not isinstance(event, ExtractIssued):
            raise TypeError(f"an extract knows no {type(event).__name__}")
        self._issued = event

    def numbered(self, event: Event) -> None:
        """Learn the number that recording gave."""
        if isinstance(event, ExtractIssued):
            self._issued = event
