"""Following another service's journal with exactly-once effect.

Each upstream event's effect and the move of the position commit together, compared and set from the exact
position it was read at. An event whose handling fails is parked in the transaction that advances the
position; later events of that stream park behind it; everything else goes on. Parked events are retried in
order and never dropped. An upstream that is down, slow or wrong never stops the follower's own service.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import httpx
import msgspec
from eventsourcing import persistence
from sqlalchemy import exc as sqlalchemy_errors

from services.kernel.errors import DomainError, Unavailable
from services.kernel.http.health import Notice
from services.kernel.journal.events import EventRegistry, Fact, Header, Provenance
from services.kernel.journal.units import CursorStep
from services.kernel.telemetry import FOLLOWER_LAG, PARKED_EVENTS, logger
from services.kernel.vault import PersonalValue

PAGE: Final = 500
WAIT_SECONDS: Final = 20
MAX_PAUSE_SECONDS: Final = 10.0
STOP_SECONDS: Final = 1.0
ELECTION_PAUSE_SECONDS: Final = 2.0
STORE_TROUBLE: Final = (
    Unavailable,
    sqlalchemy_errors.OperationalError,
    sqlalchemy_errors.InterfaceError,
    sqlalchemy_errors.TimeoutError,
    persistence.OperationalError,
    persistence.InterfaceError,
)
"""The store cannot answer now: the event is not at fault and is read again."""


class FeedBroken(Exception):
    """The upstream answered with something that is not its journal: a gap, another's events, no JSON."""


class _Item(msgspec.Struct):
    position: int
    event: msgspec.Raw
    confidential: dict[str, PersonalValue] = {}


class _Feed(msgspec.Struct):
    events: list[_Item]
    head: int


@dataclass(frozen=True, slots=True)
class Upstream:
    """One event of another service's journal as it came over the feed."""

    position: int
    header: Header
    record: bytes
    confidential: Mapping[str, PersonalValue]

    @property
    def stream_id(self) -> UUID:
        """The stream the event belongs to, in its own service."""
        return UUID(self.header.subject)

    def provenance(self, actor: str) -> Provenance:
        """What a fact caused by this event records: the chain it belongs to, decided by no person."""
        return Provenance(
            actor=actor,
            decided_by="automatic",
            correlation_id=self.header.correlationid,
            causation_id=self.header.id,
            traceparent=self.header.traceparent,
        )


@dataclass(frozen=True, slots=True)
class Foreign:
    """An upstream event decoded by its publisher's registry, as an inbox handler receives it."""

    upstream: Upstream
    fact: Fact

    def provenance(self, actor: str) -> Provenance:
        """See `Upstream.provenance`."""
        return self.upstream.provenance(actor)


class Sink(Protocol):
    """Where a follower's effects go: one transaction for each event, with the position in it."""

    @property
    def source(self) -> str:
        """The CloudEvents source of the journal followed; events of any other are refused."""

    def position(self, upstream: str) -> int:
        """How far this upstream has been handled; records a start at 0 when it is new."""

    def handles(self, type_name: str) -> bool:
        """True when events of this type have an effect here."""

    def apply(self, event: Upstream, step: CursorStep) -> None:
        """Commit the effect of one event with the step."""

    def skip(self, step: CursorStep) -> None:
        """Commit a step over events without effect."""

    def park(self, event: Upstream, step: CursorStep, reason: str) -> None:
        """Commit the step and keep the event for later."""

    def parked(self, upstream: str) -> Sequence[Upstream]:
        """The events kept for later, oldest first."""

    def retry(self, event: Upstream, upstream: str) -> None:
        """Commit the effect of a parked event and take it off the shelf."""

    def retry_failed(self, event: Upstream, upstream: str, reason: str) -> None:
        """Note that a parked event failed again."""


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """Where an upstream's feed is and how to be let in: `token` makes a fresh access token."""

    upstream: str
    base_url: str
    token: Callable[[], str]


