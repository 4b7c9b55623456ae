"""`tizilim token`: a development access token for a role, as `make up` trusts it."""

from __future__ import annotations

from collections.abc import Sequence

from services.commands.registry import SERVICES, Installation
from services.kernel.identifiers import parse_bin_or_iin
from services.kernel.identity.tokens import ROLES, development_issuer


def make_token(
    installation: Installation,
    role: str,
    *,
    producer: str | None,
    subject: str | None,
    services: Sequence[str] = SERVICES,
) -> str:
    """A five-minute token for `services`.

    Raises `ValueError` for an unknown role or a producer without a BIN or IIN.
    """
    if role not in ROLES or role == "public":
        raise ValueError(f"unknown role {role!r}; one of {', '.join(r for r in ROLES if r != 'public')}")
    if role == "producer":
        if producer is None:
            raise ValueError("a producer's token needs its number: BIN=... to make, --producer here")
        parse_bin_or_iin(producer)
    issuer = development_issuer(installation.var, services)
    name = subject or (issuer.opaque_subject(producer) if producer else role.replace("_", "-"))
    return issuer.token(subject=name, roles=[role], producer=producer)
