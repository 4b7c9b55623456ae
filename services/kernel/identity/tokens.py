"""JWT access tokens (RFC 9068): verified from configured issuers, signed by services and the local issuer.

Only ES256, EdDSA and PS256 are taken, `typ` must be `at+jwt`, the issuer must match exactly, and a token
older than five minutes plus skew is refused whatever its `exp` says. The audience must name the service that
is asked (RFC 7519 section 4.1.3): what was given to one cannot be used at another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from services.kernel.identity.trust import Renewal

ALGORITHMS: Final = ["ES256", "EdDSA", "Ed25519", "PS256"]
MAX_AGE_SECONDS: Final = 300
SKEW_SECONDS: Final = 30
DEVELOPMENT_ISSUER: Final = "urn:tizilim:development"
CACHE_SIZE: Final = 4_096
LOOK_SECONDS: Final = 5.0
MAX_TOKEN_BYTES: Final = 8_192
ROLES: Final = (
    "producer",
    "informatization_officer",
    "industry_officer",
    "auditor",
    "integrator",
    "service",
    "public",
)
SERVICES: Final = ("register", "verification", "notifications")
_OF_SERVICES: Final = "urn:tizilim:"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: an opaque subject of one issuer, its roles and, for a producer, its BIN or IIN."""

    subject: str
    issuer: str
    roles: frozenset[str]
    producer: str | None = None

    @property
    def key(self) -> str:
        """The principal as one text, for idempotency scopes."""
        return f"{self.issuer}|{self.subject}"


PUBLIC: Final = Principal(subject="public", issuer="", roles=frozenset({"public"}))


def service_name(service: str) -> str:
    """The name of a service in tokens: as audience of those meant for it, as issuer of those it signs."""
    return f"{_OF_SERVICES}{service}"


