"""Two times: rows are closed, never changed, and say what brute-force replay says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from services.kernel.calendar import legal_date
from services.kernel.contract import CourtRuling, OfficialText, ProducerRef
from services.kernel.errors import DomainError
from services.kernel.journal.events import Event, Fact, microseconds
from services.kernel.journal.units import Recorded
from services.register.contract.corrections import CorrectionKind, EntryCorrected
from services.register.contract.events import Excluded, Included, ProducerTransformed, Reinstated
from services.register.contract.updates import EntryUpdated
from services.register.domain.application import Application
from services.register.domain.correcting import NAMES, EntryStatus
from services.register.domain.correction import Proposed
from services.register.domain.entry import Entry
from services.register.domain.entry_state import EntryState, folded
from services.register.domain.updating import Given
from services.register.projections import moments
from services.register.projections.applications import of_product
from services.register.projections.entries import ENTRIES, find
from services.register.projections.facts import facts_until
from services.register.projections.moments import Moment, entries_of, find_at
from services.register.projections.periods import PERIODS, covers
from services.register.projections.products import PRODUCTS
from services.register.usecases.file_appeal import FileAppeal, file_appeal
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from tests.register.desk import RECTIFIED, Desk, open_desk
from tests.register.given import AUTOMATIC, BIN, NOON, REASONS, product

COURT = 12
TWO_OFFICERS = 18
PRODUCER = 31
TRANSFORMED = 37
STATUSES: tuple[EntryStatus, ...] = ("included", "excluded", "annulled")
RULING = CourtRuling(
    court=OfficialText(kk="Астана қаласының соты", ru="Суд города Астаны"), number="1", ruled_on="2026-03-02"
)


def state_by_replay(facts: Sequence[Recorded], valid_at: int, known_at: int) -> EntryState | None:
    """What ARCHITECTURE says: leave out the corrected, fold the rest by (effective_at, position)."""
    known = [recorded for recorded in facts if recorded.position <= known_at]
    corrections = [r.fact.data for r in known if isinstance(r.fact.data, EntryCorrected)]
    left_out = {c.corrected_event_id for c in corrections if c.kind == "annulment"}
    left_out |= {
        r.fact.data.exclusion_event_id
        for r in known
        if isinstance(r.fact.data, Reinstated) and r.fact.data.annuls_from_start and r.fact.id not in left_out
    }
    counting: list[tuple[int, int, Fact]] = []
    for recorded in known:
        fact = recorded.fact
        for correction in corrections:
            if correction.corrected_event_id == fact.id:
                fact = as_corrected(fact, correction)
            if isinstance(fact.data, EntryUpdated) and correction.counts_from is not None:
                fact = as_of_inclusion(recorded.fact, fact.data, correction, fact)
        if microseconds(fact.effective_at) <= valid_at:
            counting.append((microseconds(fact.effective_at), recorded.position, fact))
    return folded([fact for _, _, fact in sorted(counting, key=lambda one: one[:2])], left_out)


def ref_by_replay(
    facts: Sequence[Recorded], own: Sequence[Recorded], state: EntryState, valid_at: int, known_at: int
) -> ProducerRef:
    """The producer by the last of all that named it, in the order (effective_at, position).

    What an inclusion states, every transformation recorded after it changes.
    """
    positions = {recorded.fact.id: recorded.position for recorded in facts}
    ref, stated = state.producer, state.stated.get("name")
    named = (microseconds(stated.at), positions[stated.event_id]) if stated else (0, 0)
    given: dict[str, tuple[tuple[int, int], ProducerRef]] = {}
    for recorded in own:
        data, at = recorded.fact.data, microseconds(recorded.fact.effective_at)
        if isinstance(data, ProducerTransformed) and at <= valid_at and recorded.position <= known_at:
            for field in data.fields:
                place = (at, recorded.position)
                if field not in given or given[field][0] < place:
                    given[field] = (place, data.producer)
    if "bin" in given:
        ref = msgspec.structs.replace(ref, bin=given["bin"][1].bin)
    if "name" in given:
        place, by = given["name"]
        if place[1] > positions[state.included_by] and place > named:
            ref = msgspec.structs.replace(ref, name=by.name)
    return ref


def as_of_inclusion(told: Fact, update: EntryUpdated, correction: EntryCorrected, fact: Fact) -> Fact:
    """An update stands no earlier than the inclusion whose data it changes, as redated last."""
    if correction.corrected_event_id != update.inclusion_event_id or correction.counts_from is None:
        return fact
    since = datetime.fromisoformat(correction.counts_from)
    return msgspec.structs.replace(fact, effective_at=max(since, told.effective_at))


def as_corrected(fact: Fact, correction: EntryCorrected) -> Fact:
    if correction.counts_from is not None:
        at = datetime.fromisoformat(correction.counts_from)
        names = {Included: "included_on", Excluded: "excluded_on", Reinstated: "reinstated_on"}
        new: dict[str, Any] = {names[type(fact.data)]: legal_date(at).isoformat()}
        if correction.appeal_term is not None:
            new["appeal_term"] = correction.appeal_term
        return msgspec.structs.replace(fact, effective_at=at, data=msgspec.structs.replace(fact.data, **new))
    if correction.product is not None:
        return msgspec.structs.replace(
            fact, data=msgspec.structs.replace(fact.data, product=correction.product)
        )
    return fact


def status_by_periods(desk: Desk, entry_id: UUID, valid_at: int, known_at: int) -> str | None:
    with desk.journal.database.read() as connection:
        found = [
            status
            for status in STATUSES
            if connection.execute(
                sa.select(covers(ENTRIES.c.entry_id, valid_at, known_at, status)).where(
                    ENTRIES.c.entry_id == entry_id
                )
            ).scalar_one()
        ]
    assert len(found) <= 1
    return found[0] if found else None


def all_moments_agree(desk: Desk, entry_id: UUID) -> None:
    facts = desk.journal.facts_of(entry_id)
    own = desk.journal.facts_of(producer_of_entry(desk, entry_id))
    instants = {microseconds(recorded.fact.effective_at) for recorded in (*facts, *own)}
    corrections = [r.fact.data for r in facts if isinstance(r.fact.data, EntryCorrected)]
    instants |= {microseconds(datetime.fromisoformat(c.counts_from)) for c in corrections if c.counts_from}
    with desk.journal.database.read() as connection:
        for known_at in [0, *(recorded.position for recorded in (*facts, *own))]:
            for instant in instants:
                for valid_at in (instant - 1, instant):
                    expected = state_by_replay(facts, valid_at, known_at)
                    status = expected.status if expected else None
                    assert status_by_periods(desk, entry_id, valid_at, known_at) == status
                    moment = Moment(valid_at, known_at)
                    found = find_at(connection, entry_id, moment)
                    assert (found.state if found else None) == expected
                    if found is not None:
                        ref = ref_by_replay(facts, own, found.state, valid_at, known_at)
                        assert found.producer == ref
                    listed = entries_of(connection, producer_of_entry(desk, entry_id), moment, status)
                    assert [one.state for one in listed] == ([expected] if expected else [])


def producer_of_entry(desk: Desk, entry_id: UUID) -> UUID:
    (row,) = [row for row in desk.rows(ENTRIES) if row["entry_id"] == entry_id]
    found: UUID = row["producer_id"]
    return found


def corrected(desk: Desk, entry: Entry, choice: int, hours: int) -> None:
    """Two officers correct one of the entry's facts, where it can be corrected so."""
    facts = [r.fact for r in desk.journal.facts_of(entry.id) if type(r.fact.data) in NAMES]
    target = facts[choice % len(facts)]
    kinds: tuple[CorrectionKind, ...] = ("annulment", "redating", "restatement")
    kind = kinds[choice % 3]
    at = target.effective_at + timedelta(hours=hours - 20)
    proposed = Proposed(
        entry_id=str(entry.id),
        event_id=target.id,
        kind=kind,
        reasons=REASONS,
        legal_basis="order-327 para. 5",
        counts_from=at if kind == "redating" else None,
        product=product(f"Есеп {choice}") if kind == "restatement" else None,
    )
    try:
        desk.correct(proposed)
    except DomainError:
        desk.later(hours=1)


