"""Makes the secret files that ``docker-compose.yml`` mounts, each once; what exists is never touched.

    .venv/bin/python deploy/make_secrets.py [DIRECTORY] [--postgres HOST:PORT]

The directory (``deploy/secrets`` by default, outside version control) is for its owner alone; the
files in it can be read by the containers' users they are mounted for. ``trusted_issuers`` holds the
services' own public keys; add the deployment's identity provider before the first start. The seal
of extracts, ``register_seal``, vouches for itself alone: replace it with the authority's own.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from joserfc.jwk import OKPKey

from services.register.adapters.seals import self_signed

SERVICES = ("register", "verification", "notifications")
SEALED = ("register", "verification")
"""The services whose journal is a transparency log."""
PUBLIC_MEMBERS = ("kty", "crv", "x", "kid", "use", "alg")


def write_once(path: Path, make: Callable[[], str | bytes]) -> bool:
    """Write a secret unless the file exists; say whether it was written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)  # whatever the umask: another user reads it inside a container
        made = make()
        file.write(made.encode() if isinstance(made, str) else made)
    return True


def signing_key() -> str:
    """A private Ed25519 key as a JWK."""
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"}, auto_kid=True)
    return json.dumps(key.as_dict(private=True))


def trusted_issuers(directory: Path) -> str:
    """``{issuer: JWKS}`` of the services' public keys."""
    issuers: dict[str, dict[str, list[dict[str, str]]]] = {}
    for service in SERVICES:
        private = json.loads((directory / f"{service}_client_key").read_text())
        public = {name: private[name] for name in PUBLIC_MEMBERS}
        issuers[f"urn:tizilim:{service}"] = {"keys": [public]}
    return json.dumps(issuers, indent=2) + "\n"


def database_url(role: str, service: str, postgres: str) -> str:
    """A URL with a password of 192 random bits, in letters that need no escaping."""
    return f"postgresql+psycopg://{role}:{secrets.token_hex(24)}@{postgres}/{service}"


def seal(directory: Path) -> bytes:
    """A PKCS#12 file for sealing extracts, under the password beside it."""
    password = (directory / "register_seal_password").read_bytes()
    return self_signed("Tizilim, not an authority's seal", datetime.now(UTC), password)


def make_secrets(directory: Path, postgres: str) -> list[str]:
    """Write every secret that is missing; the answer names them."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    wanted: dict[str, Callable[[], str | bytes]] = {"postgres_password": partial(secrets.token_hex, 24)}
    for service in SERVICES:
        for kind in ("owner", "application"):
            role = f"{service}_{kind}"
            wanted[f"{role}_database_url"] = partial(database_url, role, service, postgres)
        wanted[f"{service}_client_key"] = signing_key
        wanted[f"{service}_idempotency_secret"] = partial(secrets.token_hex, 32)
        wanted[f"{service}_personal_wrapping_key"] = partial(secrets.token_hex, 32)
    for service in SEALED:
        wanted[f"{service}_log_signing_key"] = partial(secrets.token_hex, 32)
    wanted["notifications_secrets_key"] = partial(secrets.token_hex, 32)
    wanted["register_seal_password"] = partial(secrets.token_hex, 24)
    wanted["register_seal"] = partial(seal, directory)
    wanted["trusted_issuers"] = partial(trusted_issuers, directory)
    return [name for name, make in wanted.items() if write_once(directory / name, make)]


def main() -> None:
    """Read the command line, make what is missing, and say so."""
    parser = argparse.ArgumentParser(description="Make the secret files of docker-compose.yml.")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(__file__).with_name("secrets"))
    parser.add_argument("--postgres", default="postgres:5432", help="host:port the services connect to")
    arguments = parser.parse_args()
    made = make_secrets(arguments.directory, arguments.postgres)
    print(f"made {', '.join(made)}" if made else "nothing to make: every secret exists")


if __name__ == "__main__":
    main()
