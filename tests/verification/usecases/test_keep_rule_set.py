"""The first decision by a rule set keeps it whole; one version can never come to mean two things."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from services.kernel.contract import OfficialText
from services.kernel.errors import Conflict
from services.verification.domain.case import Case
from services.verification.domain.rule_sets import RuleBook, RuleSetRefused
from services.verification.projections.used_rule_sets import content_of, used_editions
from services.verification.usecases.conclude_case import OfficersConclusion, conclude_case
from services.verification.usecases.keep_rule_set import check_rule_sets
from services.verification.usecases.practice import Practice
from tests.verification.acting import officer
from tests.verification.authority import Authority, authority
from tests.verification.drafts import dated, read, second_version

CONFIRMED = OfficersConclusion("confirmed")


def opened(here: Authority, number: int) -> Case:
    name = OfficialText(kk=f"Өнім {number}", ru=f"Продукт {number}")
    here.list_product(name=name)
    return here.case_of(f"application:{here.file(name=name)}")


def conclude(here: Authority, practice: Practice, case: Case) -> None:
    here.journal.transact(
        lambda work: conclude_case(work, practice, officer(), work.load(Case, case.id), CONFIRMED)
    )


def test_the_kept_content_is_proved_by_the_digest_in_the_judgement(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path) as here:
        case, second = opened(here, 1), opened(here, 2)
        with here.database.read() as connection:
            assert used_editions(connection) == []
        conclude(here, here.practice, case)
        conclude(here, here.practice, second)
        concluded = here.journal.load(Case, case.id).conclusion
        assert concluded is not None
        assert concluded.judgement is not None
        with here.database.read() as connection:
            content = content_of(connection, concluded.judgement.digest)
            assert used_editions(connection) == [
                ("software-confirmation-2026", "1", concluded.judgement.digest)
            ]
        assert content is not None
        assert hashlib.sha256(content).hexdigest() == concluded.judgement.digest


def test_a_process_with_other_content_of_a_used_version_cannot_decide(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        conclude(here, here.practice, opened(here, 1))
        waiting = opened(here, 2)
        changed = RuleBook([dated(note="Changed.")])
        head = here.journal.head()
        with pytest.raises(Conflict, match="changed_meanwhile"):
            conclude(here, replace(here.practice, rule_book=changed), waiting)
        assert here.journal.head() == head
        with pytest.raises(RuleSetRefused, match=r"changed.json"):
            check_rule_sets(here.database, changed)


def test_a_later_version_leaves_earlier_decisions_as_they_were(sqlite_url: str, tmp_path: Path) -> None:
    with authority(sqlite_url, tmp_path) as here:
        case = opened(here, 1)
        conclude(here, here.practice, case)
        before = here.journal.load(Case, case.id).conclusion
        both = RuleBook([dated(), read(second_version(in_force_from="2026-03-02"))])
        check_rule_sets(here.database, both)
        later = opened(here, 2)
        conclude(here, replace(here.practice, rule_book=both), later)
        judged_later = here.journal.load(Case, later.id).conclusion
        assert judged_later is not None
        assert judged_later.judgement is not None
        assert judged_later.judgement.version == "2"
        assert here.journal.load(Case, case.id).conclusion == before