def step(desk: Desk, entry: Entry, choice: int, hours: int = 0) -> None:
    """One thing that can happen to an entry in the state it is in."""
    entry = desk.journal.load(Entry, entry.id)
    state = entry.state
    if choice >= TRANSFORMED:
        return transformed(desk, choice, hours)
    if choice >= PRODUCER:
        return brought_up_to_date(desk, entry, choice, hours)
    if choice >= TWO_OFFICERS:
        return corrected(desk, entry, choice, hours)
    if choice >= COURT:
        return ruled(desk, entry, choice)
    pending = next((a for a in state.appeals if a.outcome == "pending"), None)
    if pending is not None and choice % 4:
        result, from_start = [("upheld", False), ("upheld", True), ("dismissed", False)][choice % 4 - 1]
        desk.notify("appeal", result, entry, appeal_id=pending.appeal_id, annuls_from_start=from_start)
    elif entry.is_included:
        desk.notify("monitoring", "exclude" if choice % 3 else "conforms", entry)
    elif choice % 3 == 0 or state.status == "annulled":
        (decided,) = [row["decided"] for row in desk.rows(PRODUCTS) if row["product_id"] == entry.id]
        desk.file(follows=str(decided), rectified=RECTIFIED)
        confirmed(desk, entry)
    elif choice % 3 == 1 and state.exclusion is not None and state.appeal_of(state.exclusion) is None:
        command = FileAppeal(entry_id=entry.id, by=BIN, grounds="г", language="ru")
        file_appeal(desk.journal, command, desk.act("producer"))
    else:
        wrong = state.exclusion.notification_id if state.exclusion else None
        desk.notify("monitoring", "conforms", entry, corrects=wrong)
    return None


