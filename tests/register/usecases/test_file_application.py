"""Filing against a database: who is known, which product it is, one pending, nothing personal kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict, DomainError, Forbidden, Invalid
from services.kernel.journal.units import AnswerKey
from services.kernel.vault import PersonalValue, opens
from services.register.contract.events import ApplicationFiled, ProducerRegistered, Product
from services.register.domain.application import Application
from services.register.domain.procedure import Signing
from services.register.schema import VAULT
from services.register.usecases.file_application import FileApplication, file_application
from tests.register.desk import NAME, RECTIFIED, Desk, applicant, filing
from tests.register.given import BIN, IIN, OTHER_BIN, form, product

PORTAL = "https://portal.example"


def named(kk: str, ru: str) -> Product:
    template = product()
    return Product(
        name=OfficialText(kk=kk, ru=ru),
        tn_ved=template.tn_ved,
        kpved=template.kpved,
        ens_tru=template.ens_tru,
        capacity_per_year="1",
    )


def test_a_first_filing_makes_the_producer_known_and_has_a_number(desk: Desk) -> None:
    application = desk.file()
    assert desk.kinds() == ["ProducerRegistered", "ApplicationFiled"]
    assert application.filed.number == "0000000001"
    assert application.filed.producer.bin == BIN


def test_a_second_product_is_filed_by_the_same_producer(desk: Desk) -> None:
    first, second = desk.file(name="Есеп"), desk.file(name="Карта")
    assert first.filed.producer.producer_id == second.filed.producer.producer_id
    assert first.filed.product_id != second.filed.product_id
    assert desk.kinds().count("ProducerRegistered") == 1


@pytest.mark.parametrize(
    ("kk", "ru"),
    [("ЕСЕП  жүйесі", "Система Есеп"), ("Есеп жүйесі", "Другое имя"), ("Басқа атау", "система  ЕСЕП")],
)
def test_the_same_name_in_either_language_is_the_same_product(desk: Desk, kk: str, ru: str) -> None:
    desk.file()
    with pytest.raises(Conflict, match="application_pending"):
        desk.file(product=named(kk, ru))


def test_names_of_two_products_at_once_are_ambiguous(desk: Desk) -> None:
    desk.file(name="Есеп")
    desk.file(name="Карта")
    with pytest.raises(Conflict, match="product_name_ambiguous"):
        desk.file(product=named("Есеп жүйесі", "Система Карта"))


def test_another_producers_product_of_the_same_name_is_another_product(desk: Desk) -> None:
    first, second = desk.file(BIN), desk.file(OTHER_BIN)
    assert first.filed.product_id != second.filed.product_id


def test_a_producer_files_only_for_itself(desk: Desk) -> None:
    command = FileApplication(applicant=applicant(BIN), form=form(), filed_by=OTHER_BIN)
    with pytest.raises(Forbidden, match="not_yours"):
        file_application(desk.journal, command, desk.act("producer"))
    assert desk.kinds() == []


def test_production_needs_an_electronic_signature_para_10(desk: Desk) -> None:
    production = Signing(required=True, issuers=frozenset({PORTAL}))
    with pytest.raises(Invalid, match="signature_required"):
        file_application(desk.journal, filing(), desk.act("producer"), signing=production)
    signed = filing(signature_sha256="a" * 64)
    for issuer in (None, "https://integrator.example", f"{PORTAL}/"):
        with pytest.raises(Forbidden, match="signature_not_attested"):
            file_application(
                desk.journal, replace(signed, issuer=issuer), desk.act("producer"), signing=production
            )
    assert desk.kinds() == []
    by_portal = replace(signed, issuer=PORTAL)
    outcome = file_application(desk.journal, by_portal, desk.act("producer"), signing=production)
    assert outcome.result is not None
    assert outcome.result.filed.signature_sha256 == "a" * 64
    assert outcome.result.filed.signature_attested_by == PORTAL


def test_nobody_attests_a_signature_that_is_not_there(desk: Desk) -> None:
    command = replace(filing(), issuer=PORTAL)
    outcome = file_application(desk.journal, command, desk.act("producer"))
    assert outcome.result is not None
    assert outcome.result.filed.signature_attested_by is None


def test_an_individual_is_known_by_its_iin_which_no_event_holds(desk: Desk) -> None:
    first, second = desk.file(IIN, "Есеп"), desk.file(IIN, "Карта")
    assert first.filed.producer == second.filed.producer
    records = b"".join(row.record for row in desk.journal.after(0, 100))
    for personal in (IIN, NAME.ru, NAME.kk, "info@dala.example", "+77172000000", "Мәңгілік"):
        assert personal.encode() not in records


def test_an_event_commits_to_each_personal_value_and_the_vault_opens_it(desk: Desk) -> None:
    desk.file(IIN)
    rows = [recorded for page in desk.journal.replay() for recorded in page]
    with desk.journal.database.read() as connection:
        opened = VAULT.of_events(connection, [recorded.fact.id for recorded in rows])
    registered, filed = (recorded.fact for recorded in rows)
    assert isinstance(registered.data, ProducerRegistered)
    assert isinstance(filed.data, ApplicationFiled)
    assert opens("iin", opened[registered.id]["iin"], registered.data.producer.iin_commitment or "")
    fields = opened[filed.id]
    assert set(fields) == {"address", "email", "telephone", "iin", "name_kk", "name_ru"}
    assert all(opens(name, fields[name], filed.data.commitments[name]) for name in fields)
    forged = PersonalValue(value="other@dala.example", salt=fields["email"].salt)
    assert not opens("email", forged, filed.data.commitments["email"])


def test_a_reapplication_after_a_refusal_names_it(desk: Desk) -> None:
    application = desk.file()
    desk.accept(desk.notify("confirmation", "refused", application))
    with pytest.raises(Invalid, match="follows_required"):
        desk.file()
    again = desk.file(follows=str(application.id), rectified=RECTIFIED)
    assert again.filed.product_id == application.filed.product_id


def test_a_reapplication_after_an_exclusion_names_the_application_that_led_in(desk: Desk) -> None:
    entry = desk.exclude(desk.include())
    again = desk.file(follows=entry.state.included.application_id, rectified=RECTIFIED)
    assert again.filed.product_id == str(entry.id)


def test_a_reapplication_while_included_is_refused(desk: Desk) -> None:
    entry = desk.include()
    with pytest.raises(Conflict, match="already_included"):
        desk.file(follows=entry.state.included.application_id, rectified=RECTIFIED)


def test_the_same_key_gives_the_same_answer_and_files_once(desk: Desk) -> None:
    key = AnswerKey("p", "POST /v1/applications", "k", "d", 201)
    first = file_application(desk.journal, filing(), desk.act("producer"), key)
    again = file_application(desk.journal, filing(), desk.act("producer"), key)
    assert first.result is not None
    assert again.replayed is not None
    assert again.replayed.resource == str(first.result.id)
    loaded = desk.journal.load(Application, first.result.id, version=again.replayed.stream_version)
    assert loaded.filed == first.result.filed
    assert desk.kinds().count("ApplicationFiled") == 1


def test_of_concurrent_filings_for_one_product_one_wins(desk: Desk) -> None:
    barrier = threading.Barrier(6)

    def attempt(_: Any) -> str:
        barrier.wait(timeout=10)
        try:
            desk.file()
        except DomainError as error:
            return error.code
        return "filed"

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(attempt, range(6)))
    assert outcomes == ["application_pending"] * 5 + ["filed"]
    assert desk.kinds() == ["ProducerRegistered", "ApplicationFiled"]
    assert len(desk.rows(VAULT.table)) == 3


def test_of_concurrent_first_filings_of_one_individual_one_producer_comes(desk: Desk) -> None:
    barrier = threading.Barrier(5)

    def attempt(name: str) -> str:
        barrier.wait(timeout=10)
        return str(desk.file(IIN, name).filed.producer.producer_id)

    with ThreadPoolExecutor(5) as pool:
        producers = set(pool.map(attempt, ["А", "Б", "В", "Г", "Д"]))
    assert len(producers) == 1
    assert desk.kinds().count("ProducerRegistered") == 1


def test_a_name_of_any_earlier_filing_still_names_its_product(desk: Desk) -> None:
    """One product in the register under two entries would be two answers to one question."""
    first = desk.file(product=named("Альфа жүйесі", "Система Альфа"))
    refuse(desk, first)
    again = desk.file(
        product=named("Альфа жүйесі", "Система Бета"), follows=str(first.id), rectified=RECTIFIED
    )
    assert again.filed.product_id == first.filed.product_id
    for kk, ru in (("Гамма жүйесі", "Система Бета"), ("Гамма жүйесі", "Система Альфа")):
        with pytest.raises(Conflict, match="application_pending"):
            desk.file(product=named(kk, ru))


def refuse(desk: Desk, application: Application) -> None:
    desk.accept(desk.notify("confirmation", "refused", application))


def test_a_name_cannot_join_two_products_by_a_reapplication(desk: Desk) -> None:
    first = desk.file(product=named("Альфа жүйесі", "Система Альфа"))
    desk.file(product=named("Бета жүйесі", "Система Бета"))
    refuse(desk, first)
    with pytest.raises(Conflict, match="product_name_ambiguous"):
        desk.file(product=named("Альфа жүйесі", "Система Бета"), follows=str(first.id), rectified=RECTIFIED)
