"""Access tokens: only fresh `at+jwt` of a trusted issuer for this audience prove anything."""

from __future__ import annotations

import base64
import json
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from services.kernel.identity.tokens import (
    LOOK_SECONDS,
    MAX_AGE_SECONDS,
    SKEW_SECONDS,
    TokenIssuer,
    TokenRefused,
    TokenVerifier,
    development_issuer,
)
from services.kernel.identity.trust import Renewal, trusted_issuers

NOW = 1_790_000_000.0


def an_issuer(name: str = "urn:test") -> TokenIssuer:
    return TokenIssuer(name, OKPKey.generate_key("Ed25519", auto_kid=True), audience="urn:tizilim:ledger")


def trusting(issuer: TokenIssuer, *audiences: str) -> TokenVerifier:
    return TokenVerifier({issuer.issuer: issuer.public_keys()}, audiences=audiences or ["urn:tizilim:ledger"])


def test_a_fresh_token_proves_subject_roles_and_producer() -> None:
    issuer = an_issuer()
    token = issuer.token(subject="dala", roles=["producer"], producer="181240006529", now=NOW)
    principal = trusting(issuer).verify(token, now=NOW)
    assert (principal.subject, principal.roles, principal.producer) == (
        "dala",
        frozenset({"producer"}),
        "181240006529",
    )


@pytest.mark.parametrize("age", [MAX_AGE_SECONDS + SKEW_SECONDS, 10**6, -SKEW_SECONDS - 1])
def test_an_old_or_future_token_is_refused_whatever_its_expiry_says(age: int) -> None:
    issuer = an_issuer()
    token = issuer.token(subject="x", roles=["auditor"], lifetime=10**9, now=NOW)
    with pytest.raises(TokenRefused):
        trusting(issuer).verify(token, now=NOW + age)


def test_a_remembered_token_ends_all_the_same() -> None:
    issuer = an_issuer()
    verifier = trusting(issuer)
    token = issuer.token(subject="x", roles=["auditor"], now=NOW)
    assert verifier.verify(token, now=NOW) == verifier.verify(token, now=NOW + 1)
    with pytest.raises(TokenRefused):
        verifier.verify(token, now=NOW + MAX_AGE_SECONDS + SKEW_SECONDS)


def test_another_audience_or_issuer_proves_nothing() -> None:
    issuer, stranger = an_issuer(), an_issuer("urn:stranger")
    token = issuer.token(subject="x", roles=["auditor"], now=NOW)
    with pytest.raises(TokenRefused, match="audience"):
        trusting(issuer, "urn:tizilim:elsewhere").verify(token, now=NOW)
    with pytest.raises(TokenRefused, match="not trusted"):
        trusting(stranger).verify(token, now=NOW)


@pytest.mark.parametrize(
    ("audience", "accepted"),
    [
        ("urn:tizilim:ledger", True),
        (["urn:tizilim:register", "urn:tizilim:ledger"], True),
        ("https://ledger.example", True),
        ("urn:tizilim:register", False),
        (["urn:tizilim:register", "https://ledger.example/"], False),
        ("urn:tizilim:ledger2", False),
        ("URN:tizilim:ledger", False),
        ([], False),
        ("", False),
        (None, False),
        ({"urn:tizilim:ledger": 1}, False),
    ],
)
def test_a_token_counts_only_at_a_service_that_its_audience_names(audience: Any, accepted: bool) -> None:
    """RFC 7519 section 4.1.3, RFC 9068 section 4; compared exactly."""
    issuer = TokenIssuer("urn:test", OKPKey.generate_key("Ed25519", auto_kid=True), audience=audience)
    verifier = trusting(issuer, "urn:tizilim:ledger", "https://ledger.example")
    token = issuer.token(subject="x", roles=["auditor"], now=NOW)
    if accepted:
        assert verifier.verify(token, now=NOW).subject == "x"
    else:
        with pytest.raises(TokenRefused):
            verifier.verify(token, now=NOW)


def test_a_stranger_who_claims_a_trusted_name_is_refused() -> None:
    trusted, stranger = an_issuer(), an_issuer()
    with pytest.raises(TokenRefused):
        trusting(trusted).verify(stranger.token(subject="x", roles=["auditor"], now=NOW), now=NOW)


def claims() -> dict[str, Any]:
    return {
        "iss": "urn:test",
        "aud": "urn:tizilim:ledger",
        "sub": "x",
        "iat": int(NOW),
        "exp": int(NOW) + 60,
        "roles": ["auditor"],
    }


