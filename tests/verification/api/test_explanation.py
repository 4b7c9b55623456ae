"""`GET /v1/cases/{id}/explanation`: why a case was decided so, for officers, auditors and its producer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from services.kernel.clock import clear_simulated_clock, set_simulated_clock
from services.kernel.contract import OfficialText
from services.kernel.journal.journal import Work
from services.kernel.journal.rebuilding import rebuild_read_models
from services.verification.contract.events import CheckVerdict
from services.verification.domain.authority_names import authority_names, read_names
from services.verification.domain.case import Case
from services.verification.domain.rule_sets import RuleBook
from services.verification.usecases.check_criterion import check_criterion
from services.verification.usecases.conclude_case import OfficersConclusion, OfficersDecision, conclude_case
from services.verification.usecases.record_ruling import RecordedRuling, record_ruling
from services.verification.usecases.supply_documents import Named
from tests.contract.apps import headers_of, served, token_of
from tests.verification.acting import PRODUCER, REASONS, officer
from tests.verification.authority import IIN, Authority, report
from tests.verification.drafts import dated, read, second_version
from tests.verification.officers import COURT, RULING, A, B, C, approve, ask, conclude, done, supply

RECOMPUTED = OfficialText(kk="Қайта есептелді.", ru="Пересчитано.", en="Recomputed.")
HOSTILE = OfficialText(kk="<script>alert(1)</script> & «Өнім»", ru="<b>Продукт</b>")


@dataclass
class World:
    app: FastAPI
    client: TestClient
    var: Path
    here: Authority = field(init=False)

    def __post_init__(self) -> None:
        self.here = self.authority("confirmation")

    def authority(self, *automatic: str, **settings: Any) -> Authority:
        """The insides of the service beside its HTTP."""
        url = f"sqlite:///{self.var / 'verification'}.db"
        return Authority(url, self.var / "documents", frozenset(automatic), **settings)

    def explained(self, case: Any, role: str = "informatization_officer", **headers: str) -> Any:
        given = {**headers_of(self.var, role), **headers}
        return self.client.get(f"/v1/cases/{case}/explanation", headers=given)

    def page(self, case: Any, language: str = "ru") -> Any:
        return self.explained(case, **{"Accept": "text/html", "Accept-Language": language})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    var = tmp_path_factory.mktemp("explained")
    with served("verification", var) as (app, client):
        found = World(app, client, var)
        yield found
        found.here.database.close()


@pytest.fixture(scope="module")
def confirmed(world: World) -> UUID:
    world.here.list_product()
    return world.here.case_of(f"application:{world.here.file()}").id


class Page(HTMLParser):
    """What a reader, a screen reader and a printer meet."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def test_it_tells_every_criterion_the_figures_the_rule_the_evidence_and_who_decided(
    world: World, confirmed: UUID
) -> None:
    answer = world.explained(confirmed)
    assert answer.status_code == 200
    shown = answer.json()
    case = world.here.journal.load(Case, confirmed)
    assert [named["sha256"] for named in shown["documents"]] == [one.sha256 for one in case.opened.documents]
    (decision,) = shown["decisions"]
    assert (decision["result"], decision["decided_by"]) == ("confirmed", "automatic")
    assert decision["actor"] == "system:verification"
    assert decision["decided_at"] == "2026-03-02T07:00:00Z"
    assert decision["authority"]["ru"] == "уполномоченный орган в сфере информатизации"
    judged = decision["judgement"]
    assert judged["rule_set"]["digest"] == dated().digest
    assert judged["rule_set"]["title"]["en"] == "Confirmation of a software producer's status"
    share = next(one for one in judged["criteria"] if one["criterion"] == "localisation_share")
    assert share["inputs"] == {"minimum": "80", "share": "90.00", "foreign": "10.00", "whole": "100.00"}
    assert share["thresholds"] == {"minimum": "80"}
    assert share["citation"].startswith("order of 28.11.2025")
    assert all(one["passed"] and one["reason"]["kk"] for one in judged["criteria"])


