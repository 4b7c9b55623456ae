"""Close cases whose subject fell away: withdrawn, excluded, liquidated, reinstated."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.contract.events import ClosingGround
from services.verification.domain.case import Case
from services.verification.projections.cases import (
    under_way_of_appeal,
    under_way_of_application,
    under_way_of_entry,
    under_way_of_producer,
)


def close_application_case(work: Work, act: Act, application_id: str, ground: ClosingGround) -> None:
    """Close the confirmation case of an application that ended without a decision."""
    found = work.rely_on(lambda connection: under_way_of_application(connection, application_id))
    _close(work, act, found, ground)


def close_monitoring_cases(work: Work, act: Act, entry_id: str, ground: ClosingGround) -> None:
    """Close the monitoring cases of an entry that is no longer included."""
    found = work.rely_on(lambda connection: under_way_of_entry(connection, entry_id, "monitoring"))
    _close(work, act, found, ground)


def close_appeal_case(work: Work, act: Act, appeal_id: str, ground: ClosingGround) -> None:
    """Close the case of an appeal that ended undecided; an appeal of another exclusion goes on."""
    found = work.rely_on(lambda connection: under_way_of_appeal(connection, appeal_id))
    _close(work, act, found, ground)


def close_producer_cases(work: Work, act: Act, producer_id: str, ground: ClosingGround) -> None:
    """Art. 51-6: close every case of a legal entity that ceased."""
    found = work.rely_on(lambda connection: under_way_of_producer(connection, producer_id))
    _close(work, act, found, ground)


def _close(work: Work, act: Act, case_ids: Sequence[UUID], ground: ClosingGround) -> None:
    for case_id in case_ids:
        case = work.load(Case, case_id)
        if case.close(act, ground):
            work.save(case)
