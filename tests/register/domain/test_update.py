"""A producer brings its own data up to date, every quarter, by the 5th: order 327 para. 26."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.kernel.calendar import Quarter, is_working_day, legal_date
from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Conflict, Invalid
from services.kernel.journal.events import Fact
from services.register.contract.events import Activity
from services.register.contract.updates import EntryUpdated
from services.register.domain.correction import Proposed
from services.register.domain.dossier import Dossier
from services.register.domain.entry_state import EntryState, standing
from services.register.domain.procedure import Procedure
from services.register.domain.proposal import Authors
from services.register.domain.updating import Given, Update
from tests.register.given import (
    NOON,
    PROCEDURE,
    REASONS,
    act,
    at,
    clean,
    excluded,
    included,
    received,
    settled,
    then,
    with_application,
)

FILED = {"address": "Астана", "email": "info@dala.example", "telephone": "+77172000000"}
RENAMED = OfficialText(kk="«Дала Плюс» ЖШС", ru="ТОО «Дала Плюс»")


def update(
    made: Dossier, when: datetime = NOON, personal: Any = None, producer: Any = None, **given: Any
) -> EntryState:
    """The producer gives what changed at `when`; the vault holds `personal` by then."""
    stands, state = made.entry.data_for(Given(**given), when)
    named = producer or made.producer.named(
        state.producer, since=state.included_by, updated=state.stated.get("name"), at=stands
    )
    held = FILED if personal is None else personal
    found = Update(Given(**given), state, named, held, made.producer.renamed_at)
    commitments = dict.fromkeys(found.confidential(), "c9")
    term = PROCEDURE.data_update(legal_date(stands))
    made.entry.update(act(when, "producer"), found, stands, commitments, term)
    return made.entry.state


def updated(made: Dossier) -> EntryUpdated:
    (event,) = then(made)
    assert isinstance(event, EntryUpdated)
    return event


def test_what_changed_stands_from_the_day_it_was_given_and_cites_its_paragraph_para_26() -> None:
    made = included()
    state = update(made, at("2026-03-20"), capacity_per_year="2500", kato="710000000", email="a@dala.example")
    (fact,) = made.entry.collect_events()
    event = fact.data
    assert isinstance(event, EntryUpdated)
    assert (fact.legal_basis, fact.effective_at) == ("order-327 para. 26", at("2026-03-20"))
    assert event.fields == ("email", "kato", "capacity_per_year")
    assert (event.changed_on, event.quarter, event.in_time) == ("2026-03-20", "2026-Q1", True)
    assert event.commitments == {"email": "c9"}
    assert event.activity == Activity(oked_primary="62010", kato="710000000")
    assert state.included.product.capacity_per_year == "2500"
    assert state.included.activity.kato == "710000000"
    assert state.included.included_on == "2026-03-02"
    assert state.status == "included"


def test_no_contact_stands_in_the_event_in_clear() -> None:
    made = included()
    update(made, address="Алматы, Абай 1", email="new@dala.example", telephone="+77272000000")
    event = updated(made)
    assert set(event.commitments) == {"address", "email", "telephone"}
    assert not any(text in str(event) for text in ("Алматы", "new@dala", "+7727"))


@pytest.mark.parametrize(
    ("changed_on", "due_on"),
    [
        ("2026-03-02", "2026-04-06"),  # 5 April 2026 is a Sunday
        ("2026-03-31", "2026-04-06"),
        ("2026-04-01", "2026-07-07"),  # the 5th is a Sunday, the 6th the day off of the capital
        ("2026-12-31", "2027-01-05"),
    ],
)
def test_the_term_is_the_fifth_of_the_month_after_the_quarter_para_26(changed_on: str, due_on: str) -> None:
    term = PROCEDURE.data_update(date.fromisoformat(changed_on))
    assert (term.name, term.due_on, term.basis) == ("data_update", due_on, "order-327 para. 26")
    assert term.statutory


@for_all(day=st.dates(date(2026, 1, 1), date(2032, 12, 31)))
def test_the_term_never_ends_before_the_fifth_and_only_a_day_off_moves_it(day: date) -> None:
    fifth = Quarter.of(day).next.first_day.replace(day=5)
    unmoved = Procedure(moves_to_working_day=False).data_update(day)
    moved = date.fromisoformat(PROCEDURE.data_update(day).due_on)
    assert unmoved.due_on == fifth.isoformat()
    assert is_working_day(moved)
    assert not any(is_working_day(fifth.replace(day=n)) for n in range(5, moved.day))


def test_a_late_update_counts_all_the_same_and_names_the_day_its_term_ended() -> None:
    made = included()
    state = update(made, at("2026-04-07"), changed_on=date(2026, 3, 10), kato="710000000")
    event = updated(made)
    assert (event.in_time, event.quarter, event.term.due_on) == (False, "2026-Q1", "2026-04-06")
    assert state.included.activity.kato == "710000000"
    assert state.update is not None
    assert not state.update.in_time


def test_on_the_last_day_of_the_term_it_is_in_time_and_a_minute_later_it_is_late() -> None:
    for when, in_time in ((at("2026-04-06", "18:59"), True), (at("2026-04-06", "19:00"), False)):
        made = included()
        update(made, when, changed_on=date(2026, 3, 10), kato="710000000")
        assert updated(made).in_time is in_time


def test_a_change_that_was_told_late_stands_from_the_day_it_happened() -> None:
    made = included()
    update(made, at("2026-03-20"), changed_on=date(2026, 3, 10), kato="710000000")
    midnight = at("2026-03-09", "19:00")
    for instant, kato in ((midnight, "710000000"), (midnight - timedelta(seconds=1), "750000000")):
        found = standing(made.entry._facts, valid_at=instant)
        assert found is not None
        assert found.included.activity.kato == kato


def test_an_earlier_change_told_later_does_not_undo_a_later_one() -> None:
    made = included()
    update(made, at("2026-03-20"), changed_on=date(2026, 3, 15), kato="710000000", capacity_per_year="2")
    state = update(
        made, at("2026-03-25"), changed_on=date(2026, 3, 10), kato="630000000", oked_primary="62020"
    )
    assert state.included.activity == Activity(oked_primary="62020", kato="710000000")
    assert state.update is not None
    assert state.update.changed_on == "2026-03-15"
    assert standing(made.entry._facts) == state


def test_only_what_differs_is_recorded_and_nothing_at_all_is_refused() -> None:
    made = included()
    update(made, telephone="+77172000000", kato="710000000")
    assert updated(made).fields == ("kato",)
    for same in ({}, {"kato": "710000000"}, {"email": "info@dala.example", "oked_secondary": ()}):
        with pytest.raises(Invalid) as refused:
            update(made, at("2026-03-03"), **same)
        assert refused.value.code == "update_changes_nothing"
    assert then(made) == []


@pytest.mark.parametrize(
    ("changed_on", "code"),
    [(date(2026, 3, 21), "day_in_future"), (date(2026, 3, 1), "change_before_inclusion")],
)
def test_a_change_lies_between_the_inclusion_and_today(changed_on: date, code: str) -> None:
    made = included()
    with pytest.raises(Invalid) as refused:
        update(made, at("2026-03-20"), changed_on=changed_on, kato="710000000")
    assert (refused.value.code, refused.value.pointer) == (code, "/changed_on")


def test_what_is_not_in_the_register_is_not_brought_up_to_date() -> None:
    made = excluded()
    with pytest.raises(Conflict) as refused:
        update(made, kato="710000000")
    assert (refused.value.code, refused.value.params["state"]) == ("entry_not_included", "excluded")


def test_a_new_inclusion_states_all_data_anew() -> None:
    made = included()
    update(made, at("2026-03-03"), kato="710000000", email="a@dala.example")
    exclusion = received(made, "monitoring", "exclude", at("2026-03-04"))
    made.settle(act(at("2026-03-04")), exclusion, PROCEDURE)
    application = with_application(made, at("2026-03-05"))
    again = received(made, "confirmation", "confirmed", at("2026-03-06"), application_id=str(application.id))
    made.settle(act(at("2026-03-06")), again, PROCEDURE)
    state = clean(made).entry.state
    assert (state.included.activity.kato, state.stated, state.update) == ("750000000", {}, None)
    with pytest.raises(Invalid) as refused:
        update(made, at("2026-03-20"), changed_on=date(2026, 3, 4), kato="710000000")
    assert refused.value.params == {"included_on": "2026-03-06"}


def test_an_update_stands_no_earlier_than_an_inclusion_that_was_redated() -> None:
    made = included()
    update(made, at("2026-03-05"), kato="710000000")
    inclusion = made.entry.state.included_by
    redating = Proposed(
        entry_id=str(made.entry.id),
        event_id=inclusion,
        kind="redating",
        reasons=REASONS,
        legal_basis="order-327 para. 9",
        counts_from=at("2026-03-10"),
    )
    made.entry.correct(
        act(at("2026-03-20")), redating, PROCEDURE, producer=made.producer.ref, authors=Authors("k1", "a1")
    )
    assert made.entry.state.included.activity.kato == "710000000"
    before = standing(made.entry._facts, valid_at=at("2026-03-09"))
    assert before is None


def test_a_new_name_is_the_producers_and_a_transformation_after_it_gives_its_own() -> None:
    made = included()
    update(made, at("2026-03-05"), name=RENAMED)
    assert updated(made).producer.name == RENAMED
    assert made.named() == ProducerRef(
        producer_id=made.producer.ref.producer_id,
        kind="legal_entity",
        bin=made.producer.ref.bin,
        name=RENAMED,
    )
    made.producer.transform(
        act(at("2026-03-06")), on=date(2026, 3, 6), reference="1", new_bin="971240001315", new_name=None
    )
    assert (made.named().bin, made.named().name) == ("971240001315", RENAMED)
    third = OfficialText(kk="«Үшінші» АҚ", ru="АО «Третье»")
    made.producer.transform(
        act(at("2026-03-07")), on=date(2026, 3, 7), reference="2", new_bin=None, new_name=third
    )
    settled(made.producer)
    assert (made.named().bin, made.named().name) == ("971240001315", third)


def test_a_name_stands_from_its_own_day_before_one_that_a_transformation_gave_for_later() -> None:
    """Para. 26 and art. 51-6: what counts from later holds, whichever was told first."""
    made = included()
    later = OfficialText(kk="«Кейін» АҚ", ru="АО «Позже»")
    told_on = act(at("2026-04-20"))
    made.producer.transform(told_on, on=date(2026, 4, 15), reference="1", new_bin=None, new_name=later)
    settled(made.producer)
    state = update(made, at("2026-04-25"), changed_on=date(2026, 4, 1), name=RENAMED, kato="710000000")
    event = updated(made)
    assert (event.producer.name, event.superseded) == (RENAMED, ("name",))
    assert made.named().name == later
    on_the_day = made.producer.named(
        state.producer, since=state.included_by, updated=state.stated["name"], at=at("2026-04-14")
    )
    assert on_the_day.name == RENAMED
    update(made, at("2026-04-26"), changed_on=date(2026, 4, 16), name=RENAMED)
    assert (updated(made).superseded, made.named().name) == ((), RENAMED)


def test_an_update_from_before_a_transformation_names_the_producer_as_it_was_called_then() -> None:
    made = included()
    before = made.named()
    later = OfficialText(kk="«Кейін» АҚ", ru="АО «Позже»")
    made.producer.transform(
        act(at("2026-04-20")), on=date(2026, 4, 15), reference="1", new_bin="971240001315", new_name=later
    )
    settled(made.producer)
    update(made, at("2026-04-25"), changed_on=date(2026, 4, 1), capacity_per_year="7")
    assert updated(made).producer == before
    with pytest.raises(Invalid, match="update_changes_nothing"):
        update(made, at("2026-04-25"), changed_on=date(2026, 4, 1), name=before.name)
    update(made, at("2026-04-25"), changed_on=date(2026, 4, 16), name=before.name)
    assert updated(made).fields == ("name",)


def test_an_individuals_name_goes_into_the_vault_with_the_number_it_belongs_to() -> None:
    made = included()
    person = ProducerRef(producer_id=made.producer.ref.producer_id, kind="individual_entrepreneur")
    held = {**FILED, "iin": "660427402182", "name_kk": "Асан", "name_ru": "Асан"}
    new = OfficialText(kk="Асан Үсен", ru="Асан Усен", en="Asan")
    update(made, at("2026-03-05"), personal=held, producer=person, name=new)
    event = updated(made)
    assert (event.producer.name, set(event.commitments)) == (None, {"iin", "name_kk", "name_ru"})
    with pytest.raises(Invalid):
        update(
            made,
            at("2026-03-06"),
            personal={**held, "name_kk": "Асан Үсен", "name_ru": "Асан Усен"},
            producer=person,
            name=new,
        )


def test_monitoring_and_status_go_on_beside_an_update() -> None:
    made = included()
    update(made, at("2026-03-03"), kato="710000000")
    conforms = received(made, "monitoring", "conforms", at("2026-03-05"), quarter="2026-Q1")
    made.settle(act(at("2026-03-05")), conforms, PROCEDURE)
    facts: list[Fact] = made.entry._facts
    assert standing(facts) == made.entry.state
    assert made.entry.state.monitored_quarter == "2026-Q1"
