"""Officers of the authority and what they do, in tests against a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from services.kernel.contract import CourtRuling, DocumentRef, OfficialText
from services.kernel.errors import Stale
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Provenance
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.domain.listing import Listing
from services.verification.projections.worklist import CaseFilter, list_cases
from services.verification.usecases.conclude_case import OfficersConclusion, conclude_case
from services.verification.usecases.delist_software import delist_software
from services.verification.usecases.request_documents import request_documents
from services.verification.usecases.settle_proposal import approve_proposal
from services.verification.usecases.supply_documents import Named, supply_documents
from tests.verification.acting import BIN, REASONS, officer
from tests.verification.authority import Authority

A, B, C = "a" * 32, "b" * 32, "c" * 32
FOUR_EYES = {"four_eyes": frozenset({"confirmation", "monitoring", "appeal"})}
COURT = OfficialText(kk="Астана қаласының соты", ru="Суд города Астаны")
RULING = CourtRuling(court=COURT, number="7119-26", ruled_on="2026-03-02")
Step = Callable[[Work, Case], Case]


def done(here: Authority, case_id: UUID, step: Step, *, version: int | None = None) -> Case:
    """One officer's step, on the version that was seen if one was."""

    def decide(work: Work) -> Case:
        case = work.load(Case, case_id)
        if version is not None and version != case.version:
            raise Stale("version_stale", expected=str(version), present=str(case.version))
        return step(work, case)

    result = here.journal.transact(decide).result
    assert result is not None
    return result


def conclude(here: Authority, case: Case, result: Any, by: str, reasons: Any = None) -> Case:
    outcome = OfficersConclusion(result, reasons)
    return done(here, case.id, lambda w, c: conclude_case(w, here.practice, officer(by), c, outcome))


def approve(here: Authority, case: Case, by: str) -> Case:
    return done(here, case.id, lambda w, c: approve_proposal(w, officer(by), c))


def supply(here: Authority, case: Case, *named: Named, by: str | None = BIN) -> Case:
    act = Act(here.clock.now(), Provenance(actor="p", decided_by="producer", correlation_id="t"))
    return done(here, case.id, lambda w, c: supply_documents(w, here.practice, act, c, named, by=by))


def ask(here: Authority, case: Case, by: str = A) -> Case:
    def step(work: Work, found: Case) -> Case:
        act = officer(by, here.clock.now())
        return request_documents(work, here.practice, act, found, asked=REASONS, kinds=("contracts",))

    return done(here, case.id, step)


def filed(here: Authority, documents: tuple[DocumentRef, ...] | None = None) -> Case:
    return here.case_of(f"application:{here.file(documents)}")


def worklist(here: Authority, **wanted: Any) -> list[UUID]:
    with here.database.read() as connection:
        rows = list_cases(connection, CaseFilter(**wanted), after=None, limit=100, order="due")
    return [UUID(str(row["case_id"])) for row in rows]


def monitored(here: Authority) -> Case:
    """The open monitoring case of an entry whose product was delisted."""
    listing_id = here.list_product()
    case = filed(here)
    conclude(here, case, "confirmed", C)
    if here.practice.four_eyes:
        approve(here, case, B)
    here.include(str(case.opened.application_id))
    delist(here, listing_id)
    return here.cases(kind="monitoring")[-1]


def delist(here: Authority, listing_id: str) -> None:
    """A product leaves the register of trusted software today."""

    def step(work: Work) -> Listing:
        listing = work.load(Listing, UUID(listing_id))
        day = date(2026, 3, 2)
        return delist_software(work, here.practice, officer(), listing, delisted_on=day, ground=REASONS)

    here.journal.transact(step)


def appealed(here: Authority) -> Case:
    """The open appeal case of an exclusion that officer A concluded."""
    case = conclude(here, monitored(here), "exclude", A)
    assert case.notification is not None
    entry_id = str(case.opened.entry_id)
    here.exclude(entry_id, case.notification.notification_id)
    appeal_id = here.appeal(entry_id, case.notification.notification_id)
    return here.case_of(f"appeal:{appeal_id}")
