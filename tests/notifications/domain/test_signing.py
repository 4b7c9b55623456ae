"""Standard Webhooks 1.0.0, "Verifying webhook authenticity" and "Webhook headers"."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain import signing
from services.notifications.domain.signing import (
    InvalidKey,
    InvalidMessage,
    MalformedHeader,
    MissingHeader,
    NoMatchingSignature,
    PrivateKey,
    PublicKey,
    Signer,
    SigningError,
    SymmetricSecret,
    TimestampTooNew,
    TimestampTooOld,
    VerificationError,
    parse_verification_key,
    signed_headers,
    verify,
)

VECTORS: Final = json.loads((Path(__file__).parents[3] / "docs/webhooks/vectors.json").read_text())["cases"]
AT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BODY: Final = '{"kk":"Тізілім"}'.encode()
SECRET: Final = SymmetricSecret(bytes(range(32)))


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", VECTORS, ids=named)
def test_a_golden_vector_is_judged_as_recorded(case: dict[str, Any]) -> None:
    key, now = parse_verification_key(case["key"]), datetime.fromtimestamp(case["now"], UTC)
    body = case["body"].encode()
    if case["valid"]:
        assert verify(case["headers"], body, [key], now).message_id == case["headers"]["webhook-id"]
        return
    with pytest.raises(VerificationError):
        verify(case["headers"], body, [key], now)


@pytest.mark.parametrize("case", [case for case in VECTORS if "signing_key" in case], ids=named)
def test_a_golden_vector_is_reproduced_to_the_byte(case: dict[str, Any]) -> None:
    text = case["signing_key"]
    key: Signer = PrivateKey.parse(text) if text.startswith("whsk_") else SymmetricSecret.parse(text)
    at = datetime.fromtimestamp(int(case["headers"]["webhook-timestamp"]), UTC)
    assert signed_headers(case["headers"]["webhook-id"], at, case["body"].encode(), [key]) == case["headers"]


@given(key=st.binary(min_size=24, max_size=64), text=st.text(), second=st.integers(0, 4_000_000_000))
def test_v1_is_the_hmac_that_hashlib_computes(key: bytes, text: str, second: int) -> None:
    body = text.encode(errors="replace")
    at = datetime.fromtimestamp(second, UTC)
    expected = hmac.new(key, b"id_1.%d." % second + body, hashlib.sha256).digest()
    headers = signed_headers("id_1", at, body, [SymmetricSecret(key)])
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()


@given(
    body=st.text().map(lambda text: text.encode(errors="replace")),
    keys=st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=4, unique=True),
    late=st.integers(-300, 300),
    data=st.data(),
)
def test_what_was_signed_with_any_of_the_keys_verifies_within_five_minutes(
    body: bytes, keys: list[bytes], late: int, data: st.DataObject
) -> None:
    secrets = [SymmetricSecret(key) for key in keys]
    headers = signed_headers("id", AT, body, secrets)
    held = data.draw(st.sampled_from(secrets))
    assert verify(headers, body, [held], AT + timedelta(seconds=late)).timestamp == AT


@given(
    body=st.binary(min_size=1, max_size=60).filter(lambda raw: raw.isascii()),
    place=st.integers(0, 59),
    bit=st.integers(0, 7),
)
def test_a_body_with_one_bit_changed_is_refused(body: bytes, place: int, bit: int) -> None:
    headers = signed_headers("id", AT, body, [SECRET, PrivateKey(bytes(32))])
    changed = bytearray(body)
    changed[place % len(body)] ^= 1 << bit
    for key in (SECRET, PrivateKey(bytes(32)).public()):
        with pytest.raises(NoMatchingSignature):
            verify(headers, bytes(changed), [key], AT)


def test_a_time_in_almaty_is_signed_as_the_same_utc_second() -> None:
    almaty = AT.astimezone(timezone(timedelta(hours=5)))
    assert signed_headers("id", almaty, BODY, [SECRET]) == signed_headers("id", AT, BODY, [SECRET])


def test_signatures_stand_in_the_order_of_the_keys_the_newest_first() -> None:
    older, asymmetric = SymmetricSecret(bytes(24)), PrivateKey(bytes(32))
    signatures = signed_headers("id", AT, BODY, [SECRET, older, asymmetric])["webhook-signature"].split(" ")
    assert [one.split(",")[0] for one in signatures] == ["v1", "v1", "v1a"]
    assert signatures[0] == SECRET.sign("id", AT, BODY)


def test_a_naive_time_is_not_signed() -> None:
    with pytest.raises(InvalidMessage):
        signed_headers("id", AT.replace(tzinfo=None), BODY, [SECRET])


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\n", "идентификатор", "a" * 129])
def test_an_id_that_could_shift_the_signed_text_is_not_signed(message_id: str) -> None:
    with pytest.raises(InvalidMessage):
        signed_headers(message_id, AT, BODY, [SECRET])


def test_a_body_that_is_not_utf8_is_not_signed() -> None:
    with pytest.raises(InvalidMessage):
        signed_headers("id", AT, b"\xff", [SECRET])


@pytest.mark.parametrize("count", [0, 17])
def test_no_key_and_too_many_keys_are_refused(count: int) -> None:
    with pytest.raises(SigningError):
        signed_headers("id", AT, BODY, [SECRET] * count)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_secret_of_24_to_64_bytes_survives_its_text_form(size: int) -> None:
    secret = SymmetricSecret.generate(size)
    assert SymmetricSecret.parse(secret.serialise()) == secret


@pytest.mark.parametrize("size", [0, 1, 23, 65])
def test_a_secret_outside_24_to_64_bytes_is_refused(size: int) -> None:
    with pytest.raises(InvalidKey):
        SymmetricSecret.generate(size)
    with pytest.raises(InvalidKey):
        SymmetricSecret.parse("whsec_" + base64.b64encode(bytes(size)).decode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        base64.b64encode(bytes(32)).decode(),
        "whsk_" + base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(bytes(32)).decode().rstrip("="),
        "whsec_" + base64.b64encode(bytes(32)).decode() + "\n",
        "whsec_" + base64.b64encode(bytes(31)).decode()[:-3] + "B==",
        "whsec_" + "ы" * 44,
        "whsec_" + "*" * 44,
    ],
)
def test_a_secret_in_another_form_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidKey) as refusal:
        SymmetricSecret.parse(text)
    assert not text or text not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "whpk_",
        "whsec_" + base64.b64encode(bytes(32)).decode(),
        "whpk_" + base64.b64encode(bytes(33)).decode(),
    ],
)
def test_a_public_key_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey):
        PublicKey.parse(text)


def test_an_ed25519_pair_survives_its_text_form() -> None:
    key = PrivateKey.generate()
    assert PrivateKey.parse(key.serialise()) == key
    assert PublicKey.parse(key.public().serialise()) == key.public()


def test_secrets_are_not_shown_when_printed() -> None:
    assert str(SECRET.key) not in repr(SECRET)
    assert str(bytes(32)) not in repr(PrivateKey(bytes(32)))


def test_header_names_may_have_any_case() -> None:
    headers = {name.title(): value for name, value in signed_headers("id", AT, BODY, [SECRET]).items()}
    assert verify(headers, BODY, [SECRET], AT).message_id == "id"


@pytest.mark.parametrize("absent", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_an_absent_header_is_named(absent: str) -> None:
    headers = signed_headers("id", AT, BODY, [SECRET])
    del headers[absent]
    with pytest.raises(MissingHeader, match=absent):
        verify(headers, BODY, [SECRET], AT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "a.b"),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "nan"),
        ("webhook-timestamp", "١٧٧٢٤٤٢٠٠٠"),
        ("webhook-timestamp", "9" * 400),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", ",AAAA"),
    ],
)
def test_a_malformed_header_is_named(name: str, value: str) -> None:
    headers = signed_headers("id", AT, BODY, [SECRET]) | {name: value}
    with pytest.raises(MalformedHeader, match=name):
        verify(headers, BODY, [SECRET], AT)


@pytest.mark.parametrize(
    "signature", ["v1,ы", "v1,\udcff", "v1a,ы", "v1a,\udcff", "v1a,AAAA", "v1,====", "v2,AAAA"]
)
def test_a_signature_of_garbage_matches_nothing(signature: str) -> None:
    headers = signed_headers("id", AT, BODY, [SECRET]) | {"webhook-signature": signature}
    for key in (SECRET, PrivateKey(bytes(32)).public()):
        with pytest.raises(NoMatchingSignature):
            verify(headers, BODY, [key], AT)


def test_a_received_body_that_is_not_utf8_matches_nothing() -> None:
    headers = signed_headers("id", AT, BODY, [SECRET])
    with pytest.raises(NoMatchingSignature):
        verify(headers, b"\xff", [SECRET], AT)


def test_only_so_many_signatures_are_looked_at() -> None:
    good = signed_headers("id", AT, BODY, [SECRET])
    flooded = good | {"webhook-signature": "v1,AAAA " * signing.MAX_SIGNATURES + good["webhook-signature"]}
    with pytest.raises(NoMatchingSignature):
        verify(flooded, BODY, [SECRET], AT)


def test_an_old_and_a_future_timestamp_have_their_own_names() -> None:
    headers = signed_headers("id", AT, BODY, [SECRET])
    with pytest.raises(TimestampTooOld):
        verify(headers, BODY, [SECRET], AT + timedelta(minutes=5, seconds=1))
    with pytest.raises(TimestampTooNew):
        verify(headers, BODY, [SECRET], AT - timedelta(minutes=5, seconds=1))
