"""A worker that cannot sign: told in readiness, and never a delivery that comes back for ever."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from services.notifications import delivering
from services.notifications.adapters.sealing import SecretBox
from services.notifications.schema import ATTEMPTS, DELIVERIES, SUBSCRIPTIONS
from services.notifications.usecases.webhook_keys import ensure_webhook_key
from tests.notifications.office import Office
from tests.notifications.test_delivering import eventually, listening, publish, states, working


def test_a_key_file_that_opens_nothing_is_told_and_nothing_is_claimed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "POLL_SECONDS", 0.01)
    ensure_webhook_key(office.database, office.box, office.clock.now())
    office.subscribe()
    publish(office)
    monkeypatch.setattr(office, "box", SecretBox(b"another key of thirty-two bytes."))
    with working(office) as worker:
        eventually(worker.trouble)
        assert "not claimed" in (worker.trouble() or "")
    assert (states(office), office.rows(ATTEMPTS)) == (["pending"], [])


def test_what_cannot_be_signed_is_a_try_that_failed(office: Office) -> None:
    with listening() as endpoint:
        office.subscribe(url=endpoint.url)
        publish(office)
        with office.database.write() as connection:
            connection.execute(sa.update(SUBSCRIPTIONS).values(secret=b"altered, and of no key at all"))
        with working(office) as worker:
            eventually(lambda: office.rows(ATTEMPTS))
            assert worker.trouble() is None
        (row,) = office.rows(DELIVERIES, kind="event")
        assert (row["attempts"], row["state"], row["lease"]) == (1, "pending", None)
        assert (office.row(ATTEMPTS)["trouble"], endpoint.requests) == ("not_signed", [])
