"""Own request, appeals, the end and the transformation of a producer, against a database (art. 51-6)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import UUID

import pytest
from eventsourcing import persistence

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, DomainError, Forbidden, NotFound
from services.kernel.journal.events import microseconds
from services.kernel.journal.units import Committed, Unit
from services.register.contract.events import Excluded
from services.register.domain.application import Application
from services.register.domain.entry import Entry
from services.register.domain.producer import Producer, ReorganisationForm
from services.register.projections import entries
from services.register.projections.periods import periods_known
from services.register.projections.producers import PRODUCER_BINS
from services.register.schema import VAULT
from services.register.usecases.end_producer import EndProducer, end_producer
from services.register.usecases.file_appeal import FileAppeal, file_appeal
from services.register.usecases.grant_exclusion import GrantExclusion, grant_exclusion
from services.register.usecases.precondition import nothing_left, still_active
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application
from tests.register.desk import RECTIFIED, Desk, result_of
from tests.register.given import BIN, NOON, OTHER_BIN, THIRD_BIN

DAY = date(2026, 3, 2)
NEW_NAME = OfficialText(kk="«Дала» АҚ", ru="АО «Дала»")


def request(desk: Desk, entry: Entry, by: str = BIN) -> Entry:
    command = RequestExclusion(entry_id=entry.id, by=by, reason="Өнім тоқтатылды")
    return result_of(request_exclusion(desk.journal, command, desk.act("producer"), desk.procedure))


def appeal(desk: Desk, entry_id: UUID, by: str = BIN) -> Entry:
    command = FileAppeal(entry_id=entry_id, by=by, grounds="Келіспейміз", language="kk")
    return result_of(file_appeal(desk.journal, command, desk.act("producer")))


def end(desk: Desk, form: ReorganisationForm | None = None, number: str = BIN) -> Producer:
    command = EndProducer(bin=number, on=DAY, reference="R-1", form=form)
    return result_of(end_producer(desk.journal, command, desk.act()))


def transform(desk: Desk, number: str = BIN, new_bin: str | None = OTHER_BIN) -> Producer:
    command = TransformProducer(bin=number, on=DAY, reference="R-2", new_bin=new_bin, new_name=NEW_NAME)
    return result_of(transform_producer(desk.journal, command, desk.act()))


def status(desk: Desk, entry: Entry) -> str:
    return desk.journal.load(Entry, entry.id).state.status


def test_own_request_waits_for_an_officer_and_is_then_granted(desk: Desk) -> None:
    entry = request(desk, desk.include())
    assert entry.is_included
    result_of(grant_exclusion(desk.journal, GrantExclusion(entry_id=entry.id), desk.act()))
    assert status(desk, entry) == "excluded"


def test_own_request_is_granted_at_once_where_the_setting_says_so(automatic: Desk) -> None:
    entry = request(automatic, automatic.include())
    assert entry.state.status == "excluded"
    facts = automatic.journal.facts_of(entry.id)
    assert [fact.fact.provenance.decided_by for fact in facts[-2:]] == ["producer", "automatic"]
    assert facts[-1].fact.provenance.causation_id == facts[-2].fact.id


def test_only_the_producer_itself_can_ask(desk: Desk) -> None:
    entry = desk.include()
    desk.file(OTHER_BIN)
    with pytest.raises(Forbidden, match="not_yours"):
        request(desk, entry, by=OTHER_BIN)


def test_own_request_settles_an_exclusion_that_waits(desk: Desk) -> None:
    entry = desk.include()
    desk.notify("monitoring", "exclude", entry)
    request(desk, entry)
    result_of(grant_exclusion(desk.journal, GrantExclusion(entry_id=entry.id), desk.act()))
    assert desk.kinds().count("NotificationSettled") == 2


def test_after_own_request_a_reapplication_states_nothing_rectified(automatic: Desk) -> None:
    entry = request(automatic, automatic.include())
    assert automatic.file(follows=entry.state.included.application_id).status == "filed"


def test_the_grounds_of_an_appeal_stand_in_the_vault_alone(desk: Desk) -> None:
    entry = desk.exclude(desk.include())
    appeal(desk, entry.id)
    fact = desk.journal.facts_of(entry.id)[-1]
    assert "Келіспейміз".encode() not in fact.record
    with desk.journal.database.read() as connection:
        opened = VAULT.of_events(connection, [fact.fact.id])
    assert opened[fact.fact.id]["grounds"].value == "Келіспейміз"


def test_a_refusal_has_no_appeal_but_a_reapplication(desk: Desk) -> None:
    application = desk.file()
    desk.accept(desk.notify("confirmation", "refused", application))
    with pytest.raises(Conflict, match="refusal_not_appealable") as refused:
        appeal(desk, UUID(application.filed.product_id))
    assert refused.value.params["allowed"] == "reapplication"


def test_an_appeal_about_nothing_known_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound, match="entry_unknown"):
        appeal(desk, UUID(int=7))


def test_an_upheld_appeal_reinstates_and_closes_the_pending_reapplication(automatic: Desk) -> None:
    entry = automatic.exclude(automatic.include())
    filed = appeal(automatic, entry.id)
    again = automatic.file(follows=entry.state.included.application_id, rectified=RECTIFIED)
    automatic.notify("appeal", "upheld", entry, appeal_id=filed.state.appeals[0].appeal_id)
    assert status(automatic, entry) == "included"
    assert automatic.journal.load(Application, again.id).status == "closed"


def test_liquidation_excludes_all_entries_and_closes_what_is_pending(desk: Desk) -> None:
    first, second = desk.include(name="А"), desk.include(name="Б")
    pending = desk.file(name="В")
    waiting = desk.notify("confirmation", "confirmed", pending)
    others = desk.include(OTHER_BIN)
    end(desk)
    assert [status(desk, e) for e in (first, second, others)] == ["excluded", "excluded", "included"]
    assert desk.journal.load(Application, pending.id).status == "closed"
    assert desk.kinds().count("NotificationSettled") == 4
    excluded = [event for event in desk.events() if isinstance(event, Excluded)]
    assert {(event.ground, event.appeal_term) for event in excluded} == {("liquidation", None)}
    assert waiting.notification_id


def test_a_repeated_report_changes_nothing(desk: Desk) -> None:
    desk.include()
    end(desk)
    before = desk.journal.head()
    end(desk)
    end(desk, "merger")
    assert desk.journal.head() == before


def test_reorganisation_excludes_and_the_new_entity_applies(desk: Desk) -> None:
    entry = desk.include()
    assert end(desk, "merger").ceased is not None
    assert status(desk, entry) == "excluded"
    with pytest.raises(Conflict, match="producer_ceased"):
        desk.file(follows=entry.state.included.application_id)
    assert desk.file(OTHER_BIN).status == "filed"


def test_a_producer_the_register_does_not_know_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound, match="producer_unknown"):
        end(desk)


def test_a_transformation_changes_name_and_bin_and_keeps_the_entries(desk: Desk) -> None:
    entry = desk.include()
    transform(desk)
    with desk.journal.database.read() as connection:
        found = entries.find(connection, entry.id)
    assert found is not None
    assert (found.producer.bin, found.producer.name) == (OTHER_BIN, NEW_NAME)
    assert found.state.status == "included"


def test_after_a_transformation_the_producer_acts_under_its_present_bin(desk: Desk) -> None:
    entry = desk.include()
    transform(desk)
    with pytest.raises(Conflict, match="producer_transformed"):
        desk.file(BIN, "Карта")
    assert desk.file(OTHER_BIN, "Карта").filed.producer.producer_id == entry.state.producer.producer_id
    assert request(desk, entry, by=OTHER_BIN).state.requested_on is not None


def test_a_repeated_transformation_changes_nothing(desk: Desk) -> None:
    desk.include()
    transform(desk)
    before = desk.journal.head()
    transform(desk)
    assert desk.journal.head() == before


@pytest.mark.parametrize("form", [None, "merger"])
def test_no_end_reported_under_a_former_bin_ends_the_living_successor_art_51_6(
    desk: Desk, form: ReorganisationForm | None
) -> None:
    """The former BIN went with the transformation; the officer is told the present one."""
    entry = desk.include()
    transform(desk)
    before = desk.journal.head()
    with pytest.raises(Conflict, match="producer_transformed") as refused:
        end(desk, form)
    assert refused.value.params["bin"] == OTHER_BIN
    assert (desk.journal.head(), status(desk, entry)) == (before, "included")
    assert end(desk, form, OTHER_BIN).ceased is not None
    with pytest.raises(Conflict, match="producer_transformed"):
        end(desk, form)


def test_a_producer_can_get_an_own_former_bin_back(desk: Desk) -> None:
    """What was told of it wrongly is told anew: every BIN it ever had goes on naming it."""
    entry = desk.include()
    transform(desk)
    back = TransformProducer(bin=OTHER_BIN, on=DAY, reference="R-3", new_bin=BIN)
    producer = result_of(transform_producer(desk.journal, back, desk.act()))
    assert (producer.ref.bin, producer.former_bins) == (BIN, (OTHER_BIN,))
    assert {row["bin"] for row in desk.rows(PRODUCER_BINS)} == {BIN, OTHER_BIN}
    assert request(desk, entry, by=BIN).state.requested_on is not None
    with pytest.raises(Conflict, match="producer_transformed"):
        end(desk, None, OTHER_BIN)


def test_a_bin_that_names_another_producer_is_refused(desk: Desk) -> None:
    desk.include()
    desk.include(THIRD_BIN)
    with pytest.raises(Conflict, match="bin_taken"):
        transform(desk, new_bin=THIRD_BIN)


def test_an_inclusion_cannot_pass_by_the_end_of_its_producer(desk: Desk) -> None:
    entry = desk.include()
    end(desk)
    guard = still_active(UUID(entry.state.producer.producer_id))
    with pytest.raises(persistence.IntegrityError), desk.journal.database.write() as connection:
        guard(connection, ())


def test_the_end_of_a_producer_cannot_pass_by_an_inclusion(desk: Desk) -> None:
    entry = desk.include()
    guard = nothing_left(UUID(entry.state.producer.producer_id))
    with pytest.raises(persistence.IntegrityError), desk.journal.database.write() as connection:
        guard(connection, ())


def test_whatever_races_the_end_of_a_producer_nothing_of_it_stays_in_the_register(desk: Desk) -> None:
    waiting = [desk.notify("confirmation", "confirmed", desk.file(name=f"П{n}")) for n in range(6)]
    barrier = threading.Barrier(7)

    def accept(number: int) -> None:
        barrier.wait(timeout=10)
        try:
            desk.accept(waiting[number])
        except DomainError as error:
            assert error.code in {"notification_settled", "changed_meanwhile"}  # noqa: PT017  # in a thread

    def liquidate() -> None:
        barrier.wait(timeout=10)
        for _ in range(20):
            try:
                end(desk)
            except DomainError as error:
                assert error.code == "changed_meanwhile"  # noqa: PT017  # in a thread
            else:
                return

    with ThreadPoolExecutor(7) as pool:
        running = [pool.submit(accept, number) for number in range(6)] + [pool.submit(liquidate)]
        for future in running:
            future.result()
    assert {row["status"] for row in desk.rows(entries.ENTRIES)} <= {"excluded"}


def _meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once between a filing's decision and its commit."""
    commit, pending = desk.journal.recorder.commit, [happens]

    def committed(unit: Unit) -> Committed:
        if pending:
            pending.pop()()
        return commit(unit)

    monkeypatch.setattr(desk.journal.recorder, "commit", committed)


