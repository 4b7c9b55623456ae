"""The electronic seal of extracts: PAdES over the PDF (ETSI EN 319 142-1), dated where an authority is set.

The seal is an incremental update behind the typeset bytes, which stay as they are, metadata included: a PDF/A
stays one. It certifies the document and allows no change.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from services.kernel.errors import Unavailable
from services.kernel.telemetry import logger

if TYPE_CHECKING:
    from pyhanko.sign.signers import Signer
    from pyhanko.sign.timestamps.api import TimeStamper

FIELD: Final = "Seal"
DEVELOPMENT_FILE: Final = "extract-seal.p12"
_DEVELOPMENT_NAME: Final = "Tizilim development seal, not an authority's"
_DEVELOPMENT_YEARS: Final = 10


class SealUnusable(ValueError):
    """The key file cannot be read with its password, holds no key and certificate, or has expired."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """The file of the seal's key with its password, the certificate in it and those above that one."""

    file: Path
    password: bytes | None
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 over the certificate."""
    return certificate.fingerprint(hashes.SHA256())


def open_seal_key(file: Path, password_file: Path | None, now: datetime) -> SealKey:
    """The seal's key in a PKCS#12 file. Raises `SealUnusable`, naming the file."""
    try:
        password = password_file.read_bytes().strip() if password_file else None
        key, certificate, chain = pkcs12.load_key_and_certificates(file.read_bytes(), password)
    except (OSError, ValueError) as error:
        raise SealUnusable(f"the seal {file} cannot be read: {error}") from None
    if key is None or certificate is None:
        raise SealUnusable(f"the seal {file} holds no key with its certificate")
    if now > certificate.not_valid_after_utc:
        raise SealUnusable(f"the certificate of the seal {file} has expired")
    return SealKey(file, password, certificate, tuple(chain))


def development_seal_key(folder: Path, now: datetime) -> SealKey:
    """A key with a certificate of its own, made once in the data folder; it proves nothing to others."""
    file = folder / DEVELOPMENT_FILE
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}.draft")
        draft.touch(mode=0o600)
        draft.write_bytes(self_signed(_DEVELOPMENT_NAME, now, None))
        try:
            os.link(draft, file)
        except FileExistsError:
            logger.debug("another process made the seal first")
        finally:
            draft.unlink()
    return open_seal_key(file, None, now)


def self_signed(common_name: str, now: datetime, password: bytes | None) -> bytes:
    """A PKCS#12 file with a new key and a certificate that vouches for itself alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _DEVELOPMENT_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        protection = serialization.BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"seal", key, certificate, None, protection)


def former_certificates(file: Path | None) -> list[x509.Certificate]:
    """The certificates that sealed before. Raises `SealUnusable` for a file that holds none."""
    if file is None:
        return []
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SealUnusable(f"the former seals {file} cannot be read: {error}") from None


class Seal:
    """Seals documents with one key; `former` are the certificates of the keys before it."""

    def __init__(
        self, key: SealKey, *, former: Iterable[x509.Certificate] = (), timestamps: TimeStamper | None = None
    ) -> None:
        self._key = key
        self._timestamps = timestamps
        self._lock = threading.Lock()
        self._signer: Signer | None = None
        self.known = {fingerprint(one): one for one in (key.certificate, *key.chain, *former)}

    def sealed(self, pdf: bytes) -> bytes:
        """The document with the seal behind it.

        Raises `Unavailable` (`seal_unavailable`) when the time-stamping authority does not answer.
        """
        from pyhanko.sign import fields, signers
        from pyhanko.sign.timestamps.common_utils import TimestampRequestError

        from services.register.adapters.incremental import update_of

        metadata = signers.PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm="sha256",
            subfilter=fields.SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        )
        try:
            sealer = signers.PdfSigner(metadata, signer=self._loaded(), timestamper=self._timestamps)
            written = sealer.sign_pdf(update_of(pdf), output=io.BytesIO())
        except (OSError, TimestampRequestError) as error:
            logger.error("the time-stamping authority did not answer", exc_info=error)
            raise Unavailable("seal_unavailable") from error
        return bytes(written.getvalue())

    def _loaded(self) -> Signer:
        """The key as the library uses it, loaded when the first document is sealed."""
        from pyhanko.sign.signers import SimpleSigner

        with self._lock:
            if self._signer is None:
                load = SimpleSigner.load_pkcs12
                found = load(str(self._key.file), passphrase=self._key.password)  # type: ignore[no-untyped-call]
                if found is None:
                    raise SealUnusable(f"the seal {self._key.file} cannot be read any more")
                self._signer = found
            return self._signer
