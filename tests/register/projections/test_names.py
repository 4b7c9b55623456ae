"""Lists are filtered by what entries are called at the moment asked about; differences leave none out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import combinations
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from services.kernel.calendar import legal_date
from services.kernel.contract import OfficialText
from services.kernel.errors import DomainError
from services.kernel.journal.events import microseconds
from services.kernel.journal.units import Recorded
from services.kernel.names import normalised_name
from services.register.contract.events import ApplicationFiled, ProducerRegistered, ProducerTransformed
from services.register.domain.correction import Proposed
from services.register.domain.entry import Entry
from services.register.domain.updating import Given
from services.register.projections.changes import Window, changed_within
from services.register.projections.entries import EntryFilter, FoundEntry, list_entries
from services.register.projections.moments import Moment, find_at, list_at, producer_at
from services.register.projections.products import PRODUCTS
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from tests.register.desk import RECTIFIED, Desk, open_desk
from tests.register.given import AUTOMATIC, BIN, NOON, OTHER_BIN, REASONS, THIRD_BIN, product
from tests.register.projections.test_periods import ref_by_replay, state_by_replay

NAMES = ("Есеп", "Карта", "Қойма")
PRODUCERS = ("«Дала»", "«Қыр»", "«Тау»")
WORDS = (*NAMES[:2], *PRODUCERS[:2], "0000000001")
PLAN = st.tuples(st.integers(0, 23), st.integers(0, 1), st.integers(0, 4))


class Lives:
    """Two producers, each with a product; both are renamed in every way there is."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.entries = [desk.include(BIN, NAMES[0]), desk.include(OTHER_BIN, NAMES[1])]
        self.bins = [BIN, OTHER_BIN]

    def happen(self, choice: int, which: int, back: int) -> None:
        """What the state forbids does not happen."""
        try:
            (self._filed_anew, self._restated, self._updated, self._transformed)[choice % 4](
                which, choice // 4, back
            )
        except DomainError:
            self.desk.later(hours=1)

    def _filed_anew(self, which: int, name: int, _back: int) -> None:
        entry = self.desk.journal.load(Entry, self.entries[which].id)
        if entry.is_included:
            self.desk.notify("monitoring", "exclude", entry)
        (decided,) = [row["decided"] for row in self.desk.rows(PRODUCTS) if row["product_id"] == entry.id]
        kk = entry.state.included.product.name.kk
        renamed = OfficialText(kk=kk, ru=f"Система {NAMES[name % 3]}")
        application = self.desk.file(
            self.bins[which],
            product=msgspec.structs.replace(product(), name=renamed),
            follows=str(decided),
            rectified=RECTIFIED,
        )
        self.desk.notify("confirmation", "confirmed", application)

    def _restated(self, which: int, name: int, _back: int) -> None:
        entry = self.desk.journal.load(Entry, self.entries[which].id)
        wanted = Proposed(
            entry_id=str(entry.id),
            event_id=entry.state.included_by,
            kind="restatement",
            reasons=REASONS,
            legal_basis="order-327 para. 5",
            product=product(NAMES[name % 3]),
        )
        self.desk.correct(wanted)

    def _updated(self, which: int, name: int, back: int) -> None:
        named = OfficialText(kk=f"{PRODUCERS[name % 3]} ЖШС", ru=f"ТОО {PRODUCERS[name % 3]}")
        day = legal_date(self.desk.clock.now() - timedelta(days=back))
        self.desk.update(self.entries[which], Given(name=named, changed_on=day), self.bins[which])

    def _transformed(self, which: int, name: int, back: int) -> None:
        named = OfficialText(kk=f"{PRODUCERS[name % 3]} АҚ", ru=f"АО {PRODUCERS[name % 3]}")
        new_bin = THIRD_BIN if which and name % 2 else None
        command = TransformProducer(
            bin=self.bins[which],
            on=legal_date(self.desk.clock.now() - timedelta(days=back)),
            reference="R",
            new_bin=new_bin,
            new_name=named if name % 4 else None,
        )
        transform_producer(self.desk.journal, command, self.desk.act())
        self.bins[which] = new_bin or self.bins[which]