def test_nothing_is_filed_for_a_producer_that_ended_since_it_was_looked_up_art_51_6(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.file(name="А")
    _meanwhile(desk, monkeypatch, lambda: end(desk))
    with pytest.raises(Conflict, match="producer_ceased"):
        desk.file(name="Б")
    assert desk.kinds().count("ApplicationFiled") == 1


def test_nothing_is_filed_under_a_bin_that_a_transformation_took_away_meanwhile_art_51_6(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.file(name="А")
    _meanwhile(desk, monkeypatch, lambda: transform(desk))
    with pytest.raises(Conflict, match="producer_transformed"):
        desk.file(name="Б")
    assert desk.kinds().count("ApplicationFiled") == 1


def test_no_appeal_is_filed_for_a_producer_that_ended_since_it_was_looked_up_art_51_6(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = desk.exclude(desk.include())
    _meanwhile(desk, monkeypatch, lambda: end(desk))
    with pytest.raises(Conflict, match="producer_ceased"):
        appeal(desk, entry.id)
    assert "AppealFiled" not in desk.kinds()


def test_a_correction_of_an_older_exclusion_closes_the_gap_it_made_art_51_2_4(automatic: Desk) -> None:
    entry = automatic.include()
    automatic.on("2026-04-01")
    wrong = automatic.exclude(entry).state.exclusions[0].notification_id
    automatic.on("2026-04-10")
    automatic.include(follows=entry.state.included.application_id, rectified=RECTIFIED)
    automatic.on("2026-04-20")
    automatic.notify("monitoring", "conforms", entry, corrects=wrong)
    with automatic.journal.database.read() as connection:
        (known,) = periods_known(connection, [entry.id]).values()
    assert [(one.status, one.valid_from, one.valid_to) for one in known] == [
        ("included", microseconds(NOON), None)
    ]


def test_the_end_of_a_producer_ends_appeals_of_entries_that_are_out_art_51_6(desk: Desk) -> None:
    entry = desk.exclude(desk.include())
    appeal(desk, entry.id)
    end(desk)
    (ended,) = desk.journal.load(Entry, entry.id).state.appeals
    assert ended.outcome == "closed"
    assert desk.kinds()[-1] == "AppealClosed"


def test_a_former_bin_names_its_producer_but_acts_no_more_art_51_6(desk: Desk) -> None:
    entry, out = desk.include(name="А"), desk.exclude(desk.include(name="Б"))
    pending = desk.file(name="В")
    transform(desk)
    withdrawal = WithdrawApplication(application_id=pending.id, by=BIN)
    with pytest.raises(Forbidden, match="not_yours"):
        request(desk, entry, by=BIN)
    with pytest.raises(Forbidden, match="not_yours"):
        appeal(desk, out.id, by=BIN)
    with pytest.raises(NotFound, match="application_unknown"):
        withdraw_application(desk.journal, withdrawal, desk.act("producer"))
    assert appeal(desk, out.id, by=OTHER_BIN).state.pending_appeals
    assert request(desk, entry, by=OTHER_BIN).state.requested_on is not None
