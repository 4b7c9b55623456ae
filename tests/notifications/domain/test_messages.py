"""Each legal step of the Article 51-2 cycle that concerns a producer has its message, in three languages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.contract import OfficialText
from services.notifications.domain.messages import (
    Catalogue,
    ParameterValue,
    RenderedMessage,
    Text,
    UnknownTemplate,
    WrongParameters,
    catalogue,
    render,
)
from services.notifications.domain.phrasing import LANGUAGES
from services.notifications.domain.templates import Version
from services.register.contract.appeals import AppealClosingGround
from services.register.contract.events import ApplicationClosed

ON: Final = dt.date(2026, 3, 2)
TERM: Final = dt.date(2026, 4, 1)
PRODUCT: Final = OfficialText(kk="«Жұлдыз» жүйесі {on}", ru="Система «Жұлдыз» {on}", en="Zhuldyz {on}")
REASONS: Final = OfficialText(kk="БҚОҮ 80 %-дан төмен.", ru="ДЛПО ниже 80 %.")
TEMPLATES: Final = catalogue().templates

STEPS: Final = {
    "application_filed",
    "reapplication_filed",
    "application_withdrawn",
    "application_closed",
    "confirmation_case_opened",
    "monitoring_case_opened",
    "appeal_case_opened",
    "notification_issued",
    "inclusion_notification_received",
    "exclusion_notification_received",
    "appeal_notification_received",
    "notification_returned",
    "notification_resubmitted",
    "included",
    "inclusion_refused",
    "monitoring_conforms",
    "excluded_by_monitoring",
    "exclusion_requested",
    "excluded_on_request",
    "excluded_on_liquidation",
    "excluded_on_reorganisation",
    "appeal_filed",
    "appeal_filed_late",
    "appeal_dismissed",
    "appeal_dismissed_late",
    "reinstated",
    "reinstated_from_start",
    "reinstated_by_court",
    "documents_requested",
    "documents_not_supplied",
    "documents_supplied",
    "court_ruling_recorded",
    "appeal_closed",
    "appeal_upheld_included_anew",
    "exclusion_corrected",
}


def values(version: Version, choice: int = 0) -> dict[str, ParameterValue]:
    """Parameters that fit, with braces in the text so that a second substitution would show."""
    samples: Mapping[str, ParameterValue] = {
        "date": TERM,
        "text": PRODUCT,
        "string": "DP-2026-000017",
        "quarter": "2026-Q1",
        "count": 21,
    }
    fitting = {name: samples[kind] for name, kind in version.parameters.items() if kind != "choice"}
    choices = {name: sorted(options)[choice % len(options)] for name, options in version.choices.items()}
    return {**fitting, **choices, "on": ON}


def newest(template_id: str) -> Version:
    return TEMPLATES[template_id].versions[-1]


def texts(message: RenderedMessage) -> list[Text]:
    return [message.in_language(language) for language in LANGUAGES]


def test_every_step_that_concerns_a_producer_has_a_template() -> None:
    assert {template.id for template in TEMPLATES.values() if template.audience == "producer"} >= STEPS


def test_a_missed_term_is_for_the_authority_that_missed_it() -> None:
    assert TEMPLATES["term_missed"].audience == "authority"


@pytest.mark.parametrize("template_id", sorted(TEMPLATES))
@pytest.mark.parametrize("choice", range(6))
def test_every_template_renders_in_three_languages_with_every_choice(template_id: str, choice: int) -> None:
    message = render(template_id, values(newest(template_id), choice))
    for text in texts(message):
        shown = f"{text.subject}\n{text.body}".replace("{on}", "")
        assert "{" not in shown
        assert "}" not in shown
        assert "  " not in shown
        assert text.subject == text.subject.strip()
        assert "\n" not in text.subject
        assert text.subject[0].upper() == text.subject[0]
    assert len({text.body for text in texts(message)}) == 3


@pytest.mark.parametrize("template_id", sorted(TEMPLATES))
def test_every_message_cites_its_legal_basis_last(template_id: str) -> None:
    message = render(template_id, values(newest(template_id)))
    labels = ("Құқықтық негізі: ", "Правовое основание: ", "Legal basis: ")
    for text, label in zip(texts(message), labels, strict=True):
        last = text.body.split("\n\n")[-1]
        assert last.startswith(label)
        assert last.endswith(".")
        assert any(number in last for number in ("51-", "7-6", "327"))


@pytest.mark.parametrize("template_id", sorted(TEMPLATES))
def test_every_message_shows_the_day_of_its_fact(template_id: str) -> None:
    message = render(template_id, values(newest(template_id)))
    for text, day in zip(
        texts(message), ("2026 жылғы 2 наурыз", "2 марта 2026 года", "2 March 2026"), strict=True
    ):
        assert day in text.body


@pytest.mark.parametrize("template_id", sorted(TEMPLATES))
def test_kazakh_texts_are_kazakh_and_english_texts_are_not_cyrillic(template_id: str) -> None:
    message = render(template_id, values(newest(template_id)))
    assert set("әғқңөұүһі") & set(message.kk.body.lower())
    assert not set("әғқңөұүһі") & set(message.ru.body.lower().replace("жұлдыз", ""))
    assert not any("а" <= letter <= "я" for letter in message.en.body.lower())


def test_an_exclusion_by_monitoring_says_why_and_until_when_it_can_be_appealed() -> None:
    """Law 86-VII art. 51-2(5), order 327 para. 31: thirty calendar days from the exclusion."""
    message = render(
        "excluded_by_monitoring",
        {"on": ON, "product": PRODUCT, "entry": "17", "reasons": REASONS, "term_ends": TERM},
    )
    assert "2026 жылғы 1 сәуірге дейін (осы күнді қоса алғанда)" in message.kk.body
    assert "по 1 апреля 2026 года включительно" in message.ru.body
    assert "until 1 April 2026 inclusive" in message.en.body
    assert REASONS.kk in message.kk.body
    assert REASONS.ru in message.ru.body


def test_a_late_appeal_is_told_the_day_its_term_ended() -> None:
    """Order 327 para. 31."""
    params: dict[str, ParameterValue] = {"on": ON, "product": PRODUCT, "entry": "17", "term_ended": TERM}
    message = render("appeal_dismissed_late", params)
    assert "Последний день срока обжалования: 1 апреля 2026 года." in message.ru.body
    assert "Шағым беру мерзімінің соңғы күні: 2026 жылғы 1 сәуір." in message.kk.body


def test_a_text_without_english_is_shown_in_russian_in_the_english_message() -> None:
    params: dict[str, ParameterValue] = {"on": ON, "product": PRODUCT, "application": "5", "reasons": REASONS}
    assert REASONS.ru in render("inclusion_refused", params).en.body


def test_braces_in_a_producers_text_stay_as_they_are() -> None:
    assert (
        "Система «Жұлдыз» {on}" in render("confirmation_case_opened", {"on": ON, "product": PRODUCT}).ru.body
    )


@pytest.mark.parametrize("template_id", sorted(TEMPLATES))
def test_a_missing_or_an_unknown_parameter_is_an_error(template_id: str) -> None:
    fitting = values(newest(template_id))
    with pytest.raises(WrongParameters, match="unknown"):
        render(template_id, {**fitting, "surplus": "x"})
    for name in fitting:
        with pytest.raises(WrongParameters):
            render(template_id, {key: value for key, value in fitting.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("on", "2026-03-02"),
        ("on", dt.datetime(2026, 3, 2, tzinfo=dt.UTC)),
        ("product", "Жұлдыз"),
        ("product", OfficialText(kk="", ru="x")),
        ("entry", ""),
        ("entry", "a\nb"),
        ("quarter", "2026-3"),
    ],
)
def test_a_parameter_of_another_kind_is_an_error(name: str, value: ParameterValue) -> None:
    params = values(newest("monitoring_conforms")) | {name: value}
    with pytest.raises(WrongParameters, match=name):
        render("monitoring_conforms", params)


def test_a_choice_that_the_template_does_not_know_is_an_error() -> None:
    params = values(newest("notification_issued")) | {"result": "perhaps"}
    with pytest.raises(WrongParameters, match="result"):
        render("notification_issued", params)


def test_an_unknown_template_and_an_unknown_version_are_errors() -> None:
    with pytest.raises(UnknownTemplate):
        render("nothing", {"on": ON})
    with pytest.raises(UnknownTemplate):
        catalogue().render("included", values(newest("included")), version=99)


@given(kk=st.text(min_size=1), ru=st.text(min_size=1), day=st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)))
def test_whatever_a_producers_product_is_called_it_is_shown_as_it_is(kk: str, ru: str, day: dt.date) -> None:
    params: dict[str, ParameterValue] = {"on": day, "product": OfficialText(kk=kk, ru=ru)}
    if not (kk.strip() and ru.strip()):
        with pytest.raises(WrongParameters):
            render("confirmation_case_opened", params)
        return
    message = render("confirmation_case_opened", params)
    assert kk in message.kk.body
    assert ru in message.ru.body


def test_the_same_facts_give_the_same_texts() -> None:
    again = Catalogue(TEMPLATES, catalogue()._vocabulary, catalogue().editions)
    for template_id in TEMPLATES:
        fitting = values(newest(template_id))
        assert render(template_id, fitting) == again.render(template_id, fitting)


@pytest.mark.parametrize(
    ("left", "russian", "english", "kazakh"),
    [
        (0, "0 дней", "0 days", "0 күн"),
        (1, "1 день", "1 day", "1 күн"),
        (2, "2 дня", "2 days", "2 күн"),
        (5, "5 дней", "5 days", "5 күн"),
        (11, "11 дней", "11 days", "11 күн"),
        (21, "21 день", "21 days", "21 күн"),
        (22, "22 дня", "22 days", "22 күн"),
    ],
)
def test_a_count_takes_the_plural_form_of_each_language(
    left: int, russian: str, english: str, kazakh: str
) -> None:
    params = values(newest("term_ends_soon")) | {"left": left}
    message = render("term_ends_soon", params)
    assert f": {russian}." in message.ru.body
    assert f": {english}." in message.en.body
    assert f": {kazakh}." in message.kk.body


@pytest.mark.parametrize("left", [-1, True, "1"])
def test_a_count_is_a_whole_number(left: ParameterValue) -> None:
    params = values(newest("term_ends_soon")) | {"left": left}
    with pytest.raises(WrongParameters, match="left"):
        render("term_ends_soon", params)


@pytest.mark.parametrize(
    ("template", "grounds"),
    [
        ("application_closed", set(get_args(get_type_hints(ApplicationClosed)["ground"]))),
        ("appeal_closed", set(get_args(AppealClosingGround)) - {"included_anew"}),
    ],
)
def test_every_ground_on_which_something_ends_can_be_told(template: str, grounds: set[str]) -> None:
    """A ground without words would leave the producer without the message."""
    assert set(TEMPLATES[template].versions[-1].choices["ground"]) == grounds
