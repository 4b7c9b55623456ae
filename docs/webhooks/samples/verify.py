"""Verify a webhook of the register: `v1` with a `whsec_` secret, `v1a` with a `whpk_` public key.

`v1` needs nothing but the standard library; `v1a` needs the package `cryptography`.
"""

import base64
import binascii
import hashlib
import hmac
import re

TOLERANCE_SECONDS = 300


def verify(key: str, headers: dict[str, str], body: bytes, now: float) -> bool:
    """True when the webhook is authentic and at most five minutes old.

    `headers` in lower case, `body` as it came over the wire, `now` in Unix seconds.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or not re.fullmatch("[0-9]{1,11}", timestamp):
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    for element in headers.get("webhook-signature", "").split():
        version, _, encoded = element.partition(",")
        try:
            signature = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
        if version == "v1" and key.startswith("whsec_"):
            secret = base64.b64decode(key.removeprefix("whsec_"))
            if hmac.compare_digest(signature, hmac.new(secret, signed, hashlib.sha256).digest()):
                return True
        if version == "v1a" and key.startswith("whpk_") and _signed_by(key, signature, signed):
            return True
    return False


def _signed_by(key: str, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