def called(everything: Iterable[Recorded], entry: Entry, moment: Moment) -> dict[str, Any] | None:
    """What an entry is called at a moment, by replay of the whole journal; None where it is not there."""
    facts = [one for one in everything if one.position <= moment.known_at]
    state = state_by_replay(
        [one for one in facts if one.fact.originator_id == entry.id], moment.valid_at, moment.known_at
    )
    if state is None:
        return None
    entry_facts = [one for one in facts if one.fact.originator_id == entry.id]
    own = [one for one in facts if str(one.fact.originator_id) == state.producer.producer_id]
    ref = ref_by_replay(entry_facts, own, state, moment.valid_at, moment.known_at)
    name, of = state.included.product.name, ref.name
    texts = [name.kk, name.ru, state.included.number, state.included.application_number]
    texts += [of.kk, of.ru] if of else []
    return {
        "product": {normalised_name(name.kk), normalised_name(name.ru)},
        "words": [normalised_name(text) for text in texts],
        "bins": {
            one.fact.data.producer.bin
            for one in own
            if isinstance(one.fact.data, ProducerRegistered)
            or (
                isinstance(one.fact.data, ProducerTransformed)
                and microseconds(one.fact.effective_at) <= moment.valid_at
            )
        },
    }


def all_filters_agree(lives: Lives) -> None:
    desk = lives.desk
    everything = [one for page in desk.journal.replay() for one in page]
    instants = {microseconds(one.fact.effective_at) for one in everything}
    positions = [one.position for one in everything if not isinstance(one.fact.data, ApplicationFiled)]
    now = Moment(microseconds(desk.clock.now()), desk.journal.head())
    moments = [Moment(v, k) for v in sorted(instants)[-4:] for k in positions[-6:]]
    with desk.journal.database.read() as connection:
        for moment in [now, *moments]:
            names = {entry.id: called(everything, entry, moment) for entry in lives.entries}
            there = {key: found for key, found in names.items() if found is not None}
            for word in WORDS:
                wanted = EntryFilter(q=word)
                expected = {k for k, one in there.items() if any(word.casefold() in w for w in one["words"])}
                assert ids(list_at(connection, wanted, moment, after=None, limit=50)) == expected
                if moment == now:
                    assert ids(list_entries(connection, wanted, after=None, limit=50)) == expected
            for name in NAMES[:2]:
                for text in (f"Система {name}", f"{name} жүйесі"):
                    wanted = EntryFilter(product=text)
                    expected = {k for k, one in there.items() if normalised_name(text) in one["product"]}
                    assert ids(list_at(connection, wanted, moment, after=None, limit=50)) == expected
            for number in (BIN, OTHER_BIN, THIRD_BIN):
                producer_id = producer_at(connection, number, moment)
                expected = {k for k, one in there.items() if number in one["bins"]}
                found = (
                    []
                    if producer_id is None
                    else list_at(
                        connection, EntryFilter(producer_id=producer_id), moment, after=None, limit=50
                    )
                )
                assert ids(found) == expected


def all_changes_are_told(lives: Lives) -> None:
    """Between any two instants, as known at any position, each entry that differs is told, and once."""
    desk = lives.desk
    everything = [one for page in desk.journal.replay() for one in page]
    instants = sorted({microseconds(one.fact.effective_at) for one in everything})[-5:]
    with desk.journal.database.read() as connection:
        for known_at in [one.position for one in everything][-4:]:
            for start, end in combinations([instants[0] - 1, *instants], 2):
                window = Window(Moment(start, known_at), Moment(end, known_at), "valid")
                told: list[Any] = []
                some, place = changed_within(connection, window, None, 1)
                told += some
                while place is not None:
                    some, place = changed_within(connection, window, place, 1)
                    told += some
                assert len(told) == len(set(told))
                for entry in lives.entries:
                    before, after = (
                        find_at(connection, entry.id, Moment(at, known_at)) for at in (start, end)
                    )
                    if seen(before) != seen(after):
                        assert entry.id in told


