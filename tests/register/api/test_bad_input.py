"""Bad input: a clear problem document naming the field and the rule, and nothing stored."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest

from services.kernel.identifiers import check_digit
from services.kernel.identity.tokens import TokenIssuer, development_issuer
from services.register.api.forms import ReturnForm
from services.register.domain.application import Application
from tests.register.api.conftest import Api, body
from tests.register.given import BIN, IIN, OTHER_BIN

ENDED = {"on": "2026-03-02", "reference": "R"}
UNKNOWN = "0191f3c0-0000-7000-8000-000000000000"


def refused(api: Api, answer: Any, status: int, code: str, head: int = 0) -> dict[str, Any]:
    """The problem document, after making sure of its form and that nothing was recorded."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code
    assert problem["type"] == f"/problems/{code}"
    assert problem["title"]
    assert api.head() == head
    return problem


def changed(path: str, value: Any) -> dict[str, Any]:
    """The form with one place changed; `...` takes it out."""
    form: dict[str, Any] = body()
    place: Any = form
    *parents, last = path.strip("/").split("/")
    for name in parents:
        key: Any = int(name) if name.isdigit() else name
        copy = list(place[key]) if isinstance(place[key], list) else dict(place[key])
        place[key] = copy
        place = copy
    key = int(last) if last.isdigit() else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return form


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "body_unreadable"),
        ("{}".encode("utf-16"), "body_unreadable"),
        ("{}".encode("utf-16-be"), "body_unreadable"),
        ("{}".encode("utf-32-le"), "body_unreadable"),
        (b'{"a": 1,}', "body_unreadable"),
        (b'\xff\xfe{"a"}', "body_unreadable"),
        (b'"\xd0"', "body_unreadable"),
        (b"nonsense", "body_unreadable"),
    ],
)
def test_a_body_that_is_no_json_is_unreadable(api: Api, content: bytes, code: str) -> None:
    refused(api, api.raw("/v1/applications", content), 400, code)


@pytest.mark.parametrize("content", [b"null", b"[]", b'"text"', b"1"])
def test_a_body_that_is_no_object_is_wrong(api: Api, content: bytes) -> None:
    refused(api, api.raw("/v1/applications", content), 422, "request_invalid")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/surprise", 1),
        ("/producer/surprise", 1),
        ("/product/name/fr", "x"),
        ("/reporting_year", "2025"),
        ("/reporting_year", 1999),
        ("/reporting_year", 10**9),
        ("/reporting_year", 2025.0),
        ("/consent_to_data_processing", "yes"),
        ("/documents", {}),
        ("/documents", []),
        ("/documents/0/kind", "holiday_photos"),
        ("/documents/0/size", -1),
        ("/documents/0/size", 10**15),
        ("/documents/0/size", "48213"),
        ("/documents/0/sha256", "A" * 64),
        ("/documents/0/sha256", "a" * 63),
        ("/documents/0/valid_until", "31.12.2026"),
        ("/documents/0/media_type", "not a type"),
        ("/producer/bin", "181240006528"),
        ("/producer/bin", "18124000652"),
        ("/producer/bin", 181240006529),
        ("/producer/bin", "181240006529\u0661"),
        ("/producer/name/kk", ...),
        ("/producer/name/ru", "   "),
        ("/producer/registration_number", "Асель Оспанова, Алматы"),
        ("/producer/registration_number", "GU-2018-001 (" + "x" * 60),
        ("/producer/name/ru", "x" * 301),
        ("/producer/name/ru", "a\u0000b"),
        ("/product/name/kk", ""),
        ("/product/tn_ved", "852349990"),
        ("/product/kpved", "6201.29"),
        ("/product/ens_tru", "620129-000-000001"),
        ("/product/agsk3", "!!"),
        ("/product/capacity_per_year", "-5"),
        ("/product/capacity_per_year", "9" * 13),
        ("/product/capacity_per_year", "1e6"),
        ("/activity/oked_primary", "6201"),
        ("/activity/kato", "71000000"),
        ("/activity/oked_secondary", ["62020"] * 21),
        ("/contacts/email", "nobody"),
        ("/contacts/telephone", "call me"),
        ("/contacts/address", "x" * 501),
        ("/language", "fr"),
        ("/product", ...),
        ("/rectified", {"kk": "x"}),
        ("/signature_sha256", "zz"),
    ],
)
def test_a_wrong_field_is_named(api: Api, path: str, value: Any) -> None:
    problem = refused(api, api.post("/v1/applications", changed(path, value)), 422, "request_invalid")
    assert any(error["pointer"].startswith(path) for error in problem["errors"]), problem["errors"]


