"""Every route of the authority, reads waiting for the position they are asked to reflect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends

from services.kernel.feed.log_serving import log_router
from services.kernel.feed.reflecting import reflecting
from services.kernel.feed.serving import journal_router
from services.kernel.journal.journal import Journal
from services.kernel.journal.sealing.published import PublishedLog
from services.verification.api import (
    cases,
    documents,
    explanations,
    listing_imports,
    localisation_reports,
    officers_work,
    rounds,
    rule_sets,
    signals,
    simulations,
    trusted_software,
)
from services.verification.schema import VAULT

PROBLEMS: Final = Path(__file__).with_name("problems.json")
LARGER_BODIES: Final = {
    **documents.LARGER_BODIES,
    **localisation_reports.LARGER_BODIES,
    **listing_imports.LARGER_BODIES,
}


def routers(journal: Journal, log: PublishedLog) -> Sequence[APIRouter]:
    """The routers of documents, of commands, of reads, and of the journal, which is for services."""
    reads = APIRouter(dependencies=[Depends(reflecting(journal))])
    acting = (cases, localisation_reports, officers_work, rounds, signals, simulations, trusted_software)
    reading = (cases, explanations, localisation_reports, officers_work, rounds, rule_sets, simulations)
    for room in (*reading, trusted_software):
        reads.include_router(room.reads)
    return [
        documents.router,
        listing_imports.commands,
        *(room.commands for room in acting),
        reads,
        journal_router(journal, "service", "auditor", "informatization_officer", vault=VAULT),
        log_router(journal, log, "service", "auditor", "informatization_officer"),
    ]
