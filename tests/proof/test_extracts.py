"""A JSON extract says what the register issued, or is refused by name (docs/extracts.md)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from services.proof.checkpoints import Trust
from services.proof.extracts import ISSUED, canonical, verify_extract
from services.proof.notes import Signer
from services.proof.refusals import ContentAltered, Malformed, NotIncluded, OtherLog
from tests.proof.signed import TRUST, log_of, numbered_records, proof_in

CONTENT: dict[str, Any] = {"producer": {"bin": "180140006007", "name": "«Дала» ЖШС"}, "products": [{"n": 1}]}


def record_of(content: dict[str, Any], kind: str = ISSUED) -> bytes:
    data = {"content_sha256": sha256(canonical(content)).hexdigest()}
    return canonical({"data": data, "time": "2026-11-25T04:00:00.000000Z", "type": kind})


def extract_of(content: dict[str, Any], record: bytes | None = None) -> dict[str, Any]:
    """An extract of `CONTENT` in a log, showing `content`."""
    kept = record or record_of(CONTENT)
    proof = proof_in(log_of([*numbered_records(41), kept, b"later"]), 42)
    return {"content": content, "record": kept.decode(), "position": 42, "proof": str(proof)}


def raw(extract: dict[str, Any]) -> bytes:
    return json.dumps(extract).encode()


def test_an_extract_is_verified_with_the_key_alone() -> None:
    verified = verify_extract(raw(extract_of(CONTENT)), TRUST)

    assert (verified.position, verified.issued["time"]) == (42, "2026-11-25T04:00:00.000000Z")


def test_the_proof_may_come_beside_it() -> None:
    extract = extract_of(CONTENT)
    proof = extract.pop("proof").encode()

    assert verify_extract(raw(extract), TRUST, proof).position == 42
    with pytest.raises(Malformed, match="no proof inside"):
        verify_extract(raw(extract), TRUST)


def test_one_digit_changed_is_found() -> None:
    changed = {**CONTENT, "products": [{"n": 2}]}

    with pytest.raises(ContentAltered):
        verify_extract(raw(extract_of(changed)), TRUST)


def test_a_record_made_up_for_a_changed_content_is_in_no_log() -> None:
    changed = {**CONTENT, "products": []}
    extract = {**extract_of(changed), "record": record_of(changed).decode()}

    with pytest.raises(NotIncluded, match="first bad position 42"):
        verify_extract(raw(extract), TRUST)


def test_a_proof_of_another_position_is_refused() -> None:
    with pytest.raises(NotIncluded):
        verify_extract(raw({**extract_of(CONTENT), "position": 41}), TRUST)


def test_another_fact_is_no_extract() -> None:
    record = record_of(CONTENT, "kz.register.entry.included.v1")

    with pytest.raises(Malformed, match="not that an extract was issued"):
        verify_extract(raw(extract_of(CONTENT, record)), TRUST)


def test_another_log_is_not_believed() -> None:
    with pytest.raises(OtherLog):
        verify_extract(raw(extract_of(CONTENT)), Trust(Signer("other.example/log", bytes(32)).key))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"content": {}, "content": {}, "record": "", "proof": ""}',
        b'{"content": {"share": 0.5}, "record": "{}", "proof": ""}',
        b'{"content": {}, "record": "nonsense", "proof": ""}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_extract_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        verify_extract(text, TRUST)


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    )
)
def test_the_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("member", "said"),
    [("number", "0000000099"), ("digest", "00" * 32), ("extract_id", "other"), ("status", "in force")],
)
def test_what_stands_beside_the_content_is_fixed_by_the_record_or_refused(member: str, said: str) -> None:
    """A verifier that is silent about what it did not check would let it pass for checked."""
    data = {"content_sha256": sha256(canonical(CONTENT)).hexdigest(), "extract_id": "one", "number": "1"}
    record = canonical({"data": data, "time": "2026-11-25T04:00:00.000000Z", "type": ISSUED})
    right = {
        **extract_of(CONTENT, record),
        "number": "1",
        "extract_id": "one",
        "digest": data["content_sha256"],
    }
    assert verify_extract(raw(right), TRUST).position == 42
    with pytest.raises(ContentAltered, match=f"`{member}` is not what the record fixes"):
        verify_extract(raw({**right, member: said}), TRUST)


def test_half_of_a_surrogate_pair_is_no_text_wherever_it_stands() -> None:
    for member in ("content", "record", "proof"):
        broken = {**extract_of(CONTENT), member: {"name": "\ud800"} if member == "content" else "\ud800"}
        with pytest.raises(Malformed):
            verify_extract(raw(broken), TRUST)


def test_true_is_no_position() -> None:
    proof = proof_in(log_of([record_of(CONTENT), b"later"]), 1)
    extract = {"content": CONTENT, "record": record_of(CONTENT).decode(), "proof": str(proof)}
    assert verify_extract(raw({**extract, "position": 1}), TRUST).position == 1
    with pytest.raises(NotIncluded):
        verify_extract(raw({**extract, "position": True}), TRUST)