def signed(key: OKPKey, header: dict[str, Any], payload: Mapping[str, Any]) -> str:
    named = {"alg": "Ed25519", "typ": "at+jwt", "kid": key.kid, **header}
    given = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(given, dict(payload), key, algorithms=["Ed25519"], default_type=None)


SAID_WRONGLY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "without an expiry": ({}, {"exp": None}),
    "with an expiry that is no number": ({}, {"exp": "tomorrow"}),
    "with an endless expiry": ({}, {"exp": float("inf")}),
    "without an issue": ({}, {"iat": None}),
    "issued at no time": ({}, {"iat": float("nan")}),
    "without a subject": ({}, {"sub": None}),
    "with a subject that is no text": ({}, {"sub": ["x"]}),
    "without roles": ({}, {"roles": None}),
    "with roles that are no list": ({}, {"roles": "auditor"}),
    "not yet valid": ({}, {"nbf": int(NOW) + SKEW_SECONDS + 1}),
    "expired": ({}, {"exp": int(NOW) - SKEW_SECONDS}),
    "of a key that is not the issuer's": ({"kid": "another"}, {}),
    "of a kid that is a path": ({"kid": "../../etc/passwd"}, {}),
    "of no type": ({"typ": None}, {}),
}


@pytest.mark.parametrize(("header", "changed"), SAID_WRONGLY.values(), ids=SAID_WRONGLY.keys())
def test_a_token_that_says_too_little_or_something_else_proves_nothing(
    header: dict[str, Any], changed: dict[str, Any]
) -> None:
    """RFC 9068 sections 2 and 4, signed by the right key all the same."""
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    verifier = trusting(TokenIssuer("urn:test", key, audience="urn:tizilim:ledger"))
    assert verifier.verify(signed(key, {}, claims() | {"nbf": int(NOW)}), now=NOW).subject == "x"
    said = {name: value for name, value in (claims() | changed).items() if value is not None}
    with pytest.raises(TokenRefused):
        verifier.verify(signed(key, header, said), now=NOW)


def test_a_key_that_a_token_brings_along_is_not_believed() -> None:
    """RFC 7515 sections 4.1.2 to 4.1.6: `jwk`, `jku` and `x5c` are anybody's."""
    key, other = (OKPKey.generate_key("Ed25519", auto_kid=True) for _ in range(2))
    verifier = trusting(TokenIssuer("urn:test", key, audience="urn:tizilim:ledger"))
    for header in ({"jwk": other.as_dict(private=False)}, {"jku": "https://elsewhere.example/keys"}):
        for kid in (key.kid, other.kid):
            with pytest.raises(TokenRefused):
                verifier.verify(signed(other, {"kid": kid, **header}, claims()), now=NOW)


def test_a_key_found_without_its_name_is_the_only_one() -> None:
    first, second = (OKPKey.generate_key("Ed25519", auto_kid=True) for _ in range(2))
    alone = TokenVerifier({"urn:test": KeySet([first])}, audiences=["urn:tizilim:ledger"])
    assert alone.verify(signed(first, {"kid": None}, claims()), now=NOW).subject == "x"
    several = TokenVerifier({"urn:test": KeySet([first, second])}, audiences=["urn:tizilim:ledger"])
    assert several.verify(signed(second, {}, claims()), now=NOW).subject == "x"
    with pytest.raises(TokenRefused):
        several.verify(signed(first, {"kid": None}, claims()), now=NOW)


def test_an_unsigned_or_symmetrically_signed_token_is_refused() -> None:
    issuer = an_issuer()
    verifier = trusting(issuer)
    public = json.dumps(issuer.public_keys().as_dict()).encode()
    symmetric = jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims(), OctKey.import_key(public))
    head, body, _signature = issuer.token(subject="x", roles=["auditor"], now=NOW).split(".")
    for token in (symmetric, f"{head}.{body}.", "a.b.c", "", "x" * 10_000, f"{head}.{body}"):
        with pytest.raises(TokenRefused):
            verifier.verify(token, now=NOW)


def test_another_kind_of_jwt_is_refused() -> None:
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    issuer = TokenIssuer("urn:test", key, audience="urn:tizilim:ledger")
    token = jwt.encode(
        {"alg": "Ed25519", "typ": "JWT", "kid": key.kid}, claims(), key, algorithms=["Ed25519"]
    )
    with pytest.raises(TokenRefused, match="typ"):
        trusting(issuer).verify(token, now=NOW)


