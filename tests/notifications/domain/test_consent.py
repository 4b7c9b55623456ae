"""CloudEvents' handshake: what an answer to OPTIONS permits."""

from __future__ import annotations

import pytest

from services.notifications.domain.consent import MAX_PER_MINUTE, Permission, permission, request_headers


def test_the_request_names_us_and_the_rate_that_the_owner_set() -> None:
    assert request_headers("tizilim.example", None) == {"WebHook-Request-Origin": "tizilim.example"}
    assert request_headers("tizilim.example", 120)["WebHook-Request-Rate"] == "120"


@pytest.mark.parametrize(
    ("status", "origin", "rate", "expected"),
    [
        (200, "tizilim.example", "120", Permission(120)),
        (204, "Tizilim.Example", "*", Permission(None)),
        (200, "*", None, Permission(None)),
        (200, " tizilim.example ", " 7 ", Permission(7)),
        (200, "*", "999999999", Permission(MAX_PER_MINUTE)),
        (200, None, "120", None),
        (200, "", "120", None),
        (200, "other.example", "120", None),
        (200, "tizilim.example.evil", "120", None),
        (200, "tizilim.example, other.example", "120", None),
        (200, "*", "0", None),
        (200, "*", "-5", None),
        (200, "*", "many", None),
        (200, "*", "1" * 10, None),
        (200, "*", "١٢", None),
        (301, "tizilim.example", "120", None),
        (405, "tizilim.example", "120", None),
        (500, "*", "*", None),
    ],
)
def test_only_an_answer_that_names_us_permits(
    status: int, origin: str | None, rate: str | None, expected: Permission | None
) -> None:
    assert permission("tizilim.example", status, origin, rate) == expected


def test_nobody_in_particular_is_never_permitted() -> None:
    assert permission("", 200, "", None) is None
