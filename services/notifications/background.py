"""What runs beside the requests: following both authorities, delivering webhooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import httpx

from services.kernel.clock import Clock, SystemClock
from services.kernel.database import Database
from services.kernel.expiring_keys import expiring_keys
from services.kernel.feed.following import FeedAddress, Follower, Upstream
from services.kernel.feed.sinks import Shelf, TableSink
from services.kernel.http.health import Check
from services.kernel.journal.units import CursorStep
from services.kernel.runtime import Election, Recurring, tokens_for
from services.kernel.shredding import doomed_keys
from services.notifications.adapters.addresses import DEVELOPMENT_ADDRESSES, PRODUCTION_ADDRESSES
from services.notifications.adapters.readiness_http import following_trouble
from services.notifications.adapters.register_feed import RegisterFeed
from services.notifications.adapters.resolver import SystemResolver
from services.notifications.adapters.sealing import SecretBox
from services.notifications.adapters.webhook_http import WebhookSender
from services.notifications.channels import channels_of
from services.notifications.delivering import DeliveryWorker
from services.notifications.dispatching import ChannelWorker
from services.notifications.domain.channels import ChannelName
from services.notifications.domain.endpoint import DEVELOPMENT_URLS, PRODUCTION_URLS, UrlRules
from services.notifications.inbox.handling import Inbox, inboxes
from services.notifications.inbox.replaying import matching
from services.notifications.schema import FOLLOWING, IDEMPOTENCY_KEYS, VAULT
from services.notifications.settings import NotificationsSettings
from services.notifications.usecases.prune import Pruning
from services.notifications.usecases.run_jobs import Jobs
from services.notifications.usecases.sign import WebhookSigner
from services.notifications.usecases.tell_authorities import Service
from services.notifications.watching import AccountWatch, Rhythm

MAX_LAG = 10_000


def url_rules(settings: NotificationsSettings) -> UrlRules:
    """Which endpoints may be subscribed: https to public names; in development http and this machine too."""
    return PRODUCTION_URLS if settings.production else DEVELOPMENT_URLS


def rhythm_of(settings: NotificationsSettings, channels: tuple[ChannelName, ...]) -> Rhythm:
    """When accounts are told what, by setting."""
    return Rhythm(
        producers=settings.reminder_days,
        authorities=settings.authority_reminder_days,
        stuck_after=timedelta(minutes=settings.stuck_after_minutes),
        every=timedelta(seconds=settings.watch_seconds),
        channels=channels,
    )


class _WakingSink(TableSink):
    """Tells the delivery worker as soon as deliveries are committed."""

    worker: DeliveryWorker

    def apply_all(self, events: Sequence[Upstream], step: CursorStep) -> None:
        """See `Sink`."""
        super().apply_all(events, step)
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
            resolver=SystemResolver(threads=settings.max_in_flight),
            urls=url_rules(settings),
            addresses=PRODUCTION_ADDRESSES if settings.production else DEVELOPMENT_ADDRESSES,
        )
        self.worker = DeliveryWorker(
            database,
            sender,
            WebhookSigner(database, box, clock),
            clock,
            origin=settings.webhook_origin,
            in_flight=settings.max_in_flight,
            in_flight_per_endpoint=settings.max_in_flight_per_endpoint,
        )
        self._keys = expiring_keys(database, IDEMPOTENCY_KEYS, clock)
        self._doomed = doomed_keys(database, VAULT)
        self._channels = [ChannelWorker(database, channel, clock) for channel in channels_of(settings, clock)]
        names = tuple(worker.name for worker in self._channels)
        urls = {"register": settings.register_url, "verification": settings.verification_url}
        self._elections = {name: Election(database, f"follow-{name}") for name in urls}
        self.followers = [
            self._follower(database, clock, settings, name, urls[name], inbox)
            for name, inbox in inboxes(legal_clock, clock, names).items()
        ]
        token = tokens_for("register", "notifications", settings)
        self._feed = RegisterFeed(settings.register_url, token)
        running = Jobs(database, self._feed, matching, clock, self.worker.wake)
        self._jobs = Recurring("jobs", running.run, Election(database, "jobs"))
        pruning = Pruning(database, clock)
        self._pruning = Recurring("prune-deliveries", pruning.run, Election(database, "prune-deliveries"))
        self._neighbours = httpx.Client(trust_env=False)
        watch = AccountWatch(
            database, legal_clock, clock, rhythm_of(settings, names), self._troubles(settings)
        )
        self._watch = Recurring("watch-accounts", watch.run, Election(database, "watch-accounts"))

    def _follower(
        self,
        database: Database,
        clock: Clock,
        settings: NotificationsSettings,
        name: str,
        url: str,
        inbox: Inbox,
    ) -> Follower:
        shelf = Shelf(database, FOLLOWING, clock=clock)
        sink = _WakingSink(database, FOLLOWING, shelf, inbox.registry, inbox.kinds, inbox.handle)
        sink.worker = self.worker
        address = FeedAddress(name, url, tokens_for(name, "notifications", settings))
        return Follower("notifications", address, sink, elected=self._elections[name].won)

    def _troubles(self, settings: NotificationsSettings) -> dict[Service, Callable[[], str | None]]:
        """What keeps facts from each service, as far as it can be told from here."""
        return {
            "register": partial(following_trouble, self._neighbours, settings.register_url),
            "verification": partial(following_trouble, self._neighbours, settings.verification_url),
            "notifications": self._following,
        }

    def _following(self) -> str | None:
        troubles = [follower.trouble(MAX_LAG) for follower in self.followers]
        return "; ".join(trouble for trouble in troubles if trouble) or None

    def start(self) -> None:
        """Begin to follow, to deliver and to watch."""
        self.worker.start()
        self._keys.start()
        self._jobs.start()
        self._pruning.start()
        self._doomed.start()
        for follower in self.followers:
            follower.start()
        self._watch.start()
        for channel in self._channels:
            channel.start()

    def stop(self) -> None:
        """Stop after what is in hand."""
        self._watch.stop()
        for channel in self._channels:
            channel.stop()
        for follower in self.followers:
            follower.stop()
        self._jobs.stop()
        self._pruning.stop()
        self._feed.close()
        self.worker.stop()
        self._keys.stop()
        self._doomed.stop()
        for election in self._elections.values():
            election.resign()
        self._neighbours.close()

    def checks(self) -> dict[str, Check]:
        """Readiness checks: both authorities' facts come in, and messages go out."""
        followed = {f"following {f.upstream}": partial(f.trouble, MAX_LAG) for f in self.followers}
        sending = {f"sending over {channel.name}": channel.trouble for channel in self._channels}
        return {**followed, "delivering": self.worker.trouble, **sending}