class TokenRefused(Exception):
    """The token proves nothing; `reason` is for the log, `code` and `params` are told to the caller."""

    def __init__(self, reason: str, *, code: str = "token_invalid", **params: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.params = params


class _Claims(msgspec.Struct):
    iss: str
    aud: str | list[str]
    sub: str
    iat: int
    exp: int
    roles: list[str]
    nbf: int | None = None
    producer: str | None = None


class TokenVerifier:
    """Verifies bearer tokens against trusted issuers' keys; verified ones are remembered till they end.

    `audiences` are the names of the service that verifies, of which a token has to hold one.
    `granted` names the roles that an issuer may grant, for those that may not grant every one; a service's
    own key grants `service` alone. `renewal` is asked now and then whether both are others by now.
    """

    def __init__(
        self,
        issuers: Mapping[str, KeySet],
        *,
        audiences: Collection[str],
        granted: Mapping[str, frozenset[str]] | None = None,
        renewal: Renewal | None = None,
    ) -> None:
        self._audiences = frozenset(audiences)
        self._cache: OrderedDict[str, tuple[float, Principal]] = OrderedDict()
        self._mutex = threading.Lock()
        self._renewal = renewal
        self._looked_at = 0.0
        self._trust(issuers, granted or {})

    def _trust(self, issuers: Mapping[str, KeySet], granted: Mapping[str, frozenset[str]]) -> None:
        services = filter(_is_service, issuers)
        with self._mutex:
            self._issuers = dict(issuers)
            self._granted = {**dict.fromkeys(services, frozenset({"service"})), **granted}
            self._cache.clear()

    def _look_again(self, renewal: Renewal, now: float) -> None:
        self._looked_at = now
        issuers = renewal.changed()
        if issuers is not None:
            self._trust(*issuers)

    def verify(self, token: str, *, now: float | None = None) -> Principal:
        """The principal a token proves at `now` (seconds since 1970). Raises `TokenRefused`."""
        now = time.time() if now is None else now
        if self._renewal is not None and abs(now - self._looked_at) >= LOOK_SECONDS:
            self._look_again(self._renewal, now)
        with self._mutex:
            known = self._cache.get(token)
        if known is not None and now < known[0]:
            return known[1]
        claims = self._claims(token)
        until = self._check(claims, now)
        if not self._granted.get(claims.iss, frozenset(claims.roles)).issuperset(claims.roles):
            raise TokenRefused("a role that the issuer may not grant")
        principal = Principal(claims.sub, claims.iss, frozenset(claims.roles), claims.producer)
        with self._mutex:
            self._cache[token] = (until, principal)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        return principal

    def _claims(self, token: str) -> _Claims:
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenRefused("too long")
        try:
            signed = jws.extract_compact(token.encode("ascii"))
            if signed.headers().get("typ", "").lower() not in ("at+jwt", "application/at+jwt"):
                raise TokenRefused("typ is not at+jwt")
            claims = msgspec.json.decode(signed.payload, type=_Claims)
            if not jws.validate_compact(signed, self._issuers[claims.iss], algorithms=ALGORITHMS):
                raise TokenRefused("signature")
        except KeyError:
            raise TokenRefused("issuer not trusted") from None
        except (JoseError, msgspec.DecodeError, ValueError, TypeError, AttributeError) as error:
            raise TokenRefused(type(error).__name__) from error
        return claims

    def _check(self, claims: _Claims, now: float) -> float:
        """Check audience and times; return until when the token holds."""
        named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if self._audiences.isdisjoint(named):
            wanted = ", ".join(sorted(self._audiences))
            raise TokenRefused("audience", code="token_for_another", audience=wanted)
        if max(claims.iat, claims.nbf or 0) > now + SKEW_SECONDS:
            raise TokenRefused("issued or valid in the future")
        until = min(claims.exp, claims.iat + MAX_AGE_SECONDS) + SKEW_SECONDS
        if now >= until:
            raise TokenRefused("expired", code="token_expired")
        return until


class TokenIssuer:
    """Signs access tokens with one Ed25519 key: a service's own, or the local development issuer's.

    All of them are meant for `audience`.
    """

    def __init__(self, issuer: str, key: OKPKey, *, audience: str | list[str]) -> None:
        self.issuer = issuer
        self._key = key
        self._audience = audience

    def opaque_subject(self, number: str) -> str:
        """A stable subject for a BIN or IIN that reveals it to nobody without the issuer's key."""
        private = str(self._key.as_dict(private=True)["d"])
        return f"producer-{hmac.new(private.encode(), number.encode(), hashlib.sha256).hexdigest()[:24]}"

    def token(
        self,
        *,
        subject: str,
        roles: Iterable[str],
        producer: str | None = None,
        lifetime: int = MAX_AGE_SECONDS,
        now: float | None = None,
    ) -> str:
        """A token for `lifetime` seconds (at most five minutes are accepted)."""
        issued = int(time.time() if now is None else now)
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": subject,
            "iat": issued,
            "exp": issued + lifetime,
            "jti": uuid4().hex,
            "roles": sorted(roles),
        }
        if producer is not None:
            claims["producer"] = producer
        header = {"alg": "Ed25519", "typ": "at+jwt", "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=ALGORITHMS)

    def public_keys(self) -> KeySet:
        """The key set that verifies these tokens."""
        return KeySet([OKPKey.import_key(self._key.as_dict(private=False))])


def development_issuer(var: Path, services: Iterable[str] = SERVICES) -> TokenIssuer:
    """The local issuer of a data folder, for all services or those named.

    Its key is made, readable by the owner only, on first use.
    """
    audience = [service_name(service) for service in services]
    return TokenIssuer(DEVELOPMENT_ISSUER, _key_in(var / "development-issuer.jwk"), audience=audience)


def service_issuer(service: str, key_file: Path, neighbour: str) -> TokenIssuer:
    """The issuer with which a service signs its tokens to one neighbour, good nowhere else."""
    key = OKPKey.import_key(json.loads(key_file.read_text()))
    return TokenIssuer(service_name(service), key, audience=service_name(neighbour))


def bound(issuer: str, granted: Mapping[str, frozenset[str]]) -> bool:
    """True for an issuer that may not grant every role: a service, or one whose roles are named."""
    return _is_service(issuer) or issuer in granted


def _is_service(issuer: str) -> bool:
    return issuer.startswith(_OF_SERVICES) and issuer != DEVELOPMENT_ISSUER


def _key_in(path: Path) -> OKPKey:
    """The key in a file, made once even when several processes start together."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"}, auto_kid=True)
        draft = path.with_suffix(f".{os.getpid()}.draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made.as_dict(private=True)))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its key is the one
        finally:
            draft.unlink()
    try:
        key = OKPKey.import_key(json.loads(path.read_text()))
    except (ValueError, TypeError, KeyError, JoseError) as error:
        raise ValueError(f"{path} holds no key; move it away and a new one is made") from error
    if not key.is_private:
        raise ValueError(f"{path} holds a public key only; move it away and a new one is made")
    return key
