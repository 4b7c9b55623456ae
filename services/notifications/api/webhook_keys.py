"""`/.well-known/webhook-keys.json`: the public keys of the `v1a` signatures."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from services.kernel.http.requests import Caller, Reading
from services.kernel.http.responses import Representation, read
from services.notifications.api.desk import AtDesk
from services.notifications.domain.webhook_keys import WebhookKey
from services.notifications.projections.webhook_keys import keys_of

router = APIRouter(tags=["subscriptions"])


class WebhookKeyShown(Representation):
    """An Ed25519 public key as a JWK (RFC 8037), and the same as Standard Webhooks writes it."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["EdDSA"] = "EdDSA"
    use: Literal["sig"] = "sig"
    kid: str = Field(description="The key's thumbprint (RFC 7638).")
    x: str
    whpk: str = Field(examples=["whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="])
    signs_from: datetime
    signs_until: datetime | None = None


class WebhookKeys(Representation):
    """A JSON Web Key Set (RFC 7517): trust a signature by any of these keys."""

    keys: list[WebhookKeyShown]


@router.get(
    "/.well-known/webhook-keys.json",
    operation_id="read_webhook_keys",
    summary="The public keys that webhooks are signed with",
    responses={200: {"model": WebhookKeys}},
)
def read_keys(
    request: Request, desk: AtDesk, _caller: Annotated[Caller, Depends(Reading("public"))]
) -> Response:
    """A new key stands here a day before it signs, and a week after its last signature; keep them an hour."""
    now = desk.clock.now()
    with desk.database.read() as connection:
        held = [key for key in keys_of(connection) if key.is_published(now)]
    return read(request, WebhookKeys(keys=[_shown(key) for key in held]), public=True)


def _shown(key: WebhookKey) -> WebhookKeyShown:
    return WebhookKeyShown(
        kid=key.key_id,
        x=key.jwk["x"],
        whpk=key.public.serialise(),
        signs_from=key.signs_from,
        signs_until=key.signs_until,
    )