@pytest.mark.parametrize(
    ("language", "word"),
    [("kk", "Шешімнің түсіндірмесі"), ("ru", "Объяснение решения"), ("en", "Explanation of a decision")],
)
def test_the_page_is_in_the_language_asked_for_readable_and_without_script(
    world: World, confirmed: UUID, language: str, word: str
) -> None:
    answer = world.page(confirmed, language)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == language
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = Page(answer.text)
    assert ("html", {"lang": language}) in page.tags
    assert page.count("h1") == page.count("title") == page.count("main") == 1
    assert page.count("table") == page.count("caption") > 3
    assert all(attrs.get("scope") in {"row", "col"} for tag, attrs in page.tags if tag == "th")
    assert page.count("script") == page.count("link") == page.count("img") == 0
    assert any(word in text for text in page.text)
    assert "@media print" in answer.text
    assert not [text for text in page.text if "{" in text and "@media" not in text]


def test_whatever_stands_in_a_name_is_text(world: World) -> None:
    world.here.list_product(name=HOSTILE)
    case = world.here.case_of(f"application:{world.here.file(name=HOSTILE)}").id
    page = world.page(case, "kk")
    assert "<script" not in page.text
    assert HOSTILE.kk in "".join(Page(page.text).text)


def test_json_unless_html_is_preferred(world: World, confirmed: UUID) -> None:
    for accept, kind in (
        ("*/*", "application/json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("image/png", "application/json"),
    ):
        answer = world.explained(confirmed, Accept=accept)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["vary"] == "Accept, Accept-Language"


def test_it_need_not_be_sent_again(world: World, confirmed: UUID) -> None:
    first = world.page(confirmed, "kk")
    headers = {"Accept": "text/html", "Accept-Language": "kk", "If-None-Match": first.headers["etag"]}
    assert world.explained(confirmed, **headers).status_code == 304
    assert world.page(confirmed, "ru").headers["etag"] != first.headers["etag"]


def test_a_producer_reads_why_its_own_case_was_decided_so_and_no_others(
    world: World, confirmed: UUID
) -> None:
    assert world.explained(confirmed, "producer").status_code == 200
    other = {"Authorization": f"Bearer {token_of(world.var, 'producer', producer='971240001315')}"}
    answer = world.client.get(f"/v1/cases/{confirmed}/explanation", headers=other)
    assert (answer.status_code, answer.json()["code"]) == (404, "case_unknown")
    for role in ("industry_officer", "integrator", "service"):
        assert world.explained(confirmed, role).status_code == 403


def test_an_individuals_number_and_name_stand_nowhere_in_it(world: World) -> None:
    individual = msgspec.structs.replace(
        PRODUCER, producer_id="0192f0c4-0000-7000-8000-000000000077", kind="individual_entrepreneur", bin=None
    )
    name = OfficialText(kk="Жеке өнім", ru="Личный продукт")
    world.here.list_product(holder=IIN, name=name)
    case = world.here.case_of(f"application:{world.here.file(producer=individual, name=name, iin=IIN)}").id
    for answer in (world.explained(case), world.page(case)):
        assert IIN not in answer.text
        assert "Дала" not in answer.text
    own = {"Authorization": f"Bearer {token_of(world.var, 'producer', producer=IIN)}"}
    assert world.client.get(f"/v1/cases/{case}/explanation", headers=own).status_code == 200


def test_an_officers_departure_is_told_with_its_reasons(world: World) -> None:
    name = OfficialText(kk="Даулы өнім", ru="Спорный продукт")
    world.here.list_product(name=name)
    waiting = world.authority()
    case = waiting.case_of(f"application:{waiting.file(name=name)}")
    world.here.position = waiting.position
    waiting.database.close()
    assert world.explained(case.id).json()["decisions"] == []
    assert "Решение по делу ещё не принято." in world.page(case.id).text
    departing = OfficersConclusion("refused", REASONS)
    world.here.journal.transact(
        lambda work: conclude_case(work, world.here.practice, officer("officer-b"), case, departing)
    )
    (decision,) = world.explained(case.id).json()["decisions"]
    assert (decision["result"], decision["departs_from_judgement"]) == ("refused", True)
    assert (decision["actor"], decision["decided_by"]) == ("officer-b", "officer")
    assert decision["reasons"]["ru"] == REASONS.ru
    assert decision["judgement"]["conforms"] is True
    assert "отличается от вычисленного вывода" in world.page(case.id).text


@dataclass(frozen=True)
class Worked:
    """A case that officers worked on: the replaced document's digest, and that of the one in its place."""

    case: UUID
    earlier: str
    later: str


@pytest.fixture(scope="module")
def worked(world: World) -> Worked:
    """A document supplied later, one criterion overridden and one confirmed, four eyes, a court's ruling."""
    name = OfficialText(kk="Тексерілген өнім", ru="Проверенный продукт")
    world.here.list_product(name=name)
    office = world.authority(four_eyes=frozenset({"confirmation"}))
    office.position = world.here.position
    documents = office.package(report("25.00"))
    case = office.case_of(f"application:{office.file(documents, name=name)}")
    ask(office, case)
    later = office.keep(b"later contracts", "text/plain")
    supply(office, case, Named("contracts", later, documents[1].sha256))
    done(office, case.id, partial(_check, office, "localisation_share", "overridden", RECOMPUTED))
    done(office, case.id, partial(_check, office, "foreign_payments", "confirmed", None))
    conclude(office, case, "confirmed", A)
    approve(office, case, B)
    ruling = RecordedRuling(RULING, "upheld", REASONS)
    done(office, case.id, lambda work, found: record_ruling(work, officer(C), found, ruling))
    world.here.position = office.position
    office.database.close()
    return Worked(case.id, documents[1].sha256, later)


def _check(
    office: Authority,
    criterion: str,
    verdict: CheckVerdict,
    reasons: OfficialText | None,
    work: Work,
    case: Case,
) -> Case:
    return check_criterion(work, office.practice, officer(A), case, criterion, verdict, reasons)


def test_what_the_rule_said_stands_beside_what_an_officer_made_of_it(world: World, worked: Worked) -> None:
    """Art. 51-2(2), (3)."""
    (decision,) = world.explained(worked.case).json()["decisions"]
    assert decision["departs_from_judgement"] is False
    criteria = {one["criterion"]: one for one in decision["judgement"]["criteria"]}
    share = criteria["localisation_share"]
    assert (share["passed"], share["reason"]["en"]) == (True, "Recomputed.")
    checked = share["checked"]
    assert (checked["verdict"], checked["officer"], checked["rule_passed"]) == ("overridden", A, False)
    assert "75,00 % — ниже требуемых 80 %" in checked["rule_reason"]["ru"]
    assert criteria["foreign_payments"]["checked"]["verdict"] == "confirmed"
    assert "checked" not in criteria["trusted_software_register"]


def test_who_proposed_who_approved_and_what_a_court_ruled_is_told(world: World, worked: Worked) -> None:
    """Four eyes, and art. 51-5(7)."""
    shown = world.explained(worked.case).json()
    (decision,) = shown["decisions"]
    assert (decision["proposed_by"], decision["actor"]) == (A, B)
    assert decision["proposed_at"] == decision["decided_at"] == "2026-03-02T07:00:00Z"
    (ruled,) = shown["court_rulings"]
    assert (ruled["number"], ruled["outcome"], ruled["recorded_by"]) == (RULING.number, "upheld", C)
    assert ruled["court"]["ru"] == COURT.ru


def test_documents_supplied_later_are_evidence_and_those_replaced_are_marked(
    world: World, worked: Worked
) -> None:
    shown = world.explained(worked.case).json()
    told = {one["sha256"]: one for one in shown["documents"]}
    assert told[worked.earlier]["replaced"] is True
    assert (told[worked.later]["supplied_at"], told[worked.later]["late"]) == ("2026-03-02T07:00:00Z", False)
    standing = [one["sha256"] for one in shown["documents"] if not one["replaced"]]
    assert standing == [one.sha256 for one in world.here.journal.load(Case, worked.case).documents]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("kk", ("Кім ұсынды", "Кім бекітті", "өзгертілді", "Қайта есептелді.", "Сот актісі 7119-26")),
        ("ru", ("Кто предложил", "Кто утвердил", "изменён", "Пересчитано.", "решение оставлено в силе")),
        (
            "en",
            ("Proposed by", "Approved by", "overridden", "Recomputed.", "supplied at request on 2026-03-02"),
        ),
    ],
)
def test_the_page_tells_officers_work_too_and_stays_the_same(
    world: World, worked: Worked, language: str, words: tuple[str, ...]
) -> None:
    page = world.page(worked.case, language)
    text = "\n".join(Page(page.text).text)
    for word in (*words, A, B, C, worked.earlier, worked.later):
        assert word in text
    set_simulated_clock(world.var / "clock.json", datetime(2036, 3, 2, tzinfo=UTC))
    try:
        rebuild_read_models(world.here.journal)
        assert world.page(worked.case, language).content == page.content
    finally:
        clear_simulated_clock(world.var / "clock.json")


