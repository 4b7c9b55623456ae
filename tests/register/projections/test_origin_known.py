"""Origin checks as known then say what was said then, whatever was learnt afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from tempfile import TemporaryDirectory
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText
from services.kernel.errors import DomainError
from services.kernel.journal.events import microseconds, new_stream_id
from services.register.domain.correction import Proposed
from services.register.domain.entry import Entry
from services.register.domain.origin import OriginAnswer, Question
from services.register.projections.moments import recorded_at
from services.register.projections.origin_checks import Knowledge, answers
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from services.verification.contract.events import TrustedSoftwareDelisted
from tests.register.desk import RECTIFIED, Desk, open_desk
from tests.register.given import AUTOMATIC, BIN, IIN, NOON, OTHER_BIN, REASONS, THIRD_BIN, product
from tests.register.inbox.test_verification import Neighbour, listed
from tests.register.projections.test_periods import step

DAYS = [legal_date(NOON) + timedelta(days=days) for days in (-1, 0, 1, 7, 60)]
QUESTIONS = [
    *(
        Question(number, product, day)
        for number in (BIN, OTHER_BIN, THIRD_BIN, IIN)
        for product in ("Система Есеп", "Карта жүйесі")
        for day in DAYS
    ),
    *(
        Question(BIN, "Система Есеп", legal_date(NOON), microseconds(NOON) + shift)
        for shift in (-1, 0, 1, 3_600_000_000)
    ),
]


@dataclass
class Memory:
    """What was answered at each instant and position."""

    desk: Desk
    neighbour: Neighbour
    listings: list[str] = field(default_factory=list)
    at_instants: dict[int, tuple[int, list[OriginAnswer]]] = field(default_factory=dict)
    at_positions: dict[int, list[OriginAnswer]] = field(default_factory=dict)

    def remember(self) -> None:
        """Ask everything as known now, with what was recorded just now as the newest thing known."""
        with self.desk.journal.database.read() as connection:
            said = answers(connection, QUESTIONS)
            newest = recorded_at(connection, self.desk.journal.head())
        instant = max(microseconds(self.desk.clock.now()), newest)
        self.at_instants[instant] = (self.desk.journal.head(), said)
        if newest == instant:
            self.at_positions[self.desk.journal.head()] = said

    def agrees(self) -> None:
        """As known then, every answer is the one that was given."""
        with self.desk.journal.database.read() as connection:
            for instant, (position, said) in self.at_instants.items():
                assert answers(connection, QUESTIONS, Knowledge(position, instant)) == said
            for position, said in self.at_positions.items():
                then = Knowledge(position, recorded_at(connection, position))
                assert answers(connection, QUESTIONS, then) == said

    def happen(self, choice: int) -> None:
        """One thing that the register learns."""
        desk = self.desk
        if choice == 0:
            listing = str(new_stream_id())
            self.neighbour.publish(listed(listing, listed_on=_today(desk).isoformat()), UUID(listing))
            self.listings.append(listing)
        elif choice == 1 and self.listings:
            listing = self.listings.pop()
            ended = TrustedSoftwareDelisted(
                listing_id=listing, delisted_on=_today(desk).isoformat(), ground=REASONS
            )
            self.neighbour.publish(ended, UUID(listing))
        elif choice == 2:
            _transformed(desk)
        elif choice == 3:
            _tried_to_include(desk)
        else:
            self._step(choice)

    def _step(self, choice: int) -> None:
        with self.desk.journal.database.read() as connection:
            (found,) = answers(connection, [Question(BIN, "Система Есеп", DAYS[0])])
        if found.entry_id is None:
            self.desk.include()
        else:
            step(self.desk, self.desk.journal.load(Entry, UUID(found.entry_id)), choice)


def _today(desk: Desk) -> date:
    return legal_date(desk.clock.now())


def _transformed(desk: Desk) -> None:
    """Another producer's BIN changes, there and back again."""
    for old, new in ((OTHER_BIN, THIRD_BIN), (THIRD_BIN, OTHER_BIN)):
        command = TransformProducer(bin=old, on=_today(desk), reference="R", new_bin=new)
        try:
            transform_producer(desk.journal, command, desk.act())
        except DomainError:
            continue
        return


