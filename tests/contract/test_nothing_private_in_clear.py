"""No producer's own words and nothing personal stand in clear in a published event (law 418-V art. 36).

Every text of every published event is named here with what it is. A field that is added fails the tests until
somebody decides what it may hold; what a producer writes freely, or is personal, belongs in the vault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
from msgspec import inspect

from services.register.contract.events import REGISTER_EVENTS, ApplicationFiled
from services.register.journal import open_journal
from services.verification.contract.events import VERIFICATION_EVENTS
from services.verification.journal import open_journal as open_verification
from tests.contract.golden_records import lines_of

COMPLETE: Final = (open_journal, open_verification)
"""Importing them imports every module that publishes an event."""
REGISTRIES: Final = (REGISTER_EVENTS, VERIFICATION_EVENTS)

OF_THE_AUTHORITIES: Final = frozenset(
    {
        "answer_to_remarks",
        "asked",
        "authority",
        "citation",
        "court",
        "ground",
        "number",
        "reason",
        "reasons",
        "reference",
        "remarks",
        "rule_reason",
        "source",
        "trusted_register_reference",
        "listing_reference",
    }
)
"""What an authority, a court or a state system writes, and is answerable for."""
PUBLISHED: Final = frozenset({"name", "product_name", "kk", "ru", "en"})
"""Order 327 Appendix 1 publishes what a legal entity and a product are called."""
REGISTERED: Final = "registration_number"
"""Of a legal entity it is public (Appendix 2); an individual's is in the vault."""
SEALED: Final = frozenset(
    {
        "address",
        "email",
        "telephone",
        "iin",
        "holder_iin",
        "name_kk",
        "name_ru",
        "rectified",
        "rectified_kk",
        "rectified_ru",
        "rectified_en",
        "grounds",
        "explanation",
        "comment",
    }
)
"""What the vault keeps, or would have to: no field of an event has such a name."""
FORMED: Final = frozenset(
    {
        *("absent", "damaged", "present", "fields", "findings", "inputs", "kept", "kinds", "replaced"),
        *("agsk3", "ens_tru", "kato", "kpved", "oked_primary", "oked_secondary", "tn_ved"),
        *("all_expenses", "amount", "development_payments", "part", "whole", "capacity_per_year"),
        *("declared_foreign_share", "declared_localisation_share", "localisation_share"),
        *("appeal_id", "appealed_case_id", "application_id", "case_id", "corrected_event_id"),
        *("correction_id", "corrects", "entry_id", "erasure_id", "exclusion_event_id", "extract_id"),
        *("follows", "inclusion_event_id", "issued_event_id", "known_by", "listing_id", "listing_ids"),
        *("notification_id", "officer", "producer_id", "product_id", "proposed_by", "request_id"),
        *(
            "signal_id",
            "signature_attested_by",
            "subject_id",
            "told_for",
            "told_in",
            "application_number",
            "bin",
            "former_bin",
            "holder_bin",
        ),
        *("changed_on", "day", "delisted_on", "due_on", "excluded_on", "filed_on", "included_on"),
        *("issued_on", "last_day", "legal_date", "liquidated_on", "listed_on", "reinstated_on"),
        *("reorganised_on", "ruled_on", "term_ended_on", "transformed_on", "valid_until"),
        *("trusted_register_listed_on", "counts_from", "valid_at", "quarter"),
        *("code_sha256", "content_sha256", "digest", "document_sha256", "sha256", "signature_sha256"),
        *("commitments", "iin_commitment", "holder_iin_commitment"),
        *("basis", "calendar", "criterion", "formula", "kind", "media_type", "payee_kind"),
        *("rule_set", "version"),
    }
)
"""Ids, days, numbers, codes, digests: their form leaves no room for words."""


def texts_of(info: inspect.Type, name: str) -> Iterator[str]:
    """The names of the fields, at any depth, that hold text; those that are one of a few words are none."""
    match info:
        case inspect.UnionType():
            for one in info.types:
                yield from texts_of(one, name)
        case inspect.VarTupleType():
            yield from texts_of(info.item_type, name)
        case inspect.StructType():
            if {field.encode_name for field in info.fields} == {"kk", "ru", "en"}:
                yield name
                return
            for field in info.fields:
                yield from texts_of(field.type, field.encode_name)
        case inspect.StrType() | inspect.DictType():
            yield name


def published() -> list[Any]:
    return [
        pytest.param(kind, id=name) for registry in REGISTRIES for name, kind in registry.classes().items()
    ]


@pytest.mark.parametrize("kind", published())
def test_every_text_of_a_published_event_may_stand_in_clear(kind: type[msgspec.Struct]) -> None:
    found = set(texts_of(inspect.type_info(kind), ""))
    assert not found & SEALED, "this belongs in the vault, bound by a commitment"
    unknown = found - OF_THE_AUTHORITIES - PUBLISHED - FORMED - {REGISTERED}
    assert not unknown, "say here what it holds, or seal it"


def test_what_is_named_here_is_published() -> None:
    """A name that no event has any more tells nobody anything."""
    found = {
        name
        for registry in REGISTRIES
        for kind in registry.classes().values()
        for name in texts_of(inspect.type_info(kind), "")
    }
    assert {*OF_THE_AUTHORITIES, *FORMED, "name", "product_name", REGISTERED} == found


@pytest.mark.parametrize(
    ("kind", "registered"), [("individual_entrepreneur", None), ("legal_entity", "GU-2018-001")]
)
def test_what_a_former_version_held_in_clear_is_read_from_nowhere(kind: str, registered: str | None) -> None:
    """A record of `application.filed.v1` stays as it is in its journal; nothing shows those words."""
    former = "kz.register.application.filed.v1"
    document = msgspec.json.decode(lines_of(former)[0])
    assert "rectified" in document["data"]
    document["data"]["registration_number"] = "GU-2018-001"
    document["data"]["producer"]["kind"] = kind
    filed = REGISTER_EVENTS.decode(former, msgspec.json.encode(document)).data
    assert isinstance(filed, ApplicationFiled)
    assert filed.registration_number == registered
    assert b"rectified" not in msgspec.json.encode(filed)
