"""Signed notes (c2sp.org/signed-note): text with Ed25519 signatures, key ids and verifier keys."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.proof.refusals import KeyMalformed, Malformed, NotSigned, SignatureWrong

PLAIN: Final = 0x01
"""An Ed25519 signature over the text."""
TIMESTAMPED: Final = 0x04
"""An Ed25519 signature over a checkpoint and the instant it was seen at (c2sp.org/tlog-cosignature)."""

COSIGNATURE: Final = "cosignature/v1"
"""The first line of what a timestamped signature signs."""

MAX_NOTE_BYTES: Final = 100_000
MAX_SIGNATURES: Final = 64
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_NAME: Final = re.compile(r"[^\s+]+")
_SIGNATURE_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


def decoded(text: str) -> bytes:
    """The bytes of strict base64 (RFC 4648 section 4): one spelling only. Raises `Malformed`."""
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Malformed("not base64") from None
    if encoded(value) != text:
        raise Malformed("not base64 in its one canonical spelling")
    return value


def encoded(value: bytes) -> str:
    """Base64 (RFC 4648 section 4)."""
    return base64.b64encode(value).decode("ascii")


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature under a note: whose (name and key id) and its bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {encoded(self.key_id + self.signature)}\n"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read one line, without its newline. Raises `Malformed`."""
        found = _SIGNATURE_LINE.fullmatch(line)
        if found is None:
            raise Malformed("not a signature line")
        value = decoded(found[2])
        if len(value) <= 4:
            raise Malformed("a signature line without a signature")
        return cls(found[1], value[:4], value[4:])


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key as text: `<name>+<key id, hex>+<base64 of kind and key>`."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that, with the name, say which key signed."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encoded(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key. Raises `KeyMalformed`."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
            raise KeyMalformed("a verifier key is <name>+<key id>+<base64>")
        try:
            material = decoded(parts[2])
        except Malformed as refused:
            raise KeyMalformed(refused.args[0]) from None
        if len(material) != _KEY_BYTES + 1 or material[0] not in {PLAIN, TIMESTAMPED}:
            raise KeyMalformed("only Ed25519 keys (kinds 1 and 4) are known here")
        key = cls(parts[0], material[0], material[1:])
        if key.key_id.hex() != parts[1]:
            raise KeyMalformed("the key id is not this key's: the text was altered")
        return key

    def of_kind(self, kind: int) -> VerifierKey:
        """The same name and public key for the other kind of signature."""
        return VerifierKey(self.name, kind, self.public)

    def made(self, line: SignatureLine) -> bool:
        """Whether a line claims to be this key's."""
        return (line.name, line.key_id) == (self.name, self.key_id)

    def check(self, text: str, signature: bytes) -> int | None:
        """Verify a signature over a note's text; gives the seconds since 1970 of a timestamped one.

        Raises `SignatureWrong`.
        """
        at: int | None = None
        message, signed = text.encode(), signature
        if self.kind == TIMESTAMPED:
            at, signed = int.from_bytes(signature[:8], "big"), signature[8:]
            message = cosigned_message(text, at)
        if len(signed) != _SIGNATURE_BYTES:
            raise SignatureWrong(f"the signature of {self.name} has a wrong length")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signed, message)
        except InvalidSignature:
            raise SignatureWrong(f"the signature of {self.name} does not fit the text") from None
        return at


def cosigned_message(text: str, at: int) -> bytes:
    """What a timestamped signature signs; `at` in seconds since 1970."""
    return f"{COSIGNATURE}\ntime {at}\n{text}".encode()


class Signer:
    """A private Ed25519 key under a name."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not _NAME.fullmatch(name):
            raise KeyMalformed("a key's name has no spaces and no plus sign")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(name, PLAIN, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> SignatureLine:
        """Sign a note's text."""
        return SignatureLine(self.key.name, self.key.key_id, self._key.sign(text.encode()))

    def cosign(self, text: str, at: int) -> SignatureLine:
        """Sign a checkpoint's text and the instant (seconds since 1970) together."""
        signature = at.to_bytes(8, "big") + self._key.sign(cosigned_message(text, at))
        return SignatureLine(self.key.name, self.key.of_kind(TIMESTAMPED).key_id, signature)


@dataclass(frozen=True, slots=True)
class Note:
    """A text (ending in a newline) and the signature lines under it, not verified yet."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a note. Raises `Malformed`."""
        if len(raw) > MAX_NOTE_BYTES:
            raise Malformed("the note is too long")
        try:
            whole = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("the note is not UTF-8") from None
        if any(character < " " and character != "\n" for character in whole):
            raise Malformed("the note holds control characters")
        text, blank, under = whole.rpartition("\n\n")
        if not blank or not text or not under.endswith("\n"):
            raise Malformed("not a signed note: a text, an empty line and signature lines")
        lines = under[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise Malformed("the note has too many signatures")
        return cls(text + "\n", tuple(SignatureLine.parse(line) for line in lines))

    def signed_by(self, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int | None]:
        """The keys that signed, each with the instant of a timestamped signature; unknown keys are ignored.

        Raises `SignatureWrong` when a known key's signature does not fit, `NotSigned` when none signed.
        """
        known = list(keys)
        signed: dict[VerifierKey, int | None] = {}
        for line in self.signatures:
            for key in known:
                if key.made(line):
                    signed[key] = key.check(self.text, line.signature)
        if not signed:
            raise NotSigned(f"not signed by {', '.join(sorted({key.name for key in known}))}")
        return signed