def test_a_lone_surrogate_is_refused(api: Api) -> None:
    content = b'{"producer": {"name": {"kk": "\\ud800", "ru": "x"}}}'
    assert api.raw("/v1/applications", content).status_code in {400, 422}
    assert api.head() == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("181250006527", "applicant_not_resident"),
        ("181241006529", "bin_check_digit"),
    ],
)
def test_the_rule_that_a_number_breaks_is_named(api: Api, number: str, code: str) -> None:
    problem = refused(
        api,
        api.post("/v1/applications", changed("/producer/bin", with_check_digit(number, code))),
        422,
        "request_invalid",
    )
    assert problem["errors"][0]["code"] == code


def with_check_digit(number: str, code: str) -> str:
    return number if code == "bin_check_digit" else f"{number[:11]}{check_digit(number[:11])}"


def test_a_branch_cannot_apply(api: Api) -> None:
    eleven = "18124100652"
    number = f"{eleven}{check_digit(eleven)}"
    problem = refused(
        api, api.post("/v1/applications", changed("/producer/bin", number)), 422, "request_invalid"
    )
    assert problem["errors"][0]["code"] == "applicant_is_branch"


def test_one_of_bin_and_iin_is_given(api: Api) -> None:
    for producer in (
        {"name": {"kk": "x", "ru": "x"}},
        {"bin": BIN, "iin": IIN, "name": {"kk": "x", "ru": "x"}},
    ):
        problem = refused(api, api.post("/v1/applications", body(producer=producer)), 422, "request_invalid")
        assert problem["errors"][0]["pointer"] == "/producer"


def test_a_year_that_is_not_over_and_a_missing_document_kind_name_their_field(api: Api) -> None:
    problem = refused(
        api, api.post("/v1/applications", body(reporting_year=2026)), 422, "reporting_year_not_over"
    )
    assert problem["errors"][0]["pointer"] == "/reporting_year"
    without = [d for d in body()["documents"] if d["kind"] != "developers_list"]
    problem = refused(api, api.post("/v1/applications", body(documents=without)), 422, "document_missing")
    assert (problem["params"]["group"], problem["errors"][0]["pointer"]) == ("developers_list", "/documents")


def test_without_consent_nothing_is_filed(api: Api) -> None:
    refused(
        api, api.post("/v1/applications", body(consent_to_data_processing=False)), 422, "consent_required"
    )


def test_a_body_over_64_kib_is_refused_stated_or_not(api: Api) -> None:
    large = b'{"x": "' + b"a" * 70_000 + b'"}'
    refused(api, api.raw("/v1/applications", large), 413, "body_too_large")
    headers = {**api.headers("producer"), "Idempotency-Key": "k", "Content-Type": "application/json"}
    chunked = api.client.post("/v1/applications", content=iter([large]), headers=headers)
    refused(api, chunked, 413, "body_too_large")


def test_another_media_type_is_refused(api: Api) -> None:
    answer = api.raw("/v1/applications", b"a=1", **{"Content-Type": "application/x-www-form-urlencoded"})
    refused(api, answer, 415, "media_type_unsupported")


def test_a_url_over_2000_characters_is_refused(api: Api) -> None:
    refused(api, api.get("/v1/entries", q="x" * 2_000), 414, "url_too_long")


@pytest.mark.parametrize(
    ("path", "json", "role", "code"),
    [
        (f"/v1/applications/{UNKNOWN}/withdrawal", {}, "producer", "application_unknown"),
        (f"/v1/entries/{UNKNOWN}/appeals", {"grounds": "x", "language": "kk"}, "producer", "entry_unknown"),
        (f"/v1/entries/{UNKNOWN}/exclusion-requests", {}, "producer", "entry_unknown"),
        (f"/v1/entries/{UNKNOWN}/exclusion", {}, "industry_officer", "entry_unknown"),
        (f"/v1/notifications/{UNKNOWN}/acceptance", {}, "industry_officer", "notification_unknown"),
        (
            f"/v1/notifications/{UNKNOWN}/return",
            {"remarks": {"kk": "x", "ru": "x"}},
            "industry_officer",
            "notification_unknown",
        ),
        (
            f"/v1/producers/{BIN}/liquidation",
            {"on": "2026-03-02", "reference": "R"},
            "service",
            "producer_unknown",
        ),
    ],
)
def test_unknown_ids_are_not_found(api: Api, path: str, json: Any, role: str, code: str) -> None:
    refused(api, api.post(path, json, role, if_match='"1"'), 404, code)


