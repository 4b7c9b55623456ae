"""Template files that contradict themselves are found when they are loaded, not when a message is due."""

from __future__ import annotations

import copy
import datetime as dt
import json
from pathlib import Path
from typing import Any, Final

import pytest

from services.kernel.contract import OfficialText
from services.notifications.domain.messages import Catalogue
from services.notifications.domain.templates import TemplateError, load, refuse_changes

VOCABULARY: Final[dict[str, Any]] = {
    "terms": {
        "authority": [
            {
                "in_force_from": "2026-01-01",
                "forms": {
                    "kk": {"nominative": "орган", "dative": "органға"},
                    "ru": {"nominative": "орган"},
                    "en": {"nominative": "the authority"},
                },
            },
            {
                "in_force_from": "2026-07-01",
                "forms": {
                    "kk": {"nominative": "жаңа орган", "dative": "жаңа органға"},
                    "ru": {"nominative": "новый орган"},
                    "en": {"nominative": "the new authority"},
                },
            },
        ]
    }
}
SOURCE: Final[dict[str, Any]] = {
    "subject": "{what}",
    "body": ["{authority:nominative:capital}, {on}"],
    "basis": "x",
}
TEMPLATE: Final[dict[str, Any]] = {
    "id": "sample",
    "audience": "producer",
    "versions": [
        {
            "version": 1,
            "in_force_from": "2026-01-01",
            "parameters": {"on": "date", "what": "choice"},
            "choices": {"what": {"this": {"kk": "бұл", "ru": "это", "en": "this"}}},
            "texts": dict.fromkeys(("kk", "ru", "en"), SOURCE),
        }
    ],
}


def loaded(folder: Path, template: object = TEMPLATE, vocabulary: object = VOCABULARY) -> Catalogue:
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary))
    (folder / "sample.json").write_text(json.dumps(template))
    return Catalogue(*load(folder))


def changed(path: str, value: object) -> dict[str, Any]:
    """The sample with one value, named by its path, put in or (None) taken out."""
    template = copy.deepcopy(TEMPLATE)
    *steps, last = path.split("/")
    place: Any = template
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    key: Any = int(last) if last.isdigit() else last
    if value is None:
        del place[key]
    else:
        place[key] = value
    return template


PLURALS: Final[dict[str, Any]] = {
    "kk": {"one": "{n} күн", "other": "{n} күн"},
    "ru": {"one": "{n} день", "few": "{n} дня", "many": "{n} дней", "other": "{n} дня"},
    "en": {"one": "{n} day", "other": "{n} days"},
}
COUNTING: Final[dict[str, Any]] = {
    "id": "sample",
    "audience": "producer",
    "versions": [
        {
            "version": 1,
            "in_force_from": "2026-01-01",
            "parameters": {"on": "date", "what": "count"},
            "plurals": {"what": PLURALS},
            "texts": dict.fromkeys(("kk", "ru", "en"), SOURCE),
        }
    ],
}
WRONG: Final = {
    "another id than the file's": ("id", "other"),
    "an unknown audience": ("audience", "everybody"),
    "an unknown field": ("note", "x"),
    "no versions": ("versions", []),
    "versions not counted from one": ("versions/0/version", 2),
    "a language missing": ("versions/0/texts/kk", None),
    "a placeholder not declared": ("versions/0/texts/ru/subject", "{what} {more}"),
    "a parameter unused in one language": ("versions/0/texts/en/subject", "This"),
    "a declared parameter unused": ("versions/0/parameters/more", "string"),
    "an unknown kind": ("versions/0/parameters/what", "number"),
    "no day": ("versions/0/parameters/on", "string"),
    "a choice without options": ("versions/0/choices/what", {}),
    "choices of no parameter": ("versions/0/choices/more", {"a": {"kk": "a", "ru": "a", "en": "a"}}),
    "a choice without English": ("versions/0/choices/what/this", {"kk": "бұл", "ru": "это"}),
    "a form a date does not have": ("versions/0/texts/ru/basis", "{on:locative}"),
    "a form a name does not have": ("versions/0/texts/ru/basis", "{authority:dative}"),
    "a form of what has none": ("versions/0/texts/kk/basis", "{what:dative}"),
    "broken braces": ("versions/0/texts/kk/basis", "{what"),
    "a conversion": ("versions/0/texts/kk/basis", "{what!r}"),
    "an attribute": ("versions/0/texts/kk/basis", "{what.__class__}"),
    "an empty paragraph": ("versions/0/texts/kk/body/0", " "),
    "no body": ("versions/0/texts/kk/body", []),
    "a subject of two lines": ("versions/0/texts/kk/subject", "{what}\n"),
    "a parameter named as the vocabulary": ("versions/0/parameters/authority", "string"),
    "a count without plurals": ("versions/0/parameters/what", "count"),
    "plurals of no count": ("versions/0/plurals", {"what": PLURALS}),
}


