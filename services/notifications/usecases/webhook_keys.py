"""The service's own Ed25519 keys: the first is made at the first start, successors on command."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.database import Database
from services.kernel.errors import Conflict, NotFound
from services.kernel.journal.events import microseconds
from services.notifications.adapters.sealing import SecretBox
from services.notifications.domain.signing import PrivateKey
from services.notifications.domain.webhook_keys import WebhookKey, succeeded
from services.notifications.projections.webhook_keys import keys_of
from services.notifications.schema import WEBHOOK_KEYS

_FIRST: Final = 1


def ensure_webhook_key(database: Database, box: SecretBox, at: datetime) -> None:
    """Make the first key where there is none; of several processes at once one makes it."""
    private = PrivateKey.generate()
    with database.write() as connection:
        if connection.scalar(sa.select(WEBHOOK_KEYS.c.number).limit(1)) is not None:
            return
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = _row(WebhookKey(_FIRST, private.public(), at), private, box)
        connection.execute(insert(WEBHOOK_KEYS).values(row).on_conflict_do_nothing())


def rotate_webhook_key(
    database: Database, box: SecretBox, at: datetime, *, at_once: bool = False
) -> WebhookKey:
    """Make the key that follows the present one; returns it.

    Raises `Conflict` while an earlier rotation has not taken effect, and `NotFound` before the first start.
    """
    private = PrivateKey.generate()
    try:
        with database.write() as connection:
            held = keys_of(connection)
            if not held:
                raise NotFound("webhook_key_unknown")
            ends, following = succeeded(held[-1], private.public(), at, at_once=at_once)
            until, signs_until = microseconds(ends), WEBHOOK_KEYS.c.signs_until
            connection.execute(
                sa.update(WEBHOOK_KEYS)
                .where(sa.or_(signs_until.is_(None), signs_until > until))
                .values(signs_until=until)
            )
            connection.execute(sa.insert(WEBHOOK_KEYS).values(_row(following, private, box)))
    except sa.exc.IntegrityError as error:
        raise Conflict("webhook_key_rotating", signs_from="now") from error
    return following


def signing_keys(database: Database, box: SecretBox) -> list[tuple[WebhookKey, PrivateKey]]:
    """Every key with its private half, oldest first."""
    with database.read() as connection:
        sealed = dict(connection.execute(sa.select(WEBHOOK_KEYS.c.number, WEBHOOK_KEYS.c.sealed)).all())
        held = keys_of(connection)
    return [
        (key, PrivateKey.parse(box.open(bytes(sealed[key.number]), _belongs_to(key.number)))) for key in held
    ]


def _row(key: WebhookKey, private: PrivateKey, box: SecretBox) -> dict[str, object]:
    return {
        "number": key.number,
        "public_key": key.public.raw,
        "sealed": box.seal(private.serialise(), _belongs_to(key.number)),
        "signs_from": microseconds(key.signs_from),
        "signs_until": None,
    }


def _belongs_to(number: int) -> str:
    return f"webhook key {number}"