def seen(found: FoundEntry | None) -> object:
    if found is None:
        return None
    return found.state.status, found.state.included, found.producer


def ids(found: Iterable[Any]) -> set[Any]:
    listed = [one.entry_id for one in found]
    assert listed == sorted(set(listed))
    return set(listed)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    plan=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=9)
)
def test_every_filter_finds_by_what_was_in_force_then_as_known_then(plan: list[tuple[int, int, int]]) -> None:
    with TemporaryDirectory() as folder, open_desk(f"sqlite:///{folder}/register.db", AUTOMATIC) as desk:
        lives = Lives(desk)
        for choice, which, back in plan:
            desk.later(days=2)
            lives.happen(choice, which, back)
        event(f"{len(set(desk.kinds()) & {'EntryUpdated', 'EntryCorrected', 'ProducerTransformed'})} ways")
        all_filters_agree(lives)
        all_changes_are_told(lives)


def test_pages_by_a_former_name_are_whole_and_show_none_that_is_called_otherwise(
    automatic: Desk,
) -> None:
    """Every second product is renamed: its old name finds it before, and not after."""
    entries = [automatic.include(name=f"Үлгі {number}") for number in range(6)]
    before = Moment(microseconds(NOON), automatic.journal.head())
    automatic.later(days=1)
    for entry in entries[::2]:
        restated = Proposed(
            entry_id=str(entry.id),
            event_id=entry.state.included_by,
            kind="restatement",
            reasons=REASONS,
            legal_basis="order-327 para. 5",
            product=product(f"Басқа {entry.state.included.number}"),
        )
        automatic.correct(restated)
    now = Moment(microseconds(automatic.clock.now()), automatic.journal.head())
    with automatic.journal.database.read() as connection:
        for moment, expected in ((before, entries), (now, entries[1::2])):
            seen: list[Any] = []
            while some := list_at(
                connection,
                EntryFilter(q="үлгі"),
                moment,
                after=seen[-1] if seen else None,
                limit=2,
            ):
                seen += [one.entry_id for one in some]
            assert seen == sorted(entry.id for entry in expected)
        present = list_entries(connection, EntryFilter(q="ҮЛГІ"), after=None, limit=2)
        assert [one.entry_id for one in present] == sorted(entry.id for entry in entries[1::2])[:2]


def test_a_transformed_producer_is_found_by_its_new_name_and_not_by_its_old_one(automatic: Desk) -> None:
    entry = automatic.include()
    before = Moment(microseconds(NOON), automatic.journal.head())
    automatic.later(days=1)
    new = OfficialText(kk="«Тау» АҚ", ru="АО «Тау»")
    command = TransformProducer(
        bin=BIN, on=legal_date(automatic.clock.now()), reference="R", new_bin=THIRD_BIN, new_name=new
    )
    transform_producer(automatic.journal, command, automatic.act())
    now = Moment(microseconds(automatic.clock.now()), automatic.journal.head())
    with automatic.journal.database.read() as connection:
        for q, present, then in (("«тау»", [entry.id], []), ("«дала»", [], [entry.id])):
            found = list_entries(connection, EntryFilter(q=q), after=None, limit=5)
            assert [one.entry_id for one in found] == present
            for moment, expected in ((now, present), (before, then)):
                listed = list_at(connection, EntryFilter(q=q), moment, after=None, limit=5)
                assert [one.entry_id for one in listed] == expected
        assert producer_at(connection, THIRD_BIN, before) is None
        assert producer_at(connection, BIN, before) == producer_at(connection, THIRD_BIN, now)