class Follower:
    """Follows one upstream in a thread of its own until stopped."""

    def __init__(
        self,
        service: str,
        address: FeedAddress,
        sink: Sink,
        *,
        client: httpx.Client | None = None,
        elected: Callable[[], bool] = lambda: True,
    ) -> None:
        self._service = service
        self._elected = elected
        self._address = address
        self._sink = sink
        self._client = client or httpx.Client(
            timeout=httpx.Timeout(5.0, read=WAIT_SECONDS + 10.0), trust_env=False
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follow-{address.upstream}", daemon=True)
        self._blocked: set[UUID] = set()
        self.lag: int | None = None
        """Events the upstream holds beyond ours, as of the last page; None before the first."""
        self.caught_up = False
        """True while the upstream answers and its last page left nothing behind it."""
        self.parked = 0
        """Events kept for later, as of the last page."""
        self._answered = time.monotonic()
        self._failures = 0

    @property
    def upstream(self) -> str:
        """The name of the service followed."""
        return self._address.upstream

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def trouble(self, lag_bound: int) -> str | None:
        """A readiness check: what stands in the way of this upstream's facts, None while they come in.

        An upstream that does not answer and facts kept for later are told, but this service can do its work.
        """
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stopped.is_set():
            return f"nothing follows {self.upstream} any more"
        if self.lag is not None and self.lag > lag_bound:
            return f"{self.lag} facts of {self.upstream} wait"
        told = []
        if self._failures:
            told.append(f"{self.upstream} has not answered for {time.monotonic() - self._answered:.0f} s")
        if self.parked:
            told.append(f"{self.upstream}: facts parked: {self.parked}")
        return Notice("; ".join(told)) if told else None

    def stop(self) -> None:
        """Stop after the event in hand; a long-poll under way is cut off."""
        self._stopped.set()
        self._client.close()
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._elected():
                    self.caught_up, self._failures, self.parked = False, 0, 0
                    self._stopped.wait(ELECTION_PAUSE_SECONDS)
                    continue
                self.turn(wait=WAIT_SECONDS)
                self._answered, self._failures = time.monotonic(), 0
            except Exception as error:  # noqa: BLE001  # whatever happens, the journal must go on being followed
                if self._stopped.is_set():  # stop() closed the client under a request
                    return
                self.caught_up = False
                self._failures += 1
                self._tell(error)
                pause = min(MAX_PAUSE_SECONDS, 0.05 * 2 ** min(self._failures, 8))
                self._stopped.wait(pause * (0.5 + random.random() / 2))  # noqa: S311  # jitter, not a secret

    def _tell(self, error: Exception) -> None:
        """Log why following was interrupted, with its place in the code when nobody foresaw it."""
        foreseen = isinstance(error, (httpx.HTTPError, FeedBroken, *STORE_TROUBLE))
        logger.log(
            logging.WARNING if foreseen else logging.ERROR,
            "following interrupted",
            exc_info=None if foreseen else error,
            extra={"upstream": self.upstream, "error": type(error).__name__, "failures": self._failures},
        )

    def turn(self, *, wait: int = 0) -> int:
        """Read one page and handle it; returns how many events it held.

        Raises `FeedBroken` or httpx's errors, with nothing of the page handled, when the upstream answers
        wrongly or not at all.
        """
        position = self._sink.position(self.upstream)  # before the shelf: what another parks later moves it
        self._retry_parked()
        feed = self._read(position, 1 if self._blocked and wait else wait)
        skipped_from = position
        for event in [self._event(item) for item in feed.events]:
            if not self._sink.handles(event.header.type):
                position = event.position
                continue
            if position != skipped_from:
                self._sink.skip(CursorStep(self.upstream, skipped_from, position))
            self._handle(event, CursorStep(self.upstream, position, event.position))
            position = skipped_from = event.position
            if self._stopped.is_set():
                break
        if position != skipped_from:
            self._sink.skip(CursorStep(self.upstream, skipped_from, position))
        self.lag = max(0, feed.head - position)
        self.caught_up = self.lag == 0
        FOLLOWER_LAG.labels(self._service, self.upstream).set(self.lag)
        return len(feed.events)

    def _read(self, after: int, wait: int) -> _Feed:
        response = self._client.get(
            f"{self._address.base_url}/v1/journal/events",
            params={"after": after, "limit": PAGE, "wait": wait},
            headers={"Authorization": f"Bearer {self._address.token()}"},
        )
        if response.status_code == httpx.codes.CONFLICT:
            raise FeedBroken(f"the journal ends before position {after}")
        response.raise_for_status()
        try:
            feed = msgspec.json.decode(response.content, type=_Feed)
        except msgspec.MsgspecError as error:
            raise FeedBroken(str(error)) from error
        for expected, item in enumerate(feed.events, start=after + 1):
            if item.position != expected:
                raise FeedBroken(f"expected position {expected}, got {item.position}")
        if feed.head < after + len(feed.events):
            raise FeedBroken(f"the head {feed.head} lies before position {after + len(feed.events)}")
        return feed

    def _event(self, item: _Item) -> Upstream:
        record = bytes(item.event)
        try:
            header = msgspec.json.decode(record, type=Header)
            UUID(header.subject)
        except ValueError as error:  # msgspec's errors are of this kind
            raise FeedBroken(f"position {item.position} holds no event") from error
        if header.source != self._sink.source:
            raise FeedBroken(f"position {item.position} is of another journal")
        return Upstream(item.position, header, record, item.confidential)

    def _handle(self, event: Upstream, step: CursorStep) -> None:
        if event.stream_id in self._blocked:
            self._park(event, step, "behind_parked")
            return
        try:
            self._sink.apply(event, step)
        except STORE_TROUBLE:
            raise
        except DomainError as error:
            self._park(event, step, error.code)
        except Exception as error:  # noqa: BLE001  # a poison event must stop its own stream only
            logger.error("upstream event failed", exc_info=error, extra={"position": event.position})
            self._park(event, step, type(error).__name__)

    def _park(self, event: Upstream, step: CursorStep, reason: str) -> None:
        self._sink.park(event, step, reason)
        self._blocked.add(event.stream_id)
        self.parked += 1
        logger.warning(
            "upstream event parked",
            extra={
                "upstream": self.upstream,
                "position": event.position,
                "type": event.header.type,
                "reason": reason,
            },
        )

    def _retry_parked(self) -> None:
        """Try parked events again, oldest first; one that fails keeps those of its stream behind it."""
        parked = self._sink.parked(self.upstream)
        failed: set[UUID] = set()
        for event in parked:
            if event.stream_id in failed:
                continue
            try:
                self._sink.retry(event, self.upstream)
            except STORE_TROUBLE:
                raise
            except Exception as error:  # noqa: BLE001  # still poison; counted and shown, never dropped
                failed.add(event.stream_id)
                reason = error.code if isinstance(error, DomainError) else type(error).__name__
                self._sink.retry_failed(event, self.upstream, reason)
        self._blocked = failed
        self.parked = sum(e.stream_id in failed for e in parked)
        PARKED_EVENTS.labels(self._service, self.upstream).set(self.parked)


def decoded(event: Upstream, registry: EventRegistry) -> Foreign:
    """Decode an upstream event. Raises `UnknownEventType` for one this version of the contract lacks."""
    return Foreign(event, registry.decode(event.header.type, event.record))
