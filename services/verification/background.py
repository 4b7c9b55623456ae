"""What runs beside the requests: following the register, watching terms, opening and carrying on rounds."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from services.kernel.calendar import Quarter
from services.kernel.clock import Clock, SystemClock
from services.kernel.database import Database
from services.kernel.expiring_keys import expiring_keys
from services.kernel.feed.following import FeedAddress, Follower
from services.kernel.feed.sinks import JournalSink, Shelf
from services.kernel.journal.journal import Journal
from services.kernel.journal.sealing.running import Sealing
from services.kernel.runtime import Election, Recurring, tokens_for
from services.kernel.shredding import doomed_keys
from services.verification.adapters.document_bucket import Bucket, DocumentBucket
from services.verification.adapters.documents import DocumentStore
from services.verification.adapters.malware import Clamd
from services.verification.domain.criteria import KNOWN
from services.verification.domain.judgement import rule_book
from services.verification.domain.rule_sets import read_rule_book
from services.verification.inbox.register import REGISTRY, UPSTREAM, RegisterInbox
from services.verification.projections.rounds import open_rounds
from services.verification.schema import FOLLOWING, VAULT
from services.verification.settings import VerificationSettings
from services.verification.usecases.monitor_round import Paces, carry_on
from services.verification.usecases.open_rounds_due import open_rounds_due
from services.verification.usecases.practice import Practice
from services.verification.usecases.purge_simulations import BATCH, purge_simulations
from services.verification.usecases.record_missed_terms import record_missed_terms
from services.verification.usecases.signal_expired_rights import signal_expired_rights
from services.verification.usecases.simulate import carry_on_simulation

PURGE_SECONDS: Final = 3_600.0


def practice_of(settings: VerificationSettings, clock: Clock, documents: DocumentStore) -> Practice:
    """How the authority works under these settings. Raises `RuleSetRefused`."""
    rules = read_rule_book(settings.rule_sets, KNOWN) if settings.rule_sets else rule_book()
    return Practice(
        clock,
        documents,
        rules,
        settings.automatic,
        settings.terms(),
        four_eyes=settings.four_eyes,
        document_request_days=settings.document_request_days,
    )


def documents_of(settings: VerificationSettings, database: Database) -> DocumentStore:
    """Where documents are kept and who scans them under these settings."""
    backend = None
    if settings.documents_s3_bucket is not None:
        backend = DocumentBucket(
            Bucket(
                settings.documents_s3_bucket,
                settings.documents_s3_endpoint,
                settings.documents_s3_region,
                settings.documents_s3_prefix,
            )
        )
    scanner = None
    if settings.documents_scanner is not None:
        scanner = Clamd(settings.documents_scanner, seconds=settings.documents_scanner_seconds)
    return DocumentStore(settings.documents_folder, database, backend=backend, scanner=scanner)


class Background:
    """The follower and the watchers of one process; on PostgreSQL the elected process does the work."""

    def __init__(self, journal: Journal, practice: Practice, settings: VerificationSettings) -> None:
        self._election = Election(journal.database, f"follow-{UPSTREAM}")
        sink = JournalSink(
            journal,
            Shelf(journal.database, FOLLOWING, clock=SystemClock()),
            REGISTRY,
            RegisterInbox(practice).handlers(),
        )
        token = tokens_for("register", "verification", settings)
        address = FeedAddress(UPSTREAM, settings.register_url, token)
        self.follower = Follower("verification", address, sink, elected=self._election.won)
        self._journal, self._practice, self._settings = journal, practice, settings
        self.sealing = Sealing("verification", journal, settings)
        self._paces = Paces(settings.rounds_batch)
        self._recurring = [
            expiring_keys(journal.database, journal.tables.idempotency_keys, practice.clock),
            doomed_keys(journal.database, VAULT),
            Recurring(
                "missed-terms",
                partial(_watch, journal, practice, settings.missed_terms_seconds),
                Election(journal.database, "missed-terms"),
            ),
            Recurring(
                "simulations",
                partial(_simulate, journal, settings.simulations_seconds),
                Election(journal.database, "simulations"),
            ),
            Recurring(
                "purge-simulations",
                partial(_purge, journal, timedelta(days=settings.simulations_kept_days)),
                Election(journal.database, "purge-simulations"),
            ),
            Recurring(
                "rounds",
                self._carry_on_rounds,
                self._election,
            ),
        ]

    def start(self) -> None:
        """Begin."""
        self.follower.start()
        self.sealing.start()
        for task in self._recurring:
            task.start()

    def stop(self) -> None:
        """Stop after what is in hand."""
        self.sealing.stop()
        for task in self._recurring:
            task.stop()
        self.follower.stop()
        self._election.resign()

    def following(self) -> str | None:
        """A readiness check: see `Follower.trouble`."""
        return self.follower.trouble(self._settings.lag_bound)

    def _carry_on_rounds(self) -> float:
        """Open the rounds that are due and do one step of each open one; soon again while there is work.

        It runs where the follower does, so that a round closes only when the register's facts are all known.
        """
        if self._settings.rounds_open_themselves:
            open_rounds_due(self._journal, self._practice)
        with self._journal.database.read() as connection:
            quarters = [Quarter.parse(quarter) for quarter in open_rounds(connection)]
        settled = self.follower.caught_up
        rests = [
            carry_on(self._journal, self._practice, quarter, self._paces, settled=settled)
            for quarter in quarters
        ]
        return max((rest for rest in rests if rest is not None), default=self._settings.rounds_seconds)


def _purge(journal: Journal, kept: timedelta) -> float:
    """One step of deleting old simulations; at once again while there may be more."""
    deleted = purge_simulations(journal.database, kept=kept, now=SystemClock().now())
    return 0.0 if deleted == BATCH else PURGE_SECONDS


def _simulate(journal: Journal, seconds: float) -> float:
    """One step of a simulation; at once again while one is under way."""
    return 0.0 if carry_on_simulation(journal.database, SystemClock()) else seconds


def _watch(journal: Journal, practice: Practice, seconds: float) -> float:
    """Record missed terms and signal rights that ended; at once again while there are more."""
    seen = record_missed_terms(journal, practice) + signal_expired_rights(journal, practice)
    return 0.0 if seen else seconds
