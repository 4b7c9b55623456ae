"""Which issuers are trusted, from a file that may change: keys rotate and are taken back without a stop."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from services.kernel.telemetry import logger

Issuers = tuple[dict[str, KeySet], dict[str, frozenset[str]]]
"""Key sets by issuer, and the roles that an issuer may grant where they are named."""


def trusted_issuers(file: Path) -> Issuers:
    """Read `{issuer: JWKS}`; a key set may name beside its `keys` the `roles` that its issuer may grant.

    Raises `ValueError`, which names no key, for a file without public keys that are strong enough.
    """
    try:
        content = json.loads(file.read_text())
        with warnings.catch_warnings():
            warnings.simplefilter("error", SecurityWarning)  # RFC 7518 section 3.5, for one
            keys = {name: KeySet.import_key_set({"keys": given["keys"]}) for name, given in content.items()}
        roles = {name: frozenset(given["roles"]) for name, given in content.items() if "roles" in given}
    except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
        raise ValueError(f"{file} holds no issuers with their key sets ({type(error).__name__})") from None
    except SecurityWarning as weak:
        raise ValueError(f"{file} holds a key that is too weak: {weak}") from None
    if secret := [name for name, found in keys.items() if any(key.is_private for key in found)]:
        raise ValueError(f"{file} holds a secret key of {', '.join(secret)}; only public ones belong there")
    return keys, roles


class Renewal:
    """Tells when the file of trusted issuers changed; what cannot be used is logged, and the former stay."""

    def __init__(self, file: Path, read: Callable[[], Issuers]) -> None:
        self._file = file
        self._read = read
        self._seen = self._stamp()

    def changed(self) -> Issuers | None:
        """The issuers when the file is another than at the last look, if they can be used."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            issuers = self._read()
        except (ValueError, OSError) as error:
            logger.error("trusted issuers unusable, the former stay", extra={"reason": str(error)})
            return None
        logger.info("trusted issuers read again", extra={"issuers": sorted(issuers[0])})
        return issuers

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
