"""What runs beside the register's requests: following the other authority, watching terms."""

from __future__ import annotations

from functools import partial

from services.kernel.clock import Clock
from services.kernel.expiring_keys import expiring_keys
from services.kernel.feed.following import FeedAddress, Follower
from services.kernel.journal.journal import Journal
from services.kernel.journal.sealing.running import Sealing
from services.kernel.runtime import Election, Recurring, tokens_for
from services.kernel.shredding import doomed_keys
from services.register.inbox.verification import UPSTREAM, verification_sink
from services.register.schema import VAULT
from services.register.settings import RegisterSettings
from services.register.usecases.record_missed_terms import record_missed_terms


class Background:
    """The follower and the watcher of one process; on PostgreSQL the elected process alone does the work."""

    def __init__(self, journal: Journal, clock: Clock, settings: RegisterSettings) -> None:
        self._election = Election(journal.database, "follow-verification")
        self.follower = Follower(
            "register",
            FeedAddress(
                UPSTREAM,
                settings.verification_url,
                tokens_for("verification", "register", settings),
            ),
            verification_sink(journal, clock, settings.procedure()),
            elected=self._election.won,
        )
        self._watcher = Recurring(
            "missed-terms",
            partial(self._watch, journal, clock, settings.missed_terms_seconds),
            Election(journal.database, "missed-terms"),
        )
        self._keys = expiring_keys(journal.database, journal.tables.idempotency_keys, clock)
        self._doomed = doomed_keys(journal.database, VAULT)
        self.sealing = Sealing("register", journal, settings)
        self._lag_bound = settings.lag_bound

    @staticmethod
    def _watch(journal: Journal, clock: Clock, seconds: float) -> float:
        """Record missed terms; at once again while there are more."""
        return 0.0 if record_missed_terms(journal, clock) else seconds

    def start(self) -> None:
        """Begin to follow and to watch."""
        self.follower.start()
        self._watcher.start()
        self._keys.start()
        self._doomed.start()
        self.sealing.start()

    def stop(self) -> None:
        """Stop all after what is in hand."""
        self.sealing.stop()
        self._watcher.stop()
        self._keys.stop()
        self._doomed.stop()
        self.follower.stop()
        self._election.resign()

    def following(self) -> str | None:
        """A readiness check: see `Follower.trouble`."""
        return self.follower.trouble(self._lag_bound)
