"""Judged cases in the form in which a draft rule set is tried on them: no document is read again."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.journal.events import Event
from services.kernel.journal.projection import RowFold
from services.kernel.journal.rows import Row
from services.kernel.journal.units import Recorded
from services.verification.contract.events import CaseConcluded
from services.verification.domain.localisation import TOTALS_DIFFER
from services.verification.domain.simulation import JudgedCase, judged_case
from services.verification.projections.cases import CASES
from services.verification.projections.included_entries import was_kept_by_people
from services.verification.schema import METADATA

JUDGED_CASES: Final = sa.Table(
    "judged_cases",
    METADATA,
    sa.Column("case_id", sa.Uuid, primary_key=True),
    sa.Column("departs", sa.Boolean, nullable=False),
    sa.Column("judged", sa.LargeBinary, nullable=True),
)
"""`judged` is none where an officer decided while no rule set was in force; `departs` where the officer's
decision is another than the judgement's."""

BY_LEGAL_DATE: Final = sa.Index("cases_legal_date", CASES.c.legal_date, CASES.c.case_id)
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(JudgedCase)


class JudgedCases(RowFold):
    """One row a concluded case, as it was concluded last."""

    kinds: ClassVar[frozenset[type[Event]]] = frozenset({CaseConcluded})

    def __init__(self) -> None:
        super().__init__(JUDGED_CASES)

    def keys_of(self, recorded: Recorded) -> Iterable[Hashable]:
        """The concluded case."""
        return (recorded.fact.originator_id,) if isinstance(recorded.fact.data, CaseConcluded) else ()

    def begins(self, recorded: Recorded) -> bool:
        """Each conclusion replaces the one before."""
        return True

    def evolve(self, key: Hashable, row: Row | None, recorded: Recorded) -> Row:
        """The row after the fact."""
        data = recorded.fact.data
        if not isinstance(data, CaseConcluded):
            raise TypeError(f"no conclusion: {type(data).__name__}")
        judged = None if data.judgement is None else encoded(judged_case(data.judgement))
        return {"case_id": key, "departs": data.departs_from_judgement, "judged": judged}


def encoded(judged: JudgedCase) -> bytes:
    """As the table keeps it."""
    return _ENCODER.encode(judged)


@dataclass(frozen=True, slots=True)
class DecidedCase:
    """A decided case as a simulation meets it; `legal_date` is an ISO date (Asia/Almaty)."""

    case_id: UUID
    legal_date: str
    kind: str
    producer_id: str
    bin: str | None
    product_name_kk: str
    product_name_ru: str
    result: str
    departs: bool
    judged: JudgedCase | None


@dataclass(frozen=True, slots=True)
class Period:
    """Legal dates from the first to the last day (ISO dates, Asia/Almaty), both included."""

    first_day: str
    last_day: str


Mark = tuple[str, UUID]
"""Where a scan has come to: the legal date and id of its last case."""


def decided_in(
    connection: sa.Connection, period: Period, *, after: Mark | None, limit: int
) -> list[DecidedCase]:
    """At most `limit` decided cases of a period behind a mark, by legal date and id."""
    case, judged = CASES.c, JUDGED_CASES.c
    query = (
        sa.select(
            case.case_id,
            case.legal_date,
            case.kind,
            case.producer_id,
            case.bin,
            case.product_name_kk,
            case.product_name_ru,
            case.result,
            judged.departs,
            judged.judged,
        )
        .join(JUDGED_CASES, judged.case_id == case.case_id)
        .where(case.legal_date >= period.first_day, case.legal_date <= period.last_day)
        .order_by(case.legal_date, case.case_id)
        .limit(limit)
    )
    if after is not None:
        mark = sa.tuple_(sa.literal(after[0]), sa.literal(after[1], sa.Uuid))
        query = query.where(sa.tuple_(case.legal_date, case.case_id) > mark)
    rows = connection.execute(query)
    return [DecidedCase(*row[:9], _DECODER.decode(row[9]) if row[9] is not None else None) for row in rows]


def count_decided_in(connection: sa.Connection, period: Period) -> int:
    """How many cases of a period are decided."""
    case = CASES.c
    query = (
        sa.select(sa.func.count())
        .select_from(CASES)
        .join(JUDGED_CASES, JUDGED_CASES.c.case_id == case.case_id)
        .where(case.legal_date >= period.first_day, case.legal_date <= period.last_day)
    )
    return int(connection.execute(query).scalar_one())


def confirmed_reports(
    connection: sa.Connection,
    producer_id: str,
    *,
    reporting_year: int | None,
    except_product: str,
    limit: int,
) -> list[str]:
    """Digests of the reports by which a producer's other products were confirmed, newest first.

    One that an officer accepted although its total differed is no measure for the others: it was decided that
    both stand.
    """
    case = CASES.c
    found = connection.execute(
        sa.select(case.report_sha256, JUDGED_CASES.c.judged)
        .join_from(CASES, JUDGED_CASES, JUDGED_CASES.c.case_id == case.case_id)
        .where(
            case.producer_id == producer_id,
            case.kind == "confirmation",
            case.result == "confirmed",
            case.reporting_year == reporting_year,
            case.product_id != except_product,
            case.report_sha256.is_not(None),
        )
        .order_by(case.case_id.desc())
    )
    measures = (row.report_sha256 for row in found if not _found_differing(_decoded(row.judged)))
    return list(islice(measures, limit))


def _decoded(judged: bytes | None) -> JudgedCase | None:
    return None if judged is None else _DECODER.decode(bytes(judged))


def _found_differing(judged: JudgedCase | None) -> bool:
    return judged is not None and judged.evidence is not None and TOTALS_DIFFER in judged.evidence.findings


def was_accepted(connection: sa.Connection, entry_id: str | None, application_id: str | None) -> bool:
    """True when people kept an application's product in the register against what the rules said.

    An officer confirmed it, or found that it conforms, although the rules did not, an appeal was upheld, a
    court undid its exclusion, or officers of the industry authority annulled it. What an earlier application
    of the same entry went through is over.
    """
    case, judged = CASES.c, JUDGED_CASES.c
    of_entry = sa.and_(case.entry_id == entry_id, case.application_id == application_id)
    rows = connection.execute(
        sa.select(case.result, judged.departs, judged.judged)
        .join_from(CASES, JUDGED_CASES, judged.case_id == case.case_id, isouter=True)
        .where(
            sa.or_(case.origin == f"application:{application_id}", of_entry),
            case.result.in_(("confirmed", "conforms", "upheld")),
        )
    )
    if any(row.result == "upheld" or row.departs or _failed(_decoded(row.judged)) for row in rows):
        return True
    return was_kept_by_people(connection, entry_id, application_id)


def _failed(judged: JudgedCase | None) -> bool:
    return judged is not None and not judged.conforms
