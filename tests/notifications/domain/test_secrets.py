"""Rotation of an endpoint's secret: both sign while they overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from services.kernel.errors import Conflict, Invalid
from services.notifications.adapters.sealing import SecretBox, SecretsUnreadable, open_secrets, seal_secrets
from services.notifications.domain.secrets import MAX_FORMER, MAX_OVERLAP, Secrets
from services.notifications.domain.signing import SymmetricSecret

NOON: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
DAY: Final = timedelta(days=1)


def secret(number: int) -> SymmetricSecret:
    return SymmetricSecret(bytes([number]) * 32)


def test_both_sign_until_the_overlap_ends_and_then_the_new_one_alone() -> None:
    rotated = Secrets(secret(1)).rotated(secret(2), at=NOON, overlap=DAY)
    assert rotated.signing(NOON) == (secret(2), secret(1))
    assert rotated.signing(NOON + DAY - timedelta(microseconds=1)) == (secret(2), secret(1))
    assert rotated.signing(NOON + DAY) == (secret(2),)


def test_without_an_overlap_the_former_secret_ends_at_once() -> None:
    rotated = Secrets(secret(1)).rotated(secret(2), at=NOON, overlap=timedelta(0))
    assert rotated.signing(NOON) == (secret(2),)


def test_rotations_in_a_row_sign_with_all_that_overlap_and_forget_those_that_ended() -> None:
    held = Secrets(secret(1)).rotated(secret(2), at=NOON, overlap=DAY)
    held = held.rotated(secret(3), at=NOON + DAY / 2, overlap=DAY)
    assert held.signing(NOON + DAY / 2) == (secret(3), secret(2), secret(1))
    held = held.rotated(secret(4), at=NOON + DAY, overlap=DAY)
    assert [one.secret for one in held.former] == [secret(3), secret(2)]


def test_too_many_rotations_at_once_are_refused_with_the_instant_that_one_ends() -> None:
    held = Secrets(secret(0))
    for number in range(1, MAX_FORMER + 1):
        held = held.rotated(secret(number), at=NOON, overlap=MAX_OVERLAP)
    with pytest.raises(Conflict) as caught:
        held.rotated(secret(99), at=NOON, overlap=DAY)
    assert caught.value.code == "secret_rotations_exhausted"
    assert held.rotated(secret(99), at=NOON, overlap=timedelta(0)).current == secret(99)
    assert held.rotated(secret(99), at=NOON + MAX_OVERLAP, overlap=DAY).current == secret(99)


@pytest.mark.parametrize("again", [1, 2])
def test_a_secret_that_signs_already_is_no_new_one(again: int) -> None:
    held = Secrets(secret(1)).rotated(secret(2), at=NOON, overlap=DAY)
    with pytest.raises(Invalid, match="webhook_secret_reused"):
        held.rotated(secret(again), at=NOON, overlap=DAY)


def test_secrets_at_rest_belong_to_one_subscription_and_one_column() -> None:
    box = SecretBox(b"k" * 32)
    held = Secrets(secret(1)).rotated(secret(2), at=NOON, overlap=DAY)
    sealed = seal_secrets(box, held, "s-1")
    assert sealed["secret"] is not None
    assert open_secrets(box, sealed["secret"], sealed["former_secrets"], "s-1") == held
    with pytest.raises(SecretsUnreadable):
        open_secrets(box, sealed["secret"], sealed["former_secrets"], "s-2")
    assert seal_secrets(box, Secrets(secret(1)), "s-1")["former_secrets"] is None