@pytest.mark.parametrize(("path", "value"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_template_does_not_load(path: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(TemplateError):
        loaded(tmp_path, changed(path, value))


@pytest.mark.parametrize(
    ("language", "phrases"),
    [
        ("ru", {"one": "{n} день", "other": "{n} дня"}),
        ("en", {"one": "{n} day", "few": "{n} days", "other": "{n} days"}),
        ("kk", {"one": "бір күн", "other": "{n} күн"}),
    ],
    ids=["a form missing", "a form too many", "a form without its number"],
)
def test_plurals_are_those_of_the_language(language: str, phrases: dict[str, str], tmp_path: Path) -> None:
    template = copy.deepcopy(COUNTING)
    template["versions"][0]["plurals"]["what"][language] = phrases
    with pytest.raises(TemplateError, match=language):
        loaded(tmp_path, template)


def test_a_wording_changed_after_a_message_was_written_with_it_is_refused(tmp_path: Path) -> None:
    used = loaded(tmp_path).render("sample", {"on": dt.date(2026, 3, 2), "what": "this"}).editions
    assert {one.id for one in used} == {"sample", "vocabulary/authority"}
    refuse_changes(loaded(tmp_path).editions, used)
    with pytest.raises(TemplateError, match=r"sample v1 was changed .* add a new version"):
        refuse_changes(loaded(tmp_path, changed("versions/0/texts/ru/basis", "y")).editions, used)
    renamed = copy.deepcopy(VOCABULARY)
    renamed["terms"]["authority"][0]["forms"]["ru"]["nominative"] = "другой"
    with pytest.raises(TemplateError, match="vocabulary/authority v1 was changed"):
        refuse_changes(loaded(tmp_path, vocabulary=renamed).editions, used)
    with pytest.raises(TemplateError, match="is gone"):
        refuse_changes({}, used)


def test_a_new_version_beside_the_used_one_is_no_change(tmp_path: Path) -> None:
    used = loaded(tmp_path).render("sample", {"on": dt.date(2026, 3, 2), "what": "this"}).editions
    second = copy.deepcopy(TEMPLATE["versions"][0]) | {"version": 2, "in_force_from": "2026-05-01"}
    added = loaded(tmp_path, TEMPLATE | {"versions": [TEMPLATE["versions"][0], second]})
    refuse_changes(added.editions, used)


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    loaded(tmp_path)
    (tmp_path / "sample.json").write_text("{")
    with pytest.raises(TemplateError, match=r"sample\.json"):
        load(tmp_path)


def test_a_vocabulary_without_a_language_does_not_load(tmp_path: Path) -> None:
    vocabulary = copy.deepcopy(VOCABULARY)
    del vocabulary["terms"]["authority"][1]["forms"]["ru"]
    with pytest.raises(TemplateError, match="authority"):
        loaded(tmp_path, vocabulary=vocabulary)


@pytest.mark.parametrize(
    ("day", "name"), [("2025-01-01", "Орган"), ("2026-06-30", "Орган"), ("2026-07-01", "Новый орган")]
)
def test_an_authority_has_the_name_of_the_facts_day(day: str, name: str, tmp_path: Path) -> None:
    message = loaded(tmp_path).render("sample", {"on": dt.date.fromisoformat(day), "what": "this"})
    assert message.ru.body.startswith(name)


def test_a_new_wording_is_used_from_its_day_and_the_old_one_can_be_rendered_again(tmp_path: Path) -> None:
    second = copy.deepcopy(TEMPLATE["versions"][0]) | {"version": 2, "in_force_from": "2026-05-01"}
    second["texts"] = {language: SOURCE | {"subject": "{what}!"} for language in ("kk", "ru", "en")}
    catalogue = loaded(tmp_path, TEMPLATE | {"versions": [TEMPLATE["versions"][0], second]})
    before, after = dt.date(2026, 4, 30), dt.date(2026, 5, 1)
    assert catalogue.render("sample", {"on": before, "what": "this"}).version == 1
    assert catalogue.render("sample", {"on": after, "what": "this"}).ru.subject == "это!"
    assert catalogue.render("sample", {"on": after, "what": "this"}, version=1).ru.subject == "это"


def test_a_later_version_needs_a_later_day(tmp_path: Path) -> None:
    second = copy.deepcopy(TEMPLATE["versions"][0]) | {"version": 2}
    with pytest.raises(TemplateError, match="later day"):
        loaded(tmp_path, TEMPLATE | {"versions": [TEMPLATE["versions"][0], second]})


def test_the_sample_itself_is_right(tmp_path: Path) -> None:
    message = loaded(tmp_path).render("sample", {"on": dt.date(2026, 3, 2), "what": "this"})
    assert message.en.body == "The authority, 2 March 2026\n\nLegal basis: x."
    assert OfficialText(kk=message.kk.subject, ru=message.ru.subject) == OfficialText(kk="бұл", ru="это")
