"""The event sourcing library's own recorder cases, run against our recorder on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder, NotSupportedError, StoredEvent
from eventsourcing.tests import persistence as cases

from services.kernel.clock import SystemClock
from services.kernel.journal.recorder import JournalRecorder
from tests.kernel.journal.ledger import TABLES, ledger_journal


@pytest.fixture
def recorder(database_url: str) -> Any:
    with ledger_journal(database_url) as journal:
        yield JournalRecorder(journal.database, TABLES, clock=SystemClock())


def _ready(case: type[Any], recorder: ApplicationRecorder) -> Any:
    """An instance of one of the library's cases that uses our recorder."""

    class Ready(case):  # type: ignore[misc]  # the case is only known at run time
        def create_recorder(self) -> ApplicationRecorder:
            return recorder

        def new_originator_id(self) -> UUID:
            return uuid4()

        def runTest(self) -> None: ...  # noqa: N802  # unittest's name

    return Ready()


class _WithoutPositions(ApplicationRecorder):
    """Our recorder seen as an aggregate recorder, whose inserts return nothing."""

    def __init__(self, recorder: JournalRecorder) -> None:
        self._recorder = recorder

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        self._recorder.insert_events(stored_events, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorder, name)

    select_events = property(lambda self: self._recorder.select_events)
    select_notifications = property(lambda self: self._recorder.select_notifications)
    max_notification_id = property(lambda self: self._recorder.max_notification_id)
    subscribe = property(lambda self: self._recorder.subscribe)


def test_it_keeps_the_librarys_aggregate_contract(recorder: JournalRecorder) -> None:
    _ready(cases.AggregateRecorderTestCase, _WithoutPositions(recorder)).test_insert_and_select()


def test_it_keeps_the_librarys_application_contract(recorder: JournalRecorder) -> None:
    _ready(cases.ApplicationRecorderTestCase, recorder).test_insert_select()


def test_it_takes_concurrent_writers_and_readers(recorder: JournalRecorder) -> None:
    _ready(cases.ApplicationRecorderTestCase, recorder).test_concurrent_no_conflicts()


def test_it_keeps_up_with_concurrent_workers(recorder: JournalRecorder) -> None:
    _ready(cases.ApplicationRecorderTestCase, recorder).test_concurrent_throughput()


def test_positions_of_concurrent_stacks_never_interleave(recorder: JournalRecorder) -> None:
    _ready(cases.NonInterleavingNotificationIDsBaseCase, recorder).test()


def test_it_refuses_to_be_subscribed_to(recorder: JournalRecorder) -> None:
    with pytest.raises(NotSupportedError, match="feed"):
        recorder.subscribe()