def _tried_to_include(desk: Desk) -> None:
    try:
        desk.include(OTHER_BIN, "Карта")
    except DomainError:
        desk.later(hours=1)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=st.lists(st.tuples(st.integers(0, 15), st.integers(1, 40)), min_size=2, max_size=12))
def test_as_known_then_is_what_was_answered_then(plan: list[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder, open_desk(f"sqlite:///{folder}/register.db", AUTOMATIC) as desk:
        memory = Memory(desk, Neighbour(desk))
        memory.remember()
        for choice, hours in plan:
            memory.happen(choice)
            memory.remember()
            desk.later(hours=hours)
        memory.agrees()


def test_a_listing_followed_after_a_position_is_not_known_at_it(automatic: Desk) -> None:
    """On both databases, with a clock that stands: what is recorded first is known first."""
    neighbour = Neighbour(automatic)
    automatic.include()
    before = automatic.journal.head()
    listing = str(new_stream_id())
    neighbour.publish(listed(listing), UUID(listing))
    automatic.file(OTHER_BIN, "Карта")
    after = automatic.journal.head()
    question = [Question(BIN, "Система Есеп", legal_date(NOON))]
    with automatic.journal.database.read() as connection:
        then, since = (
            answers(connection, question, Knowledge(position, recorded_at(connection, position)))[0]
            for position in (before, after)
        )
    assert (then.register.code, then.trusted_register.code) == ("in_force", "not_listed")
    assert (since.register.code, since.trusted_register.code) == ("in_force", "listed")


def test_a_product_is_found_by_every_name_it_was_included_under_once_that_is_known(
    automatic: Desk,
) -> None:
    entry = automatic.include()
    first = automatic.journal.head()
    automatic.exclude(entry)
    renamed = OfficialText(kk="Есеп жүйесі", ru="Новая система")
    application = automatic.file(
        product=msgspec.structs.replace(product(), name=renamed),
        follows=entry.state.included.application_id,
        rectified=RECTIFIED,
    )
    automatic.notify("confirmation", "confirmed", application)
    questions = [Question(BIN, name, legal_date(NOON)) for name in ("Система Есеп", "Новая система")]
    with automatic.journal.database.read() as connection:
        then = answers(connection, questions, Knowledge(first, recorded_at(connection, first)))
        now = answers(connection, questions)
        never = answers(connection, questions, Knowledge(0, 0))
    assert [found.register.code for found in then] == ["in_force", "product_unknown"]
    assert [found.register.code for found in now] == ["in_force", "in_force"]
    assert len({found.entry_id for found in now}) == 1
    assert {found.register.code for found in never} == {"producer_unknown"}


def test_a_name_that_a_correction_replaced_finds_nothing_and_did_before(automatic: Desk) -> None:
    """The product never rightly bore it: another one of the producer may."""
    entry = automatic.include()
    before = automatic.journal.head()
    restated = Proposed(
        entry_id=str(entry.id),
        event_id=entry.state.included_by,
        kind="restatement",
        reasons=REASONS,
        legal_basis="order-327 para. 5",
        product=product("Карта"),
    )
    automatic.correct(restated)
    head = automatic.journal.head()
    questions = [Question(BIN, name, legal_date(NOON)) for name in ("Система Есеп", "Система Карта")]
    with automatic.journal.database.read() as connection:
        then = answers(connection, questions, Knowledge(before, recorded_at(connection, before)))
        since = answers(connection, questions, Knowledge(head, recorded_at(connection, head)))
        now = answers(connection, questions)
    assert [found.register.code for found in then] == ["in_force", "product_unknown"]
    assert [found.register.code for found in since] == ["product_unknown", "in_force"]
    assert [found.register for found in now] == [found.register for found in since]
