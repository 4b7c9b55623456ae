"""Rule files: versions with periods of their own, and what is refused when the service starts."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs  # comes with schemathesis
import msgspec
import pytest
import rfc8785

from services.verification.domain.authority_names import NamesRefused, authority_names, read_names
from services.verification.domain.criteria import CRITERIA, KNOWN
from services.verification.domain.judgement import rule_book
from services.verification.domain.rule_sets import (
    RULE_SETS,
    RuleBook,
    RuleSetRefused,
    read_rule_book,
    read_rule_set,
    refuse_changes,
)
from tests.verification.drafts import content, dated, read, second_version

SCHEMA = Path(__file__).resolve().parents[3] / "openapi" / "rule-set.json"
ID = "software-confirmation-2026"


def folder(tmp_path: Path, **files: dict[str, Any]) -> Path:
    for name, document in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    return tmp_path


def test_a_version_that_follows_takes_over_on_its_day_and_leaves_the_file_before_it_untouched(
    tmp_path: Path,
) -> None:
    book = read_rule_book(folder(tmp_path, one=content(), two=second_version()), KNOWN)
    first, second = book.find(ID, "1"), book.find(ID)
    assert first is not None
    assert second is not None
    assert (first.rules.in_force_to, first.in_force_to) == (None, date(2026, 5, 31))
    assert first.digest == dated().digest
    assert second.edition == (ID, "2")
    assert book.in_force("confirmation", date(2026, 5, 31)) == first
    assert book.in_force("confirmation", date(2026, 6, 1)) == second


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"b": content(id="another", in_force_from="2026-06-01")}, "b.json: .* same days as"),
        ({"b": second_version(follows=None)}, "b.json: version 2 .* has to follow version 1"),
        (
            {"b": second_version(version="3", follows={"id": ID, "version": "2"})},
            "b.json: .* follow version 1",
        ),
        ({"b": second_version(follows={"id": "none", "version": "1"}, id="x")}, "b.json: .* unknown"),
        ({"b": content()}, "b.json: .* version 1 twice"),
        ({"b": second_version(in_force_from="2025-06-01")}, "b.json: .* does not begin after"),
        ({"b": second_version(kind="own_production")}, "b.json: .* another kind"),
        ({"a": content(in_force_to="2026-04-30"), "b": second_version()}, "b.json: .* gap from 2026-05-01"),
        ({"a": content(in_force_to="2026-06-10"), "b": second_version()}, "b.json: .* same days as"),
    ],
)
def test_files_that_cannot_stand_together_are_refused_naming_the_file(
    tmp_path: Path, files: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RuleSetRefused, match=reason):
        read_rule_book(folder(tmp_path, **{"a": content(), **files}), KNOWN)


def test_a_gap_that_no_file_claims_to_close_is_told_and_not_refused() -> None:
    early = dated(in_force_to="2026-03-31")
    late = dated(id="later", in_force_from="2026-05-01")
    book = RuleBook([early, late])
    (gap,) = book.gaps()
    assert (gap.kind, gap.first_day, gap.last_day) == ("confirmation", date(2026, 4, 1), date(2026, 4, 30))
    assert book.in_force("confirmation", date(2026, 4, 15)) is None


def test_the_rule_sets_that_ship_leave_no_gap() -> None:
    assert rule_book().gaps() == []


def test_a_rule_set_that_changed_after_it_was_used_is_refused() -> None:
    book = RuleBook([dated(note="Changed.")])
    used = [(ID, "1", dated().digest)]
    with pytest.raises(RuleSetRefused, match=r"changed.json: .* was changed after decisions rested on it"):
        refuse_changes(book, used)
    refuse_changes(RuleBook([dated()]), used)


def test_a_used_rule_set_whose_file_is_gone_is_refused() -> None:
    with pytest.raises(RuleSetRefused, match="is gone"):
        refuse_changes(RuleBook([]), [(ID, "1", "0" * 64)])


def test_white_space_and_the_order_of_members_do_not_change_the_digest() -> None:
    reordered = dict(reversed(content().items()))
    again = read_rule_set(json.dumps(reordered, indent=7).encode(), KNOWN)
    assert again.digest == dated().digest
    assert again.digest == hashlib.sha256(rfc8785.dumps(content())).hexdigest()


def changed_criterion(**changes: Any) -> dict[str, Any]:
    document = content()
    (share,) = [one for one in document["criteria"] if one["name"] == "localisation_share"]
    share.update(changes)
    return document


TEXT = {"kk": "{share}", "ru": "{share}", "en": "{share}"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (changed_criterion(thresholds={}), "thresholds must be minimum"),
        (changed_criterion(thresholds={"minimum": "80", "maximum": "90"}), "thresholds must be minimum"),
        (changed_criterion(thresholds={"minimum": "eighty"}), "percentage"),
        (changed_criterion(thresholds={"minimum": "80,5"}), "percentage"),
        (changed_criterion(thresholds={"minimum": "-1"}), "percentage"),
        (changed_criterion(thresholds={"minimum": "100.1"}), "percentage"),
        (changed_criterion(thresholds={"minimum": "٨٠"}), "percentage"),
        (changed_criterion(documents=[["contracts"]]), "takes no documents"),
        (changed_criterion(function="documents_at_hand", thresholds={}), "needs documents"),
        (changed_criterion(met={**TEXT, "en": "{nothing}"}), "unknown input"),
        (changed_criterion(met={**TEXT, "ru": "{share:>99999999}"}), "unknown input"),
        (changed_criterion(met={**TEXT, "kk": "{share"}), "in a text"),
        (changed_criterion(met={"kk": "{share}", "ru": "{share}"}), "missing required field `en`"),
        (changed_criterion(name="contracts"), "two criteria of one name"),
        (content(formula=None), "names no formula"),
        (content(version="one"), "regex"),
        (content(id="No Id"), "regex"),
    ],
)
def test_a_rule_file_that_could_not_judge_is_refused(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(RuleSetRefused, match=reason):
        read(document)


def test_the_published_schema_takes_every_file_that_ships_and_refuses_an_unknown_member() -> None:
    schema = json.loads(SCHEMA.read_text())
    for file in RULE_SETS.glob("*.json"):
        jsonschema_rs.validate(schema, json.loads(file.read_text()))
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schema, content(surprise=1))


def test_every_criterion_function_says_what_it_takes() -> None:
    assert set(KNOWN.functions) == set(CRITERIA)


def test_the_nineteen_priority_activities_are_a_classifier_and_no_criterion() -> None:
    """Order 37/RD, Appendix 1."""
    rules = rule_book().find("own-production-2019")
    assert rules is not None
    assert rules.rules.classifier is not None
    assert [entry.code for entry in rules.rules.classifier.entries] == [str(n) for n in range(1, 20)]
    assert [one.function for one in rules.rules.criteria] == ["certificate_held", "certificate_held"]


def test_a_renamed_authority_has_its_new_name_from_its_day() -> None:
    """Legislation of 2026 renames the authority: names are data with dates."""
    document = msgspec.json.decode(msgspec.json.encode(authority_names()))
    renamed = {
        "in_force_from": "2026-07-12",
        "basis": "a later law",
        "name": {"kk": "цифрлық орган", "ru": "цифровой орган", "en": "the digital authority"},
    }
    document["informatization_authority"].append(renamed)
    names = read_names(msgspec.json.encode(document))
    before, after = names.on(date(2026, 7, 11)), names.on(date(2026, 7, 12))
    assert before == authority_names().on(date(2026, 7, 11))
    assert after is not None
    assert after.en == "the digital authority"
    assert names.on(date(2015, 12, 31)) is None


@pytest.mark.parametrize(
    ("day", "known"), [(date(2020, 7, 5), False), (date(2020, 7, 6), True), (date(2026, 3, 2), True)]
)
def test_the_keeper_of_the_register_is_the_one_of_the_day(day: date, known: bool) -> None:
    """Law 418-V arts. 1(52-1), 7-6(7): nobody is named before the day from which the texts name one."""
    keeper = authority_names().keeper_on(day)
    assert (keeper is not None) is known
    if keeper is not None:
        assert keeper.en == "the authorised body in the field of electronic industry"


def _names(**changes: Any) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(authority_names()), **changes})


def test_every_name_that_ships_says_what_it_rests_on() -> None:
    shipped = authority_names()
    for naming in (*shipped.informatization_authority, *shipped.trusted_register_keeper):
        assert naming.basis.startswith("law-418-V art")


@pytest.mark.parametrize("office", ["informatization_authority", "trusted_register_keeper"])
def test_a_wrong_file_of_names_is_refused(office: str) -> None:
    (only,) = getattr(authority_names(), office)
    wrong = (b"{", b"[]", b'{"other": []}', b"\xff", _names(**{office: []}), _names(**{office: [only, only]}))
    for written in (*wrong, _names(other=[])):
        with pytest.raises(NamesRefused, match=r"^authorities\.json: "):
            read_names(written)