def test_an_appeal_upheld_in_part_says_so(world: World) -> None:
    name = OfficialText(kk="Шағымдалған өнім", ru="Обжалованный продукт")
    listed = world.here.list_product(name=name)
    assert listed
    confirmed_case = world.here.case_of(f"application:{world.here.file(name=name)}")
    told = confirmed_case.notification
    assert told is not None
    appeal_id = world.here.appeal(confirmed_case.opened.product_id, told.notification_id)
    appeal = world.here.case_of(f"appeal:{appeal_id}")
    partly = OfficersDecision("partly_upheld", REASONS, annuls_from_start=True)
    world.here.journal.transact(
        lambda work: conclude_case(work, world.here.practice, officer("officer-c"), appeal, partly)
    )
    (decision,) = world.explained(appeal.id).json()["decisions"]
    assert (decision["result"], decision["partly"], decision["annuls_from_start"]) == ("upheld", True, True)
    assert "judgement" not in decision


def test_the_bytes_are_the_same_years_later_under_later_rules_and_names(
    world: World, confirmed: UUID
) -> None:
    """Derived from the journal and the rule set recorded: not from today's files, names or clock."""
    kinds = [("application/json", "kk"), ("text/html", "kk"), ("text/html", "ru"), ("text/html", "en")]
    asked = [{"Accept": accept, "Accept-Language": language} for accept, language in kinds]
    before = [world.explained(confirmed, **headers).content for headers in asked]
    names = msgspec.json.decode(msgspec.json.encode(authority_names()))
    new_name = {"kk": "цифрлық орган", "ru": "цифровой орган", "en": "the digital authority"}
    names["informatization_authority"] = [{"in_force_from": "2016-01-01", "basis": "-", "name": new_name}]
    later = replace(
        world.here.practice,
        rule_book=RuleBook([dated(), read(second_version())]),
        names=read_names(msgspec.json.encode(names)),
    )
    desk = world.app.state.desk
    world.app.state.desk = replace(desk, practice=later)
    set_simulated_clock(world.var / "clock.json", datetime(2036, 3, 2, tzinfo=UTC))
    try:
        rebuild_read_models(world.here.journal)
        after = [world.explained(confirmed, **headers).content for headers in asked]
        world.app.state.desk = replace(desk, practice=replace(later, rule_book=RuleBook([])))
        without_files = [world.explained(confirmed, **headers).content for headers in asked]
    finally:
        world.app.state.desk = desk
        clear_simulated_clock(world.var / "clock.json")
    assert before == after == without_files


def test_a_refused_case_tells_which_criterion_failed(world: World) -> None:
    name = OfficialText(kk="Әлсіз өнім", ru="Слабый продукт")
    world.here.list_product(name=name)
    filed = world.here.file(world.here.package(report("25.00")), name=name)
    case = world.here.case_of(f"application:{filed}").id
    (decision,) = world.explained(case).json()["decisions"]
    failed = [one for one in decision["judgement"]["criteria"] if not one["passed"]]
    assert [one["criterion"] for one in failed] == ["localisation_share"]
    assert "75,00 % — ниже требуемых 80 %" in world.page(case).text


def test_an_unknown_case_or_another_stream_is_not_found(world: World) -> None:
    listing = world.here.list_product(name=OfficialText(kk="Басқа", ru="Другой"))
    for unknown in ("0191f3c0-0000-7000-8000-000000000000", listing):
        answer = world.explained(unknown)
        assert (answer.status_code, answer.json()["code"]) == (404, "case_unknown")
