"""Secrets at rest: AES-256-GCM under one key file, each bound to what it belongs to."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.notifications.domain.secrets import FormerSecret, Secrets
from services.notifications.domain.signing import InvalidKey, SymmetricSecret

_NONCE_BYTES: Final = 12


class SecretBox:
    """Encrypts and decrypts webhook secrets and the keys that sign webhooks."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, secret: str, belongs_to: str) -> bytes:
        """Encrypt a secret for one subscription or key."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, secret.encode(), belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> str:
        """Decrypt it. Raises `cryptography.exceptions.InvalidTag` when it was altered or another's."""
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return self._aead.decrypt(nonce, content, belongs_to.encode()).decode()


def seal_secrets(box: SecretBox, held: Secrets, subscription_id: str) -> dict[str, bytes | None]:
    """The columns `secret` and `former_secrets` of a subscription."""
    former = [(one.secret.serialise(), one.until) for one in held.former]
    sealed = box.seal(msgspec.json.encode(former).decode(), _former(subscription_id)) if former else None
    return {"secret": box.seal(held.current.serialise(), subscription_id), "former_secrets": sealed}


class SecretsUnreadable(Exception):
    """What stands in the columns was altered, or sealed under a key that is not this box's."""


def open_secrets(box: SecretBox, current: bytes, former: bytes | None, subscription_id: str) -> Secrets:
    """What both columns hold. Raises `SecretsUnreadable`."""
    try:
        return _opened(box, current, former, subscription_id)
    except (InvalidTag, InvalidKey, ValueError) as error:  # a text cut short is no nonce, no UTF-8, no JSON
        raise SecretsUnreadable(subscription_id) from error


def _opened(box: SecretBox, current: bytes, former: bytes | None, subscription_id: str) -> Secrets:
    secret = SymmetricSecret.parse(box.open(current, subscription_id))
    if former is None:
        return Secrets(secret)
    rows = msgspec.json.decode(box.open(former, _former(subscription_id)), type=list[tuple[str, datetime]])
    return Secrets(secret, tuple(FormerSecret(SymmetricSecret.parse(text), until) for text, until in rows))


def _former(subscription_id: str) -> str:
    return f"{subscription_id} former"


def secret_box(key_file: Path | None, var: Path) -> SecretBox:
    """The box under a key file, or in development under one made in the data folder on first use."""
    if key_file is not None:
        return SecretBox(bytes.fromhex(key_file.read_text().strip()))
    path = var / "webhook-secrets.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.draft")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        if not path.exists():
            draft.replace(path)
    return SecretBox(bytes.fromhex(path.read_text().strip()))
