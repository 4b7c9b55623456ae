"""Following another service's journal with exactly-once effect.

Each upstream event's effect and the move of the position commit together, compared and set from the exact
position it was read at; where a sink can, the effects of several events that wait already commit as one. An
event whose handling fails is parked in the transaction that advances the position; later events of that
stream park behind it; everything else goes on. Parked events are retried in order and never dropped. An
upstream that is down, slow or wrong never stops the follower's own service.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import httpx

from services.kernel.errors import DomainError
from services.kernel.feed.upstream import FeedBroken, Foreign, Page, PageSpoilt, Upstream, decoded, read_page
from services.kernel.http.health import Notice
from services.kernel.journal.units import CursorStep
from services.kernel.telemetry import FOLLOWER_LAG, PARKED_EVENTS, logger
from services.kernel.trouble import STORE_TROUBLE

__all__ = ["FeedAddress", "FeedBroken", "Follower", "Foreign", "Sink", "Upstream", "decoded"]

PAGE: Final = 500
WAIT_SECONDS: Final = 20
WARNED_OF: Final = 8
"""Failures in a row, about ten seconds of them."""
MAX_PAUSE_SECONDS: Final = 10.0
STOP_SECONDS: Final = 1.0
ELECTION_PAUSE_SECONDS: Final = 2.0


class Sink(Protocol):
    """Where a follower's effects go, each in one transaction with the position."""

    at_once: int
    """How many events one transaction may take; 1 where each is a unit of work of its own."""

    @property
    def source(self) -> str:
        """The CloudEvents source of the journal followed; events of any other are refused."""

    def position(self, upstream: str) -> int:
        """How far this upstream has been handled; records a start at 0 when it is new."""

    def handles(self, type_name: str) -> bool:
        """True when events of this type have an effect here."""

    def apply(self, event: Upstream, step: CursorStep) -> None:
        """Commit the effect of one event with the step."""

    def apply_all(self, events: Sequence[Upstream], step: CursorStep) -> None:
        """Commit the effects of up to `at_once` events with the step, or none of them."""

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
                # After a failure the first answer is not waited for: readiness tells at once that it came.
                self.turn(wait=0 if self._failures else WAIT_SECONDS)
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
        """Log why following was interrupted, with its place in the code when nobody foresaw it.

        A neighbour that only starts later is no cause for a warning, one that stays away no cause for a line
        at every try: told are the first failure, the second, the fourth and so on.
        """
        foreseen = isinstance(error, (httpx.HTTPError, FeedBroken, *STORE_TROUBLE))
        if foreseen and self._failures & (self._failures - 1):
            return
        level = logging.WARNING if foreseen else logging.ERROR
        if isinstance(error, httpx.TransportError) and self._failures < WARNED_OF:
            level = logging.INFO
        logger.log(
            level,
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
        page = self._page(position, 1 if self._blocked and wait else wait)
        position = self._take(page, position)
        self.lag = max(0, page.head - position)
        self.caught_up = self.lag == 0
        FOLLOWER_LAG.labels(self._service, self.upstream).set(self.lag)
        return len(page.events)

    def _take(self, page: Page, position: int) -> int:
        """Handle a page's events, as many at once as the sink takes; returns the position reached."""
        run: list[Upstream] = []
        for event in page.events:
            if event.is_readable and not self._sink.handles(event.header.type):
                continue
            if len(run) == self._sink.at_once or self._stands_alone(event):
                position = self._commit(run, position, event.position - 1)
                run = []
                if self._stopped.is_set():
                    return position
            if self._stands_alone(event):  # asked again: what was just committed may have parked
                self._handle(event, CursorStep(self.upstream, position, event.position))
                position = event.position
            else:
                run.append(event)
        return self._commit(run, position, page.events[-1].position) if page.events else position

    def _stands_alone(self, event: Upstream) -> bool:
        """True for an event that parks: unreadable, or of a stream that something is parked of."""
        return not event.is_readable or event.stream_id in self._blocked

    def _commit(self, run: Sequence[Upstream], position: int, reached: int) -> int:
        """Commit the effects of a run and the step to `reached`; one by one where they cannot go together."""
        if len(run) > 1 and self._commit_together(run, CursorStep(self.upstream, position, reached)):
            return reached
        for event in run:
            if position != event.position - 1:
                self._sink.skip(CursorStep(self.upstream, position, event.position - 1))
            self._handle(event, CursorStep(self.upstream, event.position - 1, event.position))
            position = event.position
        if position != reached:
            self._sink.skip(CursorStep(self.upstream, position, reached))
        return reached

    def _commit_together(self, run: Sequence[Upstream], step: CursorStep) -> bool:
        try:
            self._sink.apply_all(run, step)
        except STORE_TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001  # whichever it is: alone it parks, and the others have their effect
            logger.info("events are handled one by one", extra={"error": type(error).__name__})
            return False
        return True

    def _page(self, after: int, wait: int) -> Page:
        """The next page; where it is no JSON, its first event alone, which may be what spoils it."""
        try:
            return read_page(self._read(after, wait, PAGE), after, self._sink.source)
        except PageSpoilt:
            return read_page(self._read(after, 0, 1), after, self._sink.source, alone=True)

    def _read(self, after: int, wait: int, limit: int) -> bytes:
        response = self._client.get(
            f"{self._address.base_url}/v1/journal/events",
            params={"after": after, "limit": limit, "wait": wait},
            headers={"Authorization": f"Bearer {self._address.token()}"},
        )
        if response.status_code == httpx.codes.CONFLICT:
            raise FeedBroken(f"the journal ends before position {after}")
        response.raise_for_status()
        return response.content

    def _again(self, event: Upstream) -> Upstream:
        """A parked event as the upstream gives it now: mended, and with what it still tells in confidence."""
        after = event.position - 1
        page = read_page(self._read(after, 0, 1), after, self._sink.source, alone=True)
        if not page.events or not page.events[0].is_readable:
            raise FeedBroken(f"position {event.position} holds no event")
        return page.events[0]

    def _handle(self, event: Upstream, step: CursorStep) -> None:
        if event.stream_id in self._blocked:
            self._park(event, step, "behind_parked")
            return
        if not event.is_readable:
            self._park(event, step, "event_unreadable")
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
        if event.names_stream:
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
        failed: set[UUID | int] = set()
        for event in parked:
            if event.stream_id in failed:
                continue
            try:
                again = event if event.is_whole else self._again(event)
                self._sink.retry(again, self.upstream)
            except (*STORE_TROUBLE, httpx.HTTPError):
                raise
            except Exception as error:  # noqa: BLE001  # still poison; counted and shown, never dropped
                failed.add(event.stream_id if event.names_stream else event.position)
                self._sink.retry_failed(event, self.upstream, _reason(error))
        self._blocked = {stream for stream in failed if isinstance(stream, UUID)}
        self.parked = sum(e.stream_id in failed or e.position in failed for e in parked)
        PARKED_EVENTS.labels(self._service, self.upstream).set(self.parked)


def _reason(error: Exception) -> str:
    if isinstance(error, DomainError):
        return error.code
    return "event_unreadable" if isinstance(error, FeedBroken) else type(error).__name__
