"""The keys of the service as they are kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kernel.errors import Conflict, NotFound
from services.notifications.projections.webhook_keys import keys_of
from services.notifications.schema import WEBHOOK_KEYS
from services.notifications.usecases.webhook_keys import (
    ensure_webhook_key,
    rotate_webhook_key,
    signing_keys,
)
from tests.notifications.office import Office


def signing(office: Office) -> list[int]:
    with office.database.read() as connection:
        return [key.number for key in keys_of(connection) if key.signs(office.clock.now())]


def test_the_first_key_is_made_once_and_its_private_half_stands_encrypted(office: Office) -> None:
    for _ in range(2):
        ensure_webhook_key(office.database, office.box, office.clock.now())
    ((public, private),) = signing_keys(office.database, office.box)
    assert public.public == private.public()
    assert private.seed not in bytes(office.row(WEBHOOK_KEYS)["sealed"])
    assert signing(office) == [1]


def test_a_rotation_takes_two_days_and_one_at_once_takes_none(office: Office) -> None:
    with pytest.raises(NotFound):
        rotate_webhook_key(office.database, office.box, office.clock.now())
    ensure_webhook_key(office.database, office.box, office.clock.now())
    rotate_webhook_key(office.database, office.box, office.clock.now())
    seen = []
    for _ in range(3):
        seen.append(signing(office))
        office.clock.advance(timedelta(days=1))
    assert seen == [[1], [1, 2], [2]]
    rotate_webhook_key(office.database, office.box, office.clock.now())
    with pytest.raises(Conflict, match="webhook_key_rotating"):
        rotate_webhook_key(office.database, office.box, office.clock.now())
    rotate_webhook_key(office.database, office.box, office.clock.now(), at_once=True)
    assert signing(office) == [4]
    office.clock.advance(timedelta(days=3))
    assert signing(office) == [4]
