"""The register's journal: its registry, tables and read models put together once."""

from __future__ import annotations

from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.journal.journal import Journal
from services.register import schema
from services.register.contract.events import REGISTER_EVENTS
from services.register.projections.applications import Applications
from services.register.projections.corrections import Corrections
from services.register.projections.data_facts import DataFacts
from services.register.projections.entries import Entries
from services.register.projections.erasures import Erasures
from services.register.projections.extracts import Extracts
from services.register.projections.notifications import Notifications
from services.register.projections.open_terms import OpenTerms
from services.register.projections.periods import Periods
from services.register.projections.producers import ProducerBins, Producers
from services.register.projections.products import Products


def open_journal(database: Database, clock: Clock) -> Journal:
    """The journal over a database whose tables exist; `clock` gives `recorded_at`."""
    return Journal(
        database,
        REGISTER_EVENTS,
        schema.JOURNAL,
        clock=clock,
        projections=[
            Producers(),
            ProducerBins(),
            Products(),
            Applications(),
            Entries(),
            Periods(),
            DataFacts(),
            Corrections(),
            Erasures(),
            Extracts(),
            Notifications(),
            OpenTerms(),
        ],
        following=schema.FOLLOWING,
    )