def test_an_id_of_another_kind_is_not_found(api: Api) -> None:
    filed = api.filed()
    head = api.head()
    path = f"/v1/notifications/{filed['application_id']}/acceptance"
    refused(api, api.post(path, {}, "industry_officer", if_match='"1"'), 404, "notification_unknown", head)


def test_an_id_that_is_none_names_its_parameter(api: Api) -> None:
    problem = refused(api, api.get("/v1/entries/none"), 422, "request_invalid")
    assert problem["errors"][0]["parameter"] == "entry_id"


def test_an_iin_is_no_legal_entity_to_liquidate(api: Api) -> None:
    form = {"on": "2026-03-02", "reference": "R"}
    problem = refused(
        api, api.post(f"/v1/producers/{IIN}/liquidation", form, "service"), 422, "request_invalid"
    )
    assert problem["errors"][0] == {
        "code": "bin_type",
        "detail": "БСН бесінші цифры 4, 5 немесе 6 болады.",
        "parameter": "bin",
    }


@pytest.mark.parametrize(
    "on", ["2026-3-2", "20260302", "2026-02-30", "1999-12-31", 1772409600, "2026-03-02T00:00:00"]
)
def test_a_day_is_an_iso_date(api: Api, on: Any) -> None:
    form = {"on": on, "reference": "R"}
    problem = refused(
        api, api.post(f"/v1/producers/{BIN}/liquidation", form, "service"), 422, "request_invalid"
    )
    assert problem["errors"][0]["pointer"] == "/on"


def test_a_day_in_the_future_is_refused(api: Api) -> None:
    api.filed()
    form = {"on": "2026-03-03", "reference": "R"}
    answer = api.post(f"/v1/producers/{BIN}/liquidation", form, "service")
    problem = refused(api, answer, 422, "day_in_future", api.head())
    assert problem["errors"][0]["pointer"] == "/on"


# --- keys, versions, tokens, tenants ------------------------------------------------------------------------


def test_a_command_needs_a_key(api: Api) -> None:
    answer = api.client.post("/v1/applications", json=body(), headers=api.headers("producer"))
    refused(api, answer, 400, "idempotency_key_required")


def test_the_same_key_and_body_give_the_same_answer(both: Api) -> None:
    first = both.post("/v1/applications", body(), key="k")
    again = both.post("/v1/applications", body(), key="k")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    for name in ("ETag", "Location", "Journal-Position"):
        assert first.headers[name] == again.headers[name]
    assert both.head() == 2


def test_the_first_answer_is_given_again_after_the_application_moved_on(both: Api) -> None:
    first = both.post("/v1/applications", body(), key="k")
    both.post(f"{first.headers['Location']}/withdrawal")
    again = both.post("/v1/applications", body(), key="k")
    assert (again.status_code, again.content) == (201, first.content)


def test_a_key_with_another_body_is_refused(both: Api) -> None:
    both.post("/v1/applications", body(), key="k")
    answer = both.post("/v1/applications", body(language="ru"), key="k")
    refused(both, answer, 422, "idempotency_key_reused", 2)


def test_a_key_is_its_callers_own(both: Api) -> None:
    both.post("/v1/applications", body(), key="k")
    other = {"bin": OTHER_BIN, "name": {"kk": "x", "ru": "x"}}
    assert both.post("/v1/applications", body(producer=other), producer=OTHER_BIN, key="k").status_code == 201


def waiting(api: Api) -> str:
    application = api.desk.journal.load(Application, UUID(api.filed()["application_id"]))
    return api.desk.notify("confirmation", "confirmed", application).notification_id


@pytest.mark.parametrize(
    ("if_match", "status", "code"),
    [(None, 428, "if_match_required"), ('"7"', 412, "version_stale"), ("*", 412, "version_not_named")],
)
def test_a_decision_names_the_version_it_was_made_on(
    both: Api, if_match: str | None, status: int, code: str
) -> None:
    notification_id = waiting(both)
    head = both.head()
    path = f"/v1/notifications/{notification_id}/acceptance"
    refused(both, both.post(path, {}, "industry_officer", if_match=if_match), status, code, head)


