"""What runs beside the requests: following both authorities, delivering webhooks."""

from __future__ import annotations

from functools import partial

from services.kernel.clock import Clock, SystemClock
from services.kernel.database import Database
from services.kernel.expiring_keys import expiring_keys
from services.kernel.feed.following import FeedAddress, Follower, Upstream
from services.kernel.feed.sinks import Shelf, TableSink
from services.kernel.http.health import Check
from services.kernel.journal.units import CursorStep
from services.kernel.runtime import Election, own_issuer
from services.notifications.adapters.addresses import DEVELOPMENT_ADDRESSES, PRODUCTION_ADDRESSES
from services.notifications.adapters.resolver import SystemResolver
from services.notifications.adapters.sealing import SecretBox
from services.notifications.adapters.webhook_http import WebhookSender
from services.notifications.delivering import DeliveryWorker
from services.notifications.domain.endpoint import DEVELOPMENT_URLS, PRODUCTION_URLS, UrlRules
from services.notifications.inbox.handling import Inbox, inboxes
from services.notifications.schema import FOLLOWING, IDEMPOTENCY_KEYS
from services.notifications.settings import NotificationsSettings

MAX_LAG = 10_000


def url_rules(settings: NotificationsSettings) -> UrlRules:
    """Which endpoints may be subscribed: https to public names; in development http and this machine too."""
    return PRODUCTION_URLS if settings.production else DEVELOPMENT_URLS


class _WakingSink(TableSink):
    """Tells the delivery worker as soon as an event's deliveries are committed."""

    worker: DeliveryWorker

    def apply(self, event: Upstream, step: CursorStep) -> None:
        """See `Sink`."""
        super().apply(event, step)
        self.worker.wake()


class Background:
    """Two followers and the delivery worker of one process.

    On PostgreSQL one process follows each authority, and any number deliver, sharing by leases.
    """

    def __init__(
        self, database: Database, legal_clock: Clock, box: SecretBox, settings: NotificationsSettings
    ) -> None:
        clock = SystemClock()
        sender = WebhookSender(
            resolver=SystemResolver(),
            urls=url_rules(settings),
            addresses=PRODUCTION_ADDRESSES if settings.production else DEVELOPMENT_ADDRESSES,
        )
        self.worker = DeliveryWorker(
            database,
            sender,
            box,
            clock,
            in_flight=settings.max_in_flight,
            in_flight_per_endpoint=settings.max_in_flight_per_endpoint,
        )
        self._keys = expiring_keys(database, IDEMPOTENCY_KEYS, clock)
        urls = {"register": settings.register_url, "verification": settings.verification_url}
        self._elections = {name: Election(database, f"follow-{name}") for name in urls}
        self.followers = [
            self._follower(database, clock, settings, name, urls[name], inbox)
            for name, inbox in inboxes(legal_clock, clock).items()
        ]

    def _follower(
        self,
        database: Database,
        clock: Clock,
        settings: NotificationsSettings,
        name: str,
        url: str,
        inbox: Inbox,
    ) -> Follower:
        token = partial(
            own_issuer("notifications", settings).token, subject="notifications", roles=["service"]
        )
        shelf = Shelf(database, FOLLOWING, clock=clock)
        sink = _WakingSink(database, FOLLOWING, shelf, inbox.registry, inbox.handlers)
        sink.worker = self.worker
        address = FeedAddress(name, url, token)
        return Follower("notifications", address, sink, elected=self._elections[name].won)

    def start(self) -> None:
        """Begin to follow and to deliver."""
        self.worker.start()
        self._keys.start()
        for follower in self.followers:
            follower.start()

    def stop(self) -> None:
        """Stop after what is in hand."""
        for follower in self.followers:
            follower.stop()
        self.worker.stop()
        self._keys.stop()
        for election in self._elections.values():
            election.resign()

    def checks(self) -> dict[str, Check]:
        """Readiness checks: both authorities' facts come in, and messages go out."""
        followed = {f"following {f.upstream}": partial(f.trouble, MAX_LAG) for f in self.followers}
        return {**followed, "delivering": self.worker.trouble}
