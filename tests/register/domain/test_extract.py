"""Law 86-VII art. 51-1(8), order 327 para. 6: an extract confirms what is in the register."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import rfc8785

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.errors import Conflict
from services.kernel.journal.events import microseconds, new_stream_id
from services.register.contract.extracts import ExtractIssued
from services.register.domain.extract import (
    Extract,
    ExtractContent,
    canonical,
    digest_of,
    producer_shown,
    with_personal,
    without_personal,
)
from tests.register.given import NOON, act, included, legal_entity

CODE = "A" * 32
PERSONAL = {"iin": "660427402182", "name_kk": "ДК «Әсел»", "name_ru": "ИП «Асель»"}


def issued(
    ref: ProducerRef | None = None, personal: Any = None, number: str | None = None, **changes: Any
) -> tuple[Extract, ExtractContent]:
    dossier = included()
    ref = ref or dossier.producer.ref
    extract = Extract(new_stream_id())
    values: dict[str, Any] = {
        "states": [dossier.entry.state],
        "valid_at": microseconds(NOON),
        "known_at": 7,
        "code": CODE,
        "verification_url": f"https://r.example/{CODE}",
    }
    shown = producer_shown(ref, personal or {}, number)
    return extract, extract.issue(act(), ref=ref, producer=shown, **{**values, **changes})


def individual() -> Any:
    ref = legal_entity()
    return type(ref)(producer_id=ref.producer_id, kind="individual_entrepreneur", iin_commitment="c0")


def test_the_fact_holds_the_digest_of_what_the_extract_says_and_both_times() -> None:
    extract, content = issued()
    (fact,) = extract.collect_events()
    assert isinstance(fact.data, ExtractIssued)
    assert fact.legal_basis == "law-86-VII art. 51-1(8); order-327 para. 6"
    assert fact.data.content_sha256 == digest_of(content)
    assert (fact.data.valid_at, fact.data.known_at) == ("2026-03-02T07:00:00.000000Z", 7)
    assert (fact.data.issued_on, fact.data.products) == ("2026-03-02", 1)
    assert CODE.encode() not in canonical(fact.data)


def test_the_columns_of_appendix_2_are_filled_and_dvc_is_not_dlpo() -> None:
    _, content = issued()
    (product,) = content.products
    assert product.name == OfficialText(kk="Есеп жүйесі", ru="Система Есеп")
    assert (product.oked, product.tn_ved, product.kpved) == (("62010",), "8523499000", "62.01.11")
    assert (product.ens_tru, product.capacity_per_year) == ("620111.900.000001", "1000")
    assert not {"dvc", "localisation_level"} & set(product.__struct_fields__)
    assert product.localisation_share == "93.45"


def test_the_canonical_bytes_are_those_of_rfc_8785() -> None:
    _, content = issued()
    assert canonical(content) == rfc8785.dumps(msgspec.to_builtins(content))


def test_nothing_in_the_register_then_is_nothing_to_confirm_para_6() -> None:
    with pytest.raises(Conflict) as refused:
        issued(states=[])
    assert refused.value.code == "nothing_in_register"


def test_an_individuals_number_and_name_are_in_the_extract_and_in_no_fact_or_kept_content() -> None:
    extract, content = issued(ref=individual(), personal=PERSONAL, number="ИП-870155")
    (fact,) = extract.collect_events()
    assert (content.producer.iin, content.producer.name) == (
        "660427402182",
        OfficialText(kk="ДК «Әсел»", ru="ИП «Асель»"),
    )
    assert content.producer.state_registration_number == "ИП-870155"
    for bytes_ in (canonical(fact.data), canonical(without_personal(content))):
        assert b"660427402182" not in bytes_
        assert "сел".encode() not in bytes_
        assert b"870155" not in bytes_
    assert with_personal(without_personal(content), PERSONAL, "ИП-870155") == content


def test_after_erasure_no_extract_is_issued_and_none_is_shown() -> None:
    with pytest.raises(Conflict) as refused:
        issued(ref=individual(), personal={})
    assert refused.value.code == "extract_personal_values_erased"
    _, content = issued(ref=individual(), personal=PERSONAL)
    assert with_personal(without_personal(content), {"iin": "660427402182"}, None) is None
