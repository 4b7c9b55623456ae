"""What filing needs to know of a producer and a product, read in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Conflict
from services.kernel.identifiers import is_bin
from services.kernel.names import normalised_name
from services.register.domain.application import Standing
from services.register.projections.applications import APPLICATIONS
from services.register.projections.entries import ENTRIES
from services.register.projections.producers import PRODUCER_BINS, PRODUCERS, ref_of
from services.register.projections.products import PRODUCTS
from services.register.schema import INDIVIDUALS


@dataclass(frozen=True, slots=True)
class Known:
    """A producer and a product as the register knows them; None for what it does not know yet."""

    producer: ProducerRef | None = None
    product_id: UUID | None = None
    standing: Standing = field(default_factory=Standing)


def _query(numbers: sa.Table, number: sa.ColumnElement[str]) -> sa.Select[tuple[object, ...]]:
    same_name = sa.or_(PRODUCTS.c.name_kk == sa.bindparam("kk"), PRODUCTS.c.name_ru == sa.bindparam("ru"))
    return (
        sa.select(
            *(column for column in PRODUCERS.c),
            PRODUCTS.c.product_id,
            APPLICATIONS.c.application_id,
            APPLICATIONS.c.number.label("application_number"),
            APPLICATIONS.c.status,
            ENTRIES.c.status.label("entry_status"),
            ENTRIES.c.exclusion_ground,
        )
        .select_from(numbers)
        .join(PRODUCERS, PRODUCERS.c.producer_id == numbers.c.producer_id)
        .outerjoin(PRODUCTS, sa.and_(PRODUCTS.c.producer_id == PRODUCERS.c.producer_id, same_name))
        .outerjoin(APPLICATIONS, APPLICATIONS.c.product_id == PRODUCTS.c.product_id)
        .outerjoin(ENTRIES, ENTRIES.c.entry_id == PRODUCTS.c.product_id)
        .where(number == sa.bindparam("number"))
    )


_BY_BIN: Final = _query(PRODUCER_BINS, PRODUCER_BINS.c.bin)
_BY_IIN: Final = _query(INDIVIDUALS, INDIVIDUALS.c.iin)


def known(connection: sa.Connection, number: str, product_name: OfficialText) -> Known:
    """What is known of the producer with this BIN or IIN and of its product of this name.

    The same normalised name in Kazakh or in Russian is the same product. Raises `Conflict`
    (`product_name_ambiguous`) when the two names belong to two products.
    """
    rows = connection.execute(
        _BY_BIN if is_bin(number) else _BY_IIN,
        {
            "number": number,
            "kk": normalised_name(product_name.kk),
            "ru": normalised_name(product_name.ru),
        },
    ).all()
    if not rows:
        return Known()
    products = {row.product_id for row in rows} - {None}
    if len(products) > 1:
        raise Conflict("product_name_ambiguous", state="two products", allowed="one product's names")
    return Known(ref_of(rows[0]), next(iter(products), None), _standing(number, rows))


def _standing(number: str, rows: Sequence[sa.Row[tuple[object, ...]]]) -> Standing:
    first = rows[0]
    applications = sorted((row for row in rows if row.status), key=lambda row: str(row.application_number))
    pending = next((row for row in applications if row.status == "filed"), None)
    decided = next((row for row in reversed(applications) if row.status in ("included", "refused")), None)
    return Standing(
        ceased=first.ceased,
        present_bin=first.bin if first.bin is not None and first.bin != number else None,
        pending=str(pending.application_id) if pending else None,
        entry_status=first.entry_status,
        exclusion_ground=first.exclusion_ground,
        decided=str(decided.application_id) if decided else None,
        decided_as=decided.status if decided else None,
    )
