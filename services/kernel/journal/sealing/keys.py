"""The log's signing key: a seed of 32 bytes in hexadecimal, from a secret file or made for development."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

_SEED_BYTES: Final = 32


def signing_seed(path: Path) -> bytes:
    """The Ed25519 seed in a file. Raises `ValueError`."""
    try:
        seed = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != _SEED_BYTES:
        raise ValueError(f"{path} must hold a log's signing key: 64 hexadecimal digits")
    return seed


def development_seed(path: Path) -> bytes:
    """The seed in a file of the data folder, made on the first start."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(_SEED_BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            return signing_seed(path)  # another process made it first
        finally:
            draft.unlink()
    return signing_seed(path)
