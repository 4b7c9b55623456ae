"""Signatures of webhooks by Standard Webhooks 1.0.0: `v1` (HMAC-SHA256) and `v1a` (Ed25519).

What is signed is `{webhook-id}.{webhook-timestamp}.{body}`. `webhook-signature` carries one signature for
each key, separated by spaces, so that a consumer who still holds the old secret keeps verifying while
secrets rotate.

The `standardwebhooks` library computes `v1`. It is never handed what it would sign wrongly (a time that is
not UTC, a secret of any length, a body that is not UTF-8), and its `verify`, which reads the machine's
clock and raises bare `ValueError` on malformed headers, is not used.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

TOLERANCE: Final = timedelta(minutes=5)
MIN_SECRET_BYTES: Final = 24
MAX_SECRET_BYTES: Final = 64
DEFAULT_SECRET_BYTES: Final = 32
ED25519_BYTES: Final = 32
MAX_SIGNATURES: Final = 16

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # a prefix, not a secret
_PRIVATE_PREFIX: Final = "whsk_"
_PUBLIC_PREFIX: Final = "whpk_"

# The specification forbids a full stop in the id: with one, parts of the signed text could change places.
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")


class SigningError(ValueError):
    """Something given to the signer cannot be signed; nothing was."""


class InvalidKey(SigningError):
    """The text is no key of the expected kind, or its length is out of bounds; it is never repeated."""


class InvalidMessage(SigningError):
    """The id, the time or the body cannot be part of a webhook."""


class VerificationError(Exception):
    """The webhook must not be trusted."""


class MissingHeader(VerificationError):
    """One of the three headers is absent or empty."""


class MalformedHeader(VerificationError):
    """One of the three headers is present but not of its form."""


class TimestampTooOld(VerificationError):
    """The timestamp is further in the past than the tolerance allows: perhaps a replay."""


class TimestampTooNew(VerificationError):
    """The timestamp is further in the future than the tolerance allows: one of the clocks is wrong."""


class NoMatchingSignature(VerificationError):
    """No signature was made by a known key over this id, timestamp and body."""


class Signer(Protocol):
    """A key that signs: `version` is `v1` or `v1a`."""

    @property
    def version(self) -> str:
        """The identifier that stands before the comma."""
        ...

    def sign(self, message_id: str, at: datetime, body: bytes) -> str:
        """One element of `webhook-signature`. `at` is an aware UTC time."""
        ...


@dataclass(frozen=True, slots=True)
class SymmetricSecret:
    """A secret shared with one endpoint: 24 to 64 random bytes. Its text form is never shown by `repr`."""

    key: bytes = field(repr=False)
    version: str = field(default="v1", init=False)

    def __post_init__(self) -> None:
        if not MIN_SECRET_BYTES <= len(self.key) <= MAX_SECRET_BYTES:
            raise InvalidKey(f"a webhook secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")

    @classmethod
    def generate(cls, size: int = DEFAULT_SECRET_BYTES) -> SymmetricSecret:
        """A new secret of `size` bytes from the system's random source.

        Raises InvalidKey when `size` is out of bounds.
        """
        return cls(secrets.token_bytes(size))

    @classmethod
    def parse(cls, text: str) -> SymmetricSecret:
        """Read `whsec_` and base64.

        Raises InvalidKey on another prefix, on base64 that is not canonical, and out of bounds.
        """
        return cls(_decode(text, _SECRET_PREFIX))

    def serialise(self) -> str:
        """The form a consumer is shown once: `whsec_` and base64."""
        return _SECRET_PREFIX + _encode(self.key)

    def sign(self, message_id: str, at: datetime, body: bytes) -> str:
        """`v1,` and the base64 HMAC-SHA256; `at` is an aware UTC time, `body` is UTF-8."""
        return Webhook(self.key).sign(message_id, at, body.decode())


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """An Ed25519 key that signs for endpoints which should not be able to sign themselves."""

    seed: bytes = field(repr=False)
    version: str = field(default="v1a", init=False)

    def __post_init__(self) -> None:
        if len(self.seed) != ED25519_BYTES:
            raise InvalidKey(f"an Ed25519 private key has {ED25519_BYTES} bytes")

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new key from the system's random source."""
        return cls(secrets.token_bytes(ED25519_BYTES))

    @classmethod
    def parse(cls, text: str) -> PrivateKey:
        """Read `whsk_` and the base64 of the 32-byte seed. Raises InvalidKey."""
        return cls(_decode(text, _PRIVATE_PREFIX))

    def serialise(self) -> str:
        """`whsk_` and base64."""
        return _PRIVATE_PREFIX + _encode(self.seed)

    def public(self) -> PublicKey:
        """The key that consumers verify with."""
        return PublicKey(Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    def sign(self, message_id: str, at: datetime, body: bytes) -> str:
        """`v1a,` and the base64 Ed25519 signature; `at` is an aware UTC time."""
        signed = _signed_bytes(message_id, at, body)
        return "v1a," + _encode(Ed25519PrivateKey.from_private_bytes(self.seed).sign(signed))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a `PrivateKey`, as consumers hold it."""

    raw: bytes
    version: str = field(default="v1a", init=False)

    def __post_init__(self) -> None:
        if len(self.raw) != ED25519_BYTES:
            raise InvalidKey(f"an Ed25519 public key has {ED25519_BYTES} bytes")

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read `whpk_` and base64. Raises InvalidKey."""
        return cls(_decode(text, _PUBLIC_PREFIX))

    def serialise(self) -> str:
        """`whpk_` and base64."""
        return _PUBLIC_PREFIX + _encode(self.raw)


VerificationKey: TypeAlias = SymmetricSecret | PublicKey


@dataclass(frozen=True, slots=True)
class VerifiedWebhook:
    """What a signature vouches for: the id (use it to recognise repeats) and when the try was made (UTC)."""

    message_id: str
    timestamp: datetime


def parse_verification_key(text: str) -> VerificationKey:
    """Read `whsec_...` or `whpk_...`, by its prefix. Raises InvalidKey."""
    return PublicKey.parse(text) if text.startswith(_PUBLIC_PREFIX) else SymmetricSecret.parse(text)


def signed_headers(message_id: str, at: datetime, body: bytes, keys: Sequence[Signer]) -> dict[str, str]:
    """The three headers of one try.

    `at` is when the try is made, aware, in any time zone (it is sent as UTC seconds). `keys` are all keys in
    force, the newest first; the signatures stand in their order. Raises InvalidMessage when the id has other
    characters than letters, digits, `_` and `-`, the time is naive or the body is not UTF-8, and SigningError
    when there is no key or more than 16.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise InvalidMessage("a webhook id is 1 to 128 letters, digits, underscores or hyphens")
    if at.tzinfo is None:
        raise InvalidMessage("a webhook's time needs a time zone")
    if not 1 <= len(keys) <= MAX_SIGNATURES:
        raise SigningError(f"a webhook is signed with 1 to {MAX_SIGNATURES} keys")
    try:
        body.decode()
    except UnicodeDecodeError:
        raise InvalidMessage("a webhook's body is UTF-8") from None
    moment = at.astimezone(UTC)
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(int(moment.timestamp())),
        SIGNATURE_HEADER: " ".join(key.sign(message_id, moment, body) for key in keys),
    }


def verify(
    headers: Mapping[str, str],
    body: bytes,
    keys: Sequence[VerificationKey],
    now: datetime,
    *,
    tolerance: timedelta = TOLERANCE,
) -> VerifiedWebhook:
    """Check a received webhook; the receiver's side.

    `headers` may have any case, `body` is what came over the wire, `now` is aware. The comparison takes the
    same time wherever two signatures differ. Signatures of unknown versions are passed over.

    Raises MissingHeader, MalformedHeader, TimestampTooOld, TimestampTooNew or NoMatchingSignature.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    message_id = _required(lowered, ID_HEADER)
    timestamp = _required(lowered, TIMESTAMP_HEADER)
    signatures = _required(lowered, SIGNATURE_HEADER).split()
    if not _MESSAGE_ID.fullmatch(message_id):
        raise MalformedHeader(ID_HEADER)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise MalformedHeader(TIMESTAMP_HEADER)
    moment = datetime.fromtimestamp(int(timestamp), UTC)
    if moment < now - tolerance:
        raise TimestampTooOld(timestamp)
    if moment > now + tolerance:
        raise TimestampTooNew(timestamp)
    presented = [_split_signature(one) for one in signatures[:MAX_SIGNATURES]]
    if not any(_matches(key, presented, message_id, moment, body) for key in keys):
        raise NoMatchingSignature(message_id)
    return VerifiedWebhook(message_id, moment)


def _matches(
    key: VerificationKey, presented: Sequence[tuple[str, str]], message_id: str, at: datetime, body: bytes
) -> bool:
    candidates = [signature for version, signature in presented if version == key.version]
    if isinstance(key, PublicKey):
        signed = _signed_bytes(message_id, at, body)
        return any(_ed25519_matches(key, signature, signed) for signature in candidates)
    try:
        expected = key.sign(message_id, at, body).removeprefix("v1,")
    except UnicodeDecodeError:
        return False
    # Every candidate is compared, so that the time tells nothing about which one came close. What cannot be
    # encoded (a header with stray bytes) becomes a character that base64 does not have.
    matches = [hmac.compare_digest(expected.encode(), one.encode(errors="replace")) for one in candidates]
    return any(matches)


def _ed25519_matches(key: PublicKey, signature: str, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(base64.b64decode(signature, validate=True), signed)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _signed_bytes(message_id: str, at: datetime, body: bytes) -> bytes:
    return f"{message_id}.{int(at.timestamp())}.".encode() + body


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        raise MissingHeader(name)
    return value


def _split_signature(text: str) -> tuple[str, str]:
    version, comma, signature = text.partition(",")
    if not (version and comma and signature):
        raise MalformedHeader(SIGNATURE_HEADER)
    return version, signature


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str, prefix: str) -> bytes:
    if not text.startswith(prefix):
        raise InvalidKey(f"the key does not begin with {prefix}")
    encoded = text.removeprefix(prefix)
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKey("the key is not base64") from None
    if _encode(raw) != encoded:
        raise InvalidKey("the key is not canonical base64")
    return raw
