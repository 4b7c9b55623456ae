"""Every route of the register, reads waiting for the position they are asked to reflect."""

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
from services.register.api import (
    applications,
    corrections,
    entries,
    erasures,
    exclusions,
    extract_verification,
    extracts,
    histories,
    notifications,
    origin_checks,
    producers,
    updates,
)
from services.register.schema import VAULT

PROBLEMS: Final = Path(__file__).with_name("problems.json")
LARGER_BODIES: Final = {
    origin_checks.BATCH_PATH: origin_checks.MAX_BATCH_BYTES,
    **extract_verification.LARGER_BODIES,
}


def routers(journal: Journal, log: PublishedLog) -> Sequence[APIRouter]:
    """The routers of commands, of reads, and of the journal itself."""
    reads = APIRouter(dependencies=[Depends(reflecting(journal))])
    for room in (
        applications,
        corrections,
        entries,
        erasures,
        extract_verification,
        extracts,
        histories,
        notifications,
        origin_checks,
        producers,
    ):
        reads.include_router(room.reads)
    return [
        *(
            room.commands
            for room in (
                applications,
                corrections,
                erasures,
                exclusions,
                extracts,
                notifications,
                producers,
                updates,
            )
        ),
        reads,
        journal_router(journal, "public", "service", vault=VAULT),
        log_router(journal, log, "public"),
    ]