def brought_up_to_date(desk: Desk, entry: Entry, choice: int, days: int) -> None:
    """The producer says what changed, today or some days ago."""
    name = OfficialText(kk=f"«Дала {choice}» ЖШС", ru=f"ТОО «Дала {choice}»")
    given = Given(
        changed_on=legal_date(desk.clock.now() - timedelta(days=days // 4)) if choice % 3 else None,
        name=name if choice % 2 else None,
        capacity_per_year=str(1 + days),
        email=f"{days}@dala.example",
    )
    try:
        desk.update(entry, given)
    except DomainError:
        desk.later(hours=1)


def transformed(desk: Desk, choice: int, days: int) -> None:
    """The producer bears another name, from today or from some days ago."""
    name = OfficialText(kk=f"«Тау {choice}» АҚ", ru=f"АО «Тау {choice}»")
    on = legal_date(desk.clock.now() - timedelta(days=days // 4))
    command = TransformProducer(bin=BIN, on=on, reference="R", new_bin=None, new_name=name)
    transform_producer(desk.journal, command, desk.act())


def ruled(desk: Desk, entry: Entry, choice: int) -> None:
    """A court undoes one of the exclusions that still count, the present or an earlier one."""
    standing = [x.notification_id for x in entry.state.exclusions if not x.undone]
    if standing:
        desk.notify(
            "monitoring",
            "conforms",
            entry,
            corrects=standing[choice % len(standing)],
            court_ruling=RULING,
            annuls_from_start=choice % 3 != 0,
        )


def confirmed(desk: Desk, entry: Entry) -> None:
    with desk.journal.database.read() as connection:
        (pending,) = of_product(connection, entry.id, "filed")
    desk.notify("confirmation", "confirmed", desk.journal.load(Application, pending))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=st.lists(st.tuples(st.integers(0, 42), st.integers(0, 40)), min_size=1, max_size=9))
def test_the_periods_say_what_replay_says_at_any_two_times(plan: list[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder, open_desk(f"sqlite:///{folder}/register.db", AUTOMATIC) as desk:
        entry = desk.include()
        for choice, hours in plan:
            desk.later(hours=hours)
            step(desk, entry, choice, hours)
        present_row_tells_its_pasts(desk, entry.id)
        all_moments_agree(desk, entry.id)
        present_reads_as_at_now(desk, entry.id)


def present_row_tells_its_pasts(desk: Desk, entry_id: UUID) -> None:
    """Where a row says from when it holds, replay gives its state there."""
    (row,) = [row for row in desk.rows(ENTRIES) if row["entry_id"] == entry_id]
    facts = desk.journal.facts_of(entry_id)
    event("the present row answers" if row["counts_from"] is not None else "facts are folded")
    if row["counts_from"] is not None:
        assert row["position"] == facts[-1].position
        kept = msgspec.json.decode(bytes(row["state"]), type=EntryState)
        assert state_by_replay(facts, row["counts_from"], row["position"]) == kept


@pytest.mark.parametrize("life", ["in order", "annulled from the start", "corrected"])
def test_a_past_is_read_from_the_present_row_only_where_it_is_the_same(automatic: Desk, life: str) -> None:
    """A past is folded from the journal only before the row's instant, or where nothing else is right."""
    entry = automatic.include()
    automatic.on("2026-04-01")
    automatic.notify("monitoring", "exclude", entry)
    if life != "in order":
        automatic.on("2026-05-04")
        exclusion = automatic.journal.load(Entry, entry.id).state.exclusions[0]
        from_start = life == "annulled from the start"
        wrong = exclusion.notification_id
        if from_start:
            automatic.notify(
                "monitoring", "conforms", entry, corrects=wrong, court_ruling=RULING, annuls_from_start=True
            )
        else:
            automatic.correct(annulment(entry, exclusion.event_id))
    (row,) = [row for row in automatic.rows(ENTRIES) if row["entry_id"] == entry.id]
    assert (row["counts_from"] is None) == (life == "annulled from the start")
    later = Moment(microseconds(automatic.clock.now() + timedelta(days=1)), automatic.journal.head())
    earlier = Moment(later.valid_at, row["position"] - 1)
    before = Moment((row["counts_from"] or 1) - 1, later.known_at)
    assert folds(automatic, entry.id, later) == (row["counts_from"] is None)
    assert folds(automatic, entry.id, earlier)
    assert folds(automatic, entry.id, before)
    all_moments_agree(automatic, entry.id)


def annulment(entry: Entry, event_id: str) -> Proposed:
    return Proposed(
        entry_id=str(entry.id),
        event_id=event_id,
        kind="annulment",
        reasons=REASONS,
        legal_basis="order-327 para. 5",
    )


def folds(desk: Desk, entry_id: UUID, moment: Moment) -> bool:
    """Whether reading the entry at that moment looks into the journal."""
    read: list[UUID] = []

    def noted(
        connection: sa.Connection, streams: Collection[UUID], known_at: int, *kinds: type[Event]
    ) -> object:
        read.extend(streams)
        return facts_until(connection, streams, known_at, *kinds)

    with desk.journal.database.read() as connection, pytest.MonkeyPatch.context() as patched:
        patched.setattr(moments, "facts_until", noted)
        find_at(connection, entry_id, moment)
    return entry_id in read


def test_what_was_known_stays_known_when_an_appeal_annuls_from_the_start(automatic: Desk) -> None:
    entry = automatic.include()
    automatic.on("2026-04-01")
    automatic.exclude(entry)
    known_as_excluded = automatic.journal.head()
    command = FileAppeal(entry_id=entry.id, by=BIN, grounds="г", language="ru")
    file_appeal(automatic.journal, command, automatic.act("producer"))
    automatic.on("2026-05-04")
    appeal = automatic.journal.load(Entry, entry.id).state.appeals[0]
    automatic.notify("appeal", "upheld", entry, appeal_id=appeal.appeal_id, annuls_from_start=True)
    between = microseconds(NOON + timedelta(days=45))
    assert status_by_periods(automatic, entry.id, between, known_as_excluded) == "excluded"
    assert status_by_periods(automatic, entry.id, between, automatic.journal.head()) == "included"


def test_rows_are_closed_and_never_changed(automatic: Desk) -> None:
    entry = automatic.include()
    seen: dict[tuple[Any, ...], tuple[Any, Any]] = {}
    for day, (kind, result) in enumerate(
        [("monitoring", "conforms"), ("monitoring", "exclude"), ("monitoring", "exclude")], start=3
    ):
        for row in automatic.rows(PERIODS):
            key = (row["entry_id"], row["known_from"], row["valid_from"], row["valid_to"])
            before = seen.setdefault(key, (row["valid_to"], row["known_to"]))
            assert before[1] in (None, row["known_to"])
            seen[key] = (row["valid_to"], row["known_to"])
        automatic.on(f"2026-03-{day:02d}")
        automatic.notify(kind, result, entry)
    assert len(automatic.rows(PERIODS)) == 3


def test_an_entry_annulled_from_the_start_reads_at_now_as_it_reads_now(automatic: Desk) -> None:
    """What was left out is told of as undone in both; the reinstatement counts from the exclusion's day."""
    entry = automatic.include()
    automatic.on("2026-04-01")
    automatic.exclude(entry)
    command = FileAppeal(entry_id=entry.id, by=BIN, grounds="г", language="ru")
    file_appeal(automatic.journal, command, automatic.act("producer"))
    automatic.on("2026-05-04")
    appeal = automatic.journal.load(Entry, entry.id).state.appeals[0]
    automatic.notify("appeal", "upheld", entry, appeal_id=appeal.appeal_id, annuls_from_start=True)
    present_reads_as_at_now(automatic, entry.id)
    (then,) = states_at(automatic, entry.id, microseconds(automatic.clock.now()))
    assert (then.status, then.reinstated_on) == ("included", "2026-04-01")
    assert (then.first_included_on, then.included.included_on) == ("2026-03-02", "2026-03-02")
    assert [(exclusion.excluded_on, exclusion.undone) for exclusion in then.exclusions] == [
        ("2026-04-01", True)
    ]
    (between,) = states_at(automatic, entry.id, microseconds(NOON + timedelta(days=45)))
    assert (between.status, between.reinstated_on) == ("included", None)


def states_at(desk: Desk, entry_id: UUID, valid_at: int) -> list[EntryState]:
    with desk.journal.database.read() as connection:
        found = find_at(connection, entry_id, Moment(valid_at, desk.journal.head()))
    return [] if found is None else [found.state]


def present_reads_as_at_now(desk: Desk, entry_id: UUID) -> None:
    """`changed_at` is not shown: it orders decisions, and what is annulled has none."""
    with desk.journal.database.read() as connection:
        now = find(connection, entry_id)
        assert now is not None
        later = microseconds(desk.clock.now() + timedelta(days=3_650))
        then = find_at(connection, entry_id, Moment(later, desk.journal.head()))
    assert then is not None
    assert msgspec.structs.replace(then.state, changed_at=now.state.changed_at) == now.state
    assert then.producer == now.producer
