"""Judging a PDF that somebody shows as an extract, whatever it is.

Nothing of it is parsed before its seal is found to be ours and to cover every byte: until then only the place
of the seal is looked for, in one pass over the bytes, and one signature checked. What is parsed we made.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

Certificates = Mapping[bytes, x509.Certificate]
"""Certificates by their SHA-256 fingerprints."""
SealState = Literal["sealed", "appended", "broken", "foreign", "unsealed", "encrypted"]
_PLACE: Final = re.compile(rb"/ByteRange\s{0,4}\[\s{0,4}0 ([0-9]{1,9}) ([0-9]{1,9}) ([0-9]{1,9})\s{0,40}\]")
_NAMED: Final = re.compile(rb"urn:kz:register:extract:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_MOST_PLACES: Final = 4
_MOST_NAMED: Final = 20
_MOST_CERTIFICATES: Final = 8
_LONGEST_SEAL: Final = 256 * 1024
_HEXADECIMAL: Final = re.compile(rb"<(?:[0-9A-F]{2})+>")
_MALFORMED: Final = (ValueError, TypeError, LookupError, RecursionError, UnsupportedAlgorithm)
_WORST_FIRST: Final[tuple[SealState, ...]] = ("appended", "broken", "foreign")
_DIGEST: Final = "sha256"


@dataclass(frozen=True, slots=True)
class JudgedPdf:
    """How the seal of a PDF was found, and the file attached to one that we sealed and nobody touched."""

    state: SealState
    attached: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Seal:
    """A seal as it stands in the file: what it covers, up to where, and its message (DER, then zeros)."""

    end: int
    covered: tuple[memoryview, memoryview]
    message: bytes


def extracts_named(content: bytes) -> list[str]:
    """The ids of extracts that stand in some bytes, at most twenty."""
    found = islice(_NAMED.finditer(content), _MOST_NAMED)
    return list(dict.fromkeys(match[1].decode() for match in found))


def judged(pdf: bytes, ours: Certificates) -> JudgedPdf:
    """How a PDF is sealed; `ours` are the certificates of our seals and those above them."""
    states = {_state(pdf, seal, ours) for seal in _seals(pdf)}
    if "sealed" in states:
        return JudgedPdf("sealed", _attached(pdf))
    for state in _WORST_FIRST:
        if state in states:
            return JudgedPdf(state)
    return JudgedPdf("encrypted" if b"/Encrypt" in pdf else "unsealed")


def _seals(pdf: bytes) -> Iterator[_Seal]:
    view = memoryview(pdf)
    for place in islice(_PLACE.finditer(pdf), _MOST_PLACES):
        first, second, length = (int(number) for number in place.groups())
        inside = pdf[first + 1 : second - 1]
        if not 0 < first < second <= second + length <= len(pdf) or len(inside) > _LONGEST_SEAL:
            continue
        written = pdf[first : first + 1] + inside + pdf[second - 1 : second]
        message = bytes.fromhex(inside.decode()) if _HEXADECIMAL.fullmatch(written) else b""
        yield _Seal(second + length, (view[:first], view[second : second + length]), message)


def _state(pdf: bytes, seal: _Seal, ours: Certificates) -> SealState:
    from pyhanko.sign.validation.errors import SignatureValidationError

    try:
        signed = _signed(seal)
        beside = _certificates(signed)
        if any(_holds(signed, seal, one.public_bytes(Encoding.DER)) for one in ours.values()):
            if not _is_as_we_write(signed, seal, ours):
                return "broken"
            return "sealed" if seal.end == len(pdf) else "appended"
        if any(hashlib.sha256(one).digest() in ours for one in beside):
            return "broken"
        return "foreign" if any(_holds(signed, seal, one) for one in beside) else "broken"
    except (*_MALFORMED, SignatureValidationError):
        return "broken"


def _signed(seal: _Seal) -> Any:
    """The signed data (RFC 5652) of one signer. Raises `ValueError` for anything else."""
    from asn1crypto import cms

    message = cms.ContentInfo.load(seal.message)
    if message["content_type"].native != "signed_data" or len(message["content"]["signer_infos"]) != 1:
        raise ValueError("not a signature of one signer")
    return message["content"]


def _certificates(signed: Any) -> list[bytes]:
    return [one.chosen.dump() for one in islice(signed["certificates"], _MOST_CERTIFICATES)]


def _holds(signed: Any, seal: _Seal, certificate: bytes) -> bool:
    """True when the certificate's key signed exactly what the seal covers."""
    from asn1crypto import x509 as asn1
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.generic_cms import validate_sig_integrity

    info = signed["signer_infos"][0]
    if info["digest_algorithm"]["algorithm"].native != _DIGEST:
        return False
    digest = hashlib.new(_DIGEST)
    for part in seal.covered:
        digest.update(part)
    try:
        intact, valid = validate_sig_integrity(
            info, asn1.Certificate.load(certificate), "data", digest.digest()
        )
    except SignatureValidationError:  # another certificate signed
        return False
    return bool(intact and valid)


def _is_as_we_write(signed: Any, seal: _Seal, ours: Certificates) -> bool:
    """True when also what no signature covers, the frame of the seal itself, is byte for byte as we write it.

    The inside of a time-stamp is its authority's and not looked into.
    """
    from asn1crypto import cms
    from asn1crypto import x509 as asn1
    from pyhanko.sign.signers import ExternalSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    beside = [hashlib.sha256(one).digest() for one in _certificates(signed)]
    if any(one not in ours for one in beside):
        return False
    given = signed["signer_infos"][0]
    signature: bytes = given["signature"].native
    for one in beside:
        certificate = asn1.Certificate.load(ours[one].public_bytes(Encoding.DER))
        nobody = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        signer = ExternalSigner(certificate, nobody, signature_value=signature)
        info = signer.signer_info(_DIGEST, given["signed_attrs"], signature)
        if given["unsigned_attrs"]:
            info["unsigned_attrs"] = given["unsigned_attrs"]
        rebuilt = {
            "version": "v1",
            "digest_algorithms": cms.DigestAlgorithms((info["digest_algorithm"],)),
            "encap_content_info": {"content_type": "data"},
            "certificates": signed["certificates"],
            "signer_infos": [info],
        }
        written = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(rebuilt)}).dump()
        if seal.message.startswith(written) and not any(seal.message[len(written) :]):
            return True
    return False


def _attached(pdf: bytes) -> bytes | None:
    """The file attached to a document of ours; None when it is something else that we sealed."""
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader

    try:
        names: Any = PdfFileReader(io.BytesIO(pdf)).root["/Names"]["/EmbeddedFiles"]["/Names"]
        return bytes(names[1]["/EF"]["/F"].data)
    except (PdfError, LookupError, TypeError, ValueError):
        return None
