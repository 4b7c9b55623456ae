"""Webhook secrets at rest: AES-256-GCM under one key file, bound to the subscription they belong to."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


class SecretBox:
    """Encrypts and decrypts webhook secrets."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, secret: str, subscription_id: str) -> bytes:
        """Encrypt a secret for one subscription."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, secret.encode(), subscription_id.encode())

    def open(self, sealed: bytes, subscription_id: str) -> str:
        """Decrypt it. Raises `cryptography.exceptions.InvalidTag` when it was altered or another's."""
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return self._aead.decrypt(nonce, content, subscription_id.encode()).decode()


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
