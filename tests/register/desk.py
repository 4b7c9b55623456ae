"""The register as a test drives it: use cases over a real database, the other authority played here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.clock import FixedClock
from services.kernel.contract import OfficialText
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import Event, new_event_id, new_stream_id
from services.kernel.journal.journal import Journal, Outcome, ResultT
from services.register.contract.events import NotificationReceived
from services.register.domain.application import Application
from services.register.domain.correction import Correction, Proposed
from services.register.domain.entry import Entry
from services.register.domain.erasure import Erasure, ProposedErasure
from services.register.domain.notification import Notification
from services.register.domain.procedure import Procedure
from services.register.domain.updating import Given
from services.register.journal import open_journal
from services.register.usecases.accept_notification import AcceptNotification, accept_notification
from services.register.usecases.decide_correction import DecideCorrection, decide_correction
from services.register.usecases.decide_erasure import DecideErasure, decide_erasure
from services.register.usecases.file_application import Applicant, FileApplication, file_application
from services.register.usecases.propose_correction import ProposeCorrection, propose_correction
from services.register.usecases.propose_erasure import ProposeErasure, propose_erasure
from services.register.usecases.receive_notification import receive_notification
from services.register.usecases.update_entry import UpdateEntry, update_entry
from tests.personal import keyed
from tests.prepared import migrate
from tests.register.given import AUTOMATIC, BIN, NOON, PROCEDURE, REASONS, act, form, product

NAME = OfficialText(kk="«Дала» ЖШС", ru="ТОО «Дала»")
RECTIFIED = OfficialText(kk="Түзетілді.", ru="Исправлено.")


def applicant(number: str = BIN) -> Applicant:
    return Applicant(
        number=number,
        name=NAME,
        address="Астана, Мәңгілік Ел 55",
        email="info@dala.example",
        telephone="+77172000000",
    )


def filing(number: str = BIN, name: str = "Есеп", **changes: Any) -> FileApplication:
    return FileApplication(
        applicant=applicant(number), form=form(**{"product": product(name), **changes}), filed_by=number
    )


@dataclass
class Desk:
    """A register with a clock that stands until it is moved."""

    journal: Journal
    procedure: Procedure
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))

    def act(self, decided_by: str = "officer") -> Act:
        return act(self.clock.now(), decided_by)

    def on(self, day: str, time: str = "07:00") -> None:
        """Move the clock to an instant of a UTC day; noon in Almaty by default."""
        self.clock.set(datetime.fromisoformat(f"{day}T{time}:00+00:00"))

    def later(self, **delta: float) -> None:
        self.clock.advance(timedelta(**delta))

    def file(self, number: str = BIN, name: str = "Есеп", **changes: Any) -> Application:
        outcome = file_application(self.journal, filing(number, name, **changes), self.act("producer"))
        return result_of(outcome)

    def receive(self, content: NotificationReceived) -> None:
        act = self.act("automatic")
        self.journal.transact(lambda work: receive_notification(work, content, act, self.procedure))

    def notify(
        self, kind: str, result: str, about: Application | Entry, **changes: Any
    ) -> NotificationReceived:
        """The informatization authority's notification about an application or entry, received."""
        if isinstance(about, Application):
            producer, product_id = about.filed.producer, about.filed.product_id
            changes.setdefault("application_id", str(about.id))
        else:
            producer, product_id = about.state.producer, str(about.id)
            changes.setdefault("entry_id", str(about.id))
        values: dict[str, Any] = {
            "notification_id": str(new_stream_id()),
            "revision": 1,
            "case_id": str(new_stream_id()),
            "producer": producer,
            "product_id": product_id,
            "reasons": REASONS,
            "issued_event_id": new_event_id(),
        }
        content = NotificationReceived(**{"kind": kind, "result": result, **values, **changes})
        self.receive(content)
        return content

    def accept(self, content: NotificationReceived) -> Notification:
        command = AcceptNotification(notification_id=UUID(content.notification_id))
        return result_of(accept_notification(self.journal, command, self.act(), self.procedure))

    def include(self, number: str = BIN, name: str = "Есеп", **changes: Any) -> Entry:
        """File, have confirmed and include."""
        application = self.file(number, name, **changes)
        content = self.notify(
            "confirmation",
            "confirmed",
            application,
            trusted_register_reference="TS-1",
            localisation_share="93.45",
        )
        if "review" not in self.procedure.automatic:
            self.accept(content)
        return self.entry(application)

    def exclude(self, entry: Entry) -> Entry:
        """Exclude by monitoring."""
        content = self.notify("monitoring", "exclude", entry, quarter="2026-Q1")
        if "exclusion" not in self.procedure.automatic:
            self.accept(content)
        return self.journal.load(Entry, entry.id)

    def correct(self, proposed: Proposed) -> Correction:
        """One officer proposes, another approves."""
        outcome = propose_correction(self.journal, ProposeCorrection(proposed=proposed), self.act())
        decision = DecideCorrection(correction_id=result_of(outcome).id)
        return result_of(decide_correction(self.journal, decision, self.second(), self.procedure))

    def propose_erasure(self, producer_id: UUID) -> Erasure:
        """One officer proposes to erase a producer's personal values."""
        proposed = ProposedErasure(
            producer_id=str(producer_id), reason="purpose_reached", legal_basis="law-94-V art. 18"
        )
        return result_of(propose_erasure(self.journal, ProposeErasure(proposed=proposed), self.act()))

    def approve_erasure(self, erasure: Erasure) -> Erasure:
        """Another officer approves it."""
        return result_of(decide_erasure(self.journal, DecideErasure(erasure_id=erasure.id), self.second()))

    def erase(self, producer_id: UUID) -> Erasure:
        """One officer proposes, another approves."""
        return self.approve_erasure(self.propose_erasure(producer_id))

    def second(self) -> Act:
        """The act of another officer than `act` is of."""
        act = self.act()
        return replace(act, provenance=msgspec.structs.replace(act.provenance, actor="a2"))

    def update(self, entry: Entry, given: Given, by: str = BIN) -> Entry:
        """The producer brings its own data up to date."""
        command = UpdateEntry(entry_id=entry.id, by=by, given=given)
        return result_of(update_entry(self.journal, command, self.act("producer"), self.procedure))

    def entry(self, application: Application) -> Entry:
        return self.journal.load(Entry, UUID(application.filed.product_id))

    def events(self, after: int = 0) -> list[Event]:
        return [recorded.fact.data for page in self.journal.replay(after=after) for recorded in page]

    def kinds(self, after: int = 0) -> list[str]:
        return [type(event).__name__ for event in self.events(after)]

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        with self.journal.database.read() as connection:
            query = sa.select(table).order_by(*table.primary_key.columns)
            return [dict(row) for row in connection.execute(query).mappings()]


def result_of(outcome: Outcome[ResultT]) -> ResultT:
    assert outcome.result is not None
    return outcome.result


@contextmanager
def open_desk(url: str, procedure: Procedure = PROCEDURE) -> Iterator[Desk]:
    """A register on a fresh database."""
    database = keyed(url)
    migrate("register", database)
    clock = FixedClock(NOON)
    journal = open_journal(database, clock)
    try:
        yield Desk(journal, procedure, clock)
    finally:
        database.close()


__all__ = ["AUTOMATIC", "NAME", "RECTIFIED", "Desk", "applicant", "filing", "open_desk", "result_of"]