def test_a_decision_repeated_with_its_key_is_made_once(both: Api) -> None:
    path = f"/v1/notifications/{waiting(both)}/acceptance"
    first = both.post(path, {}, "industry_officer", if_match='"1"', key="k")
    again = both.post(path, {}, "industry_officer", if_match='"1"', key="k")
    assert (first.status_code, first.content) == (again.status_code, again.content)


def test_a_command_that_the_state_forbids_says_what_is_allowed(both: Api) -> None:
    filed = both.filed()
    answer = both.post("/v1/applications", body())
    problem = refused(both, answer, 409, "application_pending", 2)
    assert problem["params"] == {
        "state": "filed",
        "allowed": "withdrawal",
        "application_id": filed["application_id"],
    }


def test_a_producer_does_not_act_for_another(both: Api) -> None:
    refused(both, both.post("/v1/applications", body(), producer=OTHER_BIN), 403, "not_yours")
    entry = both.desk.include()
    head = both.head()
    for path, json in (("appeals", {"grounds": "x", "language": "kk"}), ("exclusion-requests", {})):
        answer = both.post(f"/v1/entries/{entry.id}/{path}", json, producer=OTHER_BIN)
        refused(both, answer, 403, "not_yours", head)


def test_a_token_that_expired_or_comes_from_elsewhere_is_refused(api: Api) -> None:
    mine = api.issuer
    foreign = TokenIssuer("urn:elsewhere", mine._key, audience="urn:tizilim:register")
    claims: dict[str, Any] = {"subject": "p", "roles": ["producer"], "producer": BIN}
    for token, code in (
        (mine.token(**claims, now=time.time() - 3_600), "token_expired"),
        (foreign.token(**claims), "token_invalid"),
        ("not.a.token", "token_invalid"),
    ):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
        answer = api.client.post("/v1/applications", json=body(), headers=headers)
        refused(api, answer, 401, code)


def test_problems_speak_the_callers_language(api: Api) -> None:
    titles = {
        language: api.client.get(f"/v1/entries/{UNKNOWN}", headers={"Accept-Language": language}).json()[
            "title"
        ]
        for language in ("kk", "ru", "en", "de")
    }
    assert titles == {
        "kk": "Мұндай жазба жоқ",
        "ru": "Такой записи нет",
        "en": "There is no such entry",
        "de": "Мұндай жазба жоқ",
    }


def test_remarks_are_mandatory_and_in_both_languages(both: Api) -> None:
    notification_id = waiting(both)
    head = both.head()
    wrong: list[Any] = [{}, {"remarks": {}}, {"remarks": {"kk": "x"}}, {"remarks": {"kk": "x", "ru": " "}}]
    for remarks in wrong:
        answer = both.post(
            f"/v1/notifications/{notification_id}/return", remarks, "industry_officer", if_match='"1"'
        )
        refused(both, answer, 422, "request_invalid", head)
    assert ReturnForm.model_fields["remarks"].is_required()


def test_the_local_issuer_is_the_one_of_the_data_folder(api: Api, tmp_path: Any) -> None:
    assert development_issuer(tmp_path).issuer == api.issuer.issuer


@pytest.mark.parametrize(
    ("producer", "code"),
    [({"bin": IIN}, "bin_type"), ({"iin": BIN}, "iin_is_bin")],
    ids=["an IIN as a BIN", "a BIN as an IIN"],
)
def test_an_applicant_is_named_by_the_number_of_its_kind_order_327_para_3_1(
    api: Api, producer: dict[str, str], code: str
) -> None:
    """An IIN taken for a BIN would stand in a public journal for ever."""
    form = changed("producer", {"name": body()["producer"]["name"], **producer})
    (number,) = producer.values()
    problem = refused(
        api, api.post("/v1/applications", form, role="producer", producer=number), 422, "request_invalid"
    )
    assert [error["code"] for error in problem["errors"]] == [code]


def test_a_transformation_into_an_iin_is_refused_art_51_6(api: Api) -> None:
    api.desk.file()
    head = api.head()
    report = {"form": "transformation", "on": "2026-03-02", "reference": "R", "new_bin": IIN}
    answer = api.post(f"/v1/producers/{BIN}/reorganisation", report, role="industry_officer")
    problem = refused(api, answer, 422, "request_invalid", head=head)
    assert [error["code"] for error in problem["errors"]] == ["bin_type"]
