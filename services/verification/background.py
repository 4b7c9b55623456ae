"""What runs beside the requests: following the register, watching terms, opening and carrying on rounds."""

from __future__ import annotations

from functools import partial

from services.kernel.calendar import Quarter
from services.kernel.clock import Clock, SystemClock
from services.kernel.feed.following import FeedAddress, Follower
from services.kernel.feed.sinks import JournalSink, Shelf
from services.kernel.journal.journal import Journal
from services.kernel.runtime import Election, Recurring, own_issuer
from services.verification.adapters.documents import DocumentStore
from services.verification.domain.judgement import rule_book
from services.verification.inbox.register import REGISTRY, UPSTREAM, RegisterInbox
from services.verification.projections.rounds import open_rounds
from services.verification.schema import FOLLOWING
from services.verification.settings import VerificationSettings
from services.verification.usecases.monitor_round import carry_on
from services.verification.usecases.open_rounds_due import open_rounds_due
from services.verification.usecases.practice import Practice
from services.verification.usecases.record_missed_terms import record_missed_terms


def practice_of(settings: VerificationSettings, clock: Clock, documents: DocumentStore) -> Practice:
    """How the authority works under these settings."""
    return Practice(clock, documents, rule_book(), settings.automatic, settings.terms())


class Background:
    """The follower and the watchers of one process; on PostgreSQL the elected process does the work."""

    def __init__(self, journal: Journal, practice: Practice, settings: VerificationSettings) -> None:
        issuer = own_issuer("verification", settings)
        self._election = Election(journal.database, f"follow-{UPSTREAM}")
        sink = JournalSink(
            journal,
            Shelf(journal.database, FOLLOWING, clock=SystemClock()),
            REGISTRY,
            RegisterInbox(practice).handlers(),
        )
        token = partial(issuer.token, subject="verification", roles=["service"])
        address = FeedAddress(UPSTREAM, settings.register_url, token)
        self.follower = Follower("verification", address, sink, elected=self._election.won)
        self._recurring = [
            Recurring(
                "missed-terms",
                partial(_watch, journal, practice, settings.missed_terms_seconds),
                Election(journal.database, "missed-terms"),
            ),
            Recurring(
                "rounds",
                partial(_carry_on_rounds, journal, practice, settings.rounds_seconds),
                Election(journal.database, "rounds"),
            ),
        ]
        self._lag_bound = settings.lag_bound

    def start(self) -> None:
        """Begin."""
        self.follower.start()
        for task in self._recurring:
            task.start()

    def stop(self) -> None:
        """Stop after what is in hand."""
        for task in self._recurring:
            task.stop()
        self.follower.stop()
        self._election.resign()

    def lag(self) -> str | None:
        """A readiness check: None while the register's facts come in; an unknown lag is no trouble."""
        lag = self.follower.lag
        if lag is None or lag <= self._lag_bound:
            return None
        return f"{lag} facts of the industry authority wait"


def _watch(journal: Journal, practice: Practice, seconds: float) -> float:
    """Record missed terms; at once again while there are more."""
    return 0.0 if record_missed_terms(journal, practice) else seconds


def _carry_on_rounds(journal: Journal, practice: Practice, seconds: float) -> float:
    """Open the rounds that are due and do one step of each open one; at once again while there is work."""
    open_rounds_due(journal, practice)
    with journal.database.read() as connection:
        quarters = open_rounds(connection)
    more = [carry_on(journal, practice, Quarter.parse(quarter)) for quarter in quarters]
    return 0.0 if any(more) else seconds