def test_the_development_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first, second = development_issuer(tmp_path), development_issuer(tmp_path)
    token = first.token(subject="x", roles=["auditor"])
    assert trusting(second, "urn:tizilim:register").verify(token, now=time.time()).subject == "x"
    mode = stat.S_IMODE((tmp_path / "development-issuer.jwk").stat().st_mode)
    assert mode == 0o600


def test_a_service_key_grants_the_role_of_a_service_and_no_other() -> None:
    """Whoever takes one service's key must not become an officer of the other authority."""
    issuer = an_issuer("urn:tizilim:notifications")
    verifier = trusting(issuer)
    assert verifier.verify(issuer.token(subject="notifications", roles=["service"])).roles == {"service"}
    with pytest.raises(TokenRefused, match="may not grant"):
        verifier.verify(issuer.token(subject="notifications", roles=["industry_officer"]))


def test_an_issuer_grants_only_the_roles_named_beside_its_keys(tmp_path: Path) -> None:
    issuer = an_issuer("https://id.example")
    file = tmp_path / "issuers.json"
    named = {**issuer.public_keys().as_dict(), "roles": ["producer", "integrator"]}
    file.write_text(json.dumps({issuer.issuer: named}))
    keys, granted = trusted_issuers(file)
    verifier = TokenVerifier(keys, audiences=["urn:tizilim:ledger"], granted=granted)
    assert verifier.verify(issuer.token(subject="a", roles=["integrator"])).roles == {"integrator"}
    with pytest.raises(TokenRefused, match="may not grant"):
        verifier.verify(issuer.token(subject="a", roles=["integrator", "auditor"]))


# Trusted issuers change.


def written(file: Path, *issuers: TokenIssuer) -> None:
    """The file replaced as a whole, as one should."""
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps({one.issuer: one.public_keys().as_dict() for one in issuers}))
    draft.replace(file)


def test_keys_rotate_and_are_taken_back_without_a_restart(tmp_path: Path) -> None:
    file, first, second = tmp_path / "issuers.json", an_issuer(), an_issuer()
    written(file, first)
    renewal = Renewal(file, lambda: trusted_issuers(file))
    verifier = TokenVerifier(trusted_issuers(file)[0], audiences=["urn:tizilim:ledger"], renewal=renewal)
    old, new = (issuer.token(subject="x", roles=["auditor"], now=NOW) for issuer in (first, second))
    assert verifier.verify(old, now=NOW).subject == "x"
    with pytest.raises(TokenRefused):
        verifier.verify(new, now=NOW)
    written(file, second)
    assert verifier.verify(old, now=NOW + LOOK_SECONDS - 1).subject == "x"
    with pytest.raises(TokenRefused):
        verifier.verify(old, now=NOW + LOOK_SECONDS)
    assert verifier.verify(new, now=NOW + LOOK_SECONDS).subject == "x"


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"urn:test": {}}', '{"urn:test": {"keys": []}}'])
def test_a_file_that_cannot_be_used_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    file, issuer = tmp_path / "issuers.json", an_issuer()
    written(file, issuer)
    renewal = Renewal(file, lambda: trusted_issuers(file))
    verifier = TokenVerifier(trusted_issuers(file)[0], audiences=["urn:tizilim:ledger"], renewal=renewal)
    file.unlink()
    if content is not None:
        file.write_text(content)
    for later in range(3):
        now = NOW + later * LOOK_SECONDS
        assert verifier.verify(issuer.token(subject="x", roles=["auditor"], now=NOW), now=now).subject == "x"
    assert [record.message for record in caplog.records] == ["trusted issuers unusable, the former stay"]


def test_no_secret_and_no_weak_key_is_trusted(tmp_path: Path) -> None:
    file = tmp_path / "issuers.json"
    modulus = base64.urlsafe_b64encode(b"\xff" * 128).decode().rstrip("=")
    private = OKPKey.generate_key("Ed25519")
    for key, told in (
        ({"kty": "RSA", "e": "AQAB", "n": modulus}, "too weak"),
        (private.as_dict(private=True), "a secret key of urn:test"),
        (OctKey.generate_key(256).as_dict(private=True), "a secret key of urn:test"),
    ):
        file.write_text(json.dumps({"urn:test": {"keys": [key]}}))
        with pytest.raises(ValueError, match=told) as refused:
            trusted_issuers(file)
        assert str(key.get("d", key.get("k", "-" * 9))) not in str(refused.value)
