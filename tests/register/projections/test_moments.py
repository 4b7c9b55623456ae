"""Applications and notifications at any two times are what replay of their facts makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.errors import DomainError
from services.kernel.journal.events import microseconds
from services.kernel.journal.units import Recorded
from services.register.contract.events import ApplicationFiled, NotificationReceived
from services.register.domain.application import Application
from services.register.domain.notification import Notification, NotificationState, NotificationStatus, evolved
from services.register.projections import notifications
from services.register.projections.moments import Moment, application_at
from services.register.projections.notifications import LOOKED_AT, notification_at
from services.register.usecases.record_missed_terms import record_missed_terms
from services.register.usecases.return_notification import ReturnNotification, return_notification
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application
from tests.register.desk import RECTIFIED, Desk, open_desk
from tests.register.given import BIN, REASONS

STATUSES: tuple[NotificationStatus | None, ...] = (None, "received", "returned", "settled")


class Cycle:
    """Applications for one product, one after another, and what came of each."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.applications = [desk.file()]
        self.received: list[NotificationReceived] = []

    def happen(self, choice: int) -> None:
        """One thing that can happen; what the state forbids does not."""
        try:
            self._happen(choice)
        except DomainError:
            record_missed_terms(self.desk.journal, self.desk.clock)

    def _happen(self, choice: int) -> None:
        desk, application = self.desk, self.applications[-1]
        if choice == 0:
            withdraw_application(
                desk.journal, WithdrawApplication(application_id=application.id, by=BIN), desk.act("producer")
            )
        elif choice == 1:
            decided = self.applications[-1] if self.applications else None
            follows = str(decided.id) if decided and decided.status == "refused" else None
            self.applications.append(desk.file(follows=follows, rectified=RECTIFIED if follows else None))
        elif choice < 4 or not self.received:
            result = "confirmed" if choice == 2 else "refused"
            self.received.append(desk.notify("confirmation", result, application))
        elif choice == 4:
            returned = ReturnNotification(
                notification_id=UUID(self.received[-1].notification_id), remarks=REASONS
            )
            return_notification(desk.journal, returned, desk.act(), desk.procedure)
        elif choice == 5:
            last = self.received[-1]
            again = msgspec.structs.replace(last, revision=last.revision + 1)
            self.received[-1] = again
            desk.receive(again)
        elif choice == 6:
            desk.accept(self.received[-1])
        else:
            record_missed_terms(desk.journal, desk.clock)


def counting(facts: Sequence[Recorded], moment: Moment) -> list[Recorded]:
    """What ARCHITECTURE says of a moment, from the whole journal."""
    known = [
        recorded
        for recorded in facts
        if recorded.position <= moment.known_at
        and microseconds(recorded.fact.effective_at) <= moment.valid_at
    ]
    return sorted(known, key=lambda recorded: (recorded.fact.effective_at, recorded.position))


def application_by_replay(facts: Sequence[Recorded], moment: Moment) -> tuple[str, object] | None:
    found = counting(facts, moment)
    if not any(isinstance(recorded.fact.data, ApplicationFiled) for recorded in found):
        return None
    application = Application(found[0].fact.originator_id)
    for recorded in found:
        application.when(recorded.fact.data, recorded.fact)
    return application.status, application.filed


def notification_by_replay(facts: Sequence[Recorded], moment: Moment) -> NotificationState | None:
    state: NotificationState | None = None
    for recorded in counting(facts, moment):
        state = evolved(state, recorded.fact)
    return state


def moments_of(desk: Desk, facts: Sequence[Recorded]) -> list[Moment]:
    instants = {microseconds(recorded.fact.effective_at) for recorded in facts}
    instants.add(microseconds(desk.clock.now()))
    shifted = {instant + shift for instant in instants for shift in (-1, 0)}
    return [Moment(v, k) for k in range(desk.journal.head() + 1) for v in sorted(shifted)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=st.lists(st.tuples(st.integers(0, 7), st.sampled_from([1, 30, 400])), min_size=2, max_size=8))
def test_every_application_and_notification_is_read_at_any_two_times(plan: list[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder, open_desk(f"sqlite:///{folder}/register.db") as desk:
        cycle = Cycle(desk)
        for choice, hours in plan:
            desk.later(hours=hours)
            cycle.happen(choice)
        everything = [recorded for page in desk.journal.replay() for recorded in page]
        by_stream: dict[UUID, list[Recorded]] = {}
        for recorded in everything:
            by_stream.setdefault(recorded.fact.originator_id, []).append(recorded)
        applications = {application.id for application in cycle.applications}
        received = list(dict.fromkeys(UUID(content.notification_id) for content in cycle.received))
        with desk.journal.database.read() as connection:
            for moment in moments_of(desk, everything):
                for key in applications:
                    found = application_at(connection, key, moment)
                    shown = None if found is None else (found.status, found.filed)
                    assert shown == application_by_replay(by_stream[key], moment)
                states = [notification_by_replay(by_stream[key], moment) for key in received]
                assert [notification_at(connection, key, moment) for key in received] == states
                for status in STATUSES:
                    listed, following = notifications.list_at(
                        connection, moment, status=status, kind=None, after=0, limit=50
                    )
                    assert following is None
                    wanted = [s for s in states if s is not None and status in (None, s.status)]
                    assert [one.state for one in listed] == wanted


def test_pages_of_notifications_of_a_past_leave_none_out(desk: Desk) -> None:
    application = desk.file()
    contents = [desk.notify("confirmation", "confirmed", application) for _ in range(5)]
    then = Moment(microseconds(desk.clock.now()), desk.journal.head())
    desk.later(hours=1)
    desk.accept(contents[0])
    with desk.journal.database.read() as connection:
        seen: list[NotificationState] = []
        after: int | None = 0
        while after is not None:
            some, after = notifications.list_at(
                connection, then, status="received", kind="confirmation", after=after, limit=2
            )
            seen += [one.state for one in some]
        none, _ = notifications.list_at(connection, then, status="settled", kind=None, after=0, limit=2)
    assert [state.content.notification_id for state in seen] == [c.notification_id for c in contents]
    assert none == []
    assert desk.journal.load(Notification, UUID(contents[1].notification_id)).status == "settled"


def test_what_was_settled_since_hides_nothing_that_waited_then(desk: Desk, monkeypatch: Any) -> None:
    """However many stand settled then and now: a page of a past is full while there is something to show."""
    monkeypatch.setattr(notifications, "LOOKED_AT", 3)
    application = desk.file()
    contents = [desk.notify("confirmation", "refused", application) for _ in range(2)]
    desk.accept(contents[0])
    done = [desk.notify("confirmation", "confirmed", application) for _ in range(5)]
    waiting = desk.notify("confirmation", "confirmed", desk.file(name="Карта"))
    then = Moment(microseconds(desk.clock.now()), desk.journal.head())
    desk.later(hours=1)
    desk.accept(waiting)
    with desk.journal.database.read() as connection:
        found, following = notifications.list_at(
            connection, then, status="received", kind=None, after=0, limit=5
        )
        settled, _ = notifications.list_at(connection, then, status="settled", kind=None, after=0, limit=2)
    assert [one.state.content.notification_id for one in found] == [waiting.notification_id]
    assert following is None
    assert [one.state.content.notification_id for one in settled] == [c.notification_id for c in contents]
    assert len(done) < LOOKED_AT
