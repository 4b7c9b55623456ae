"""What filing needs to know of a producer and a product; for a first application one short statement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Conflict
from services.kernel.identifiers import is_bin
from services.kernel.journal.rows import Prepared
from services.kernel.names import normalised_name
from services.kernel.personal_keys import pseudonym
from services.register.domain.application import Standing
from services.register.projections.applications import APPLICATIONS
from services.register.projections.entries import ENTRIES
from services.register.projections.producers import PRODUCER_BINS, PRODUCERS
from services.register.projections.products import PRODUCT_NAMES, PRODUCTS
from services.register.schema import INDIVIDUALS


@dataclass(frozen=True, slots=True)
class Known:
    """A producer (without its name) and a product as the register knows them; None for what it does not."""

    producer: ProducerRef | None = None
    product_id: UUID | None = None
    standing: Standing = field(default_factory=Standing)


def _query(number: sa.ColumnElement[str], start: sa.FromClause) -> Prepared:
    names = PRODUCT_NAMES.c
    same_name = sa.or_(
        sa.and_(names.language == "kk", names.name == sa.bindparam("kk")),
        sa.and_(names.language == "ru", names.name == sa.bindparam("ru")),
    )
    pending = sa.and_(APPLICATIONS.c.product_id == PRODUCTS.c.product_id, APPLICATIONS.c.status == "filed")
    return Prepared(
        sa.select(
            PRODUCERS.c.producer_id,
            PRODUCERS.c.kind,
            PRODUCERS.c.bin,
            PRODUCERS.c.iin_commitment,
            PRODUCERS.c.ceased,
            PRODUCTS.c.product_id,
            PRODUCTS.c.decided,
            PRODUCTS.c.decided_as,
            APPLICATIONS.c.application_id.label("pending"),
        )
        .select_from(start)
        .outerjoin(PRODUCT_NAMES, sa.and_(names.producer_id == PRODUCERS.c.producer_id, same_name))
        .outerjoin(PRODUCTS, PRODUCTS.c.product_id == names.product_id)
        .outerjoin(APPLICATIONS, pending)
        .where(number == sa.bindparam("number"))
    )


_BY_BIN: Final = _query(
    PRODUCER_BINS.c.bin, PRODUCER_BINS.join(PRODUCERS, PRODUCERS.c.producer_id == PRODUCER_BINS.c.producer_id)
)
_BY_IIN: Final = _query(
    INDIVIDUALS.c.number, INDIVIDUALS.join(PRODUCERS, PRODUCERS.c.producer_id == INDIVIDUALS.c.producer_id)
)


def known(connection: sa.Connection, number: str, product_name: OfficialText) -> Known:
    """What is known of the producer with this BIN or IIN and of its product of this name.

    The same normalised name in Kazakh or in Russian, in any of its filings, is the same product. Raises
    `Conflict` (`product_name_ambiguous`) when the two names belong to two products.
    """
    query = _BY_BIN if is_bin(number) else _BY_IIN
    rows = query.all(
        connection,
        number=pseudonym(connection, number),
        kk=normalised_name(product_name.kk),
        ru=normalised_name(product_name.ru),
    )
    if not rows:
        return Known()
    if rows[0].bin not in (None, number):  # a former BIN, from before a transformation
        return Known(standing=Standing(present_bin=rows[0].bin))
    if len({row.product_id for row in rows}) > 1:
        raise Conflict("product_name_ambiguous", state="two products", allowed="one product's names")
    first = rows[0]
    producer = ProducerRef(
        producer_id=str(first.producer_id),
        kind=first.kind,
        bin=first.bin,
        iin_commitment=first.iin_commitment,
    )
    return Known(producer, first.product_id, _standing(connection, first))


_ENTRY: Final = Prepared(
    sa.select(ENTRIES.c.status, ENTRIES.c.exclusion_ground).where(
        ENTRIES.c.entry_id == sa.bindparam("entry_id")
    )
)


def _standing(connection: sa.Connection, row: Any) -> Standing:
    if row.decided is None:
        return Standing(ceased=row.ceased, pending=str(row.pending) if row.pending else None)
    entry = next(iter(_ENTRY.all(connection, entry_id=row.product_id)), None)
    return Standing(
        ceased=row.ceased,
        pending=str(row.pending) if row.pending else None,
        entry_status=entry.status if entry else None,
        exclusion_ground=entry.exclusion_ground if entry else None,
        decided=str(row.decided),
        decided_as=row.decided_as,
    )
