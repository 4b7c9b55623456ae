"""Choosing among media types by `Accept` (RFC 9110 section 12.5.1)."""

from __future__ import annotations

import pytest

from services.kernel.http.negotiation import preferred_type

OFFERED = ("application/json", "text/html")


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("TEXT/HTML", "text/html"),
        ("text/*", "text/html"),
        ("text/html;q=0.4, application/json;q=0.5", "application/json"),
        ("text/html, application/json", "application/json"),
        ("application/json;q=0, */*", "text/html"),
        ("text/html;q=nonsense, */*;q=0.1", "application/json"),
        ("image/png", "application/json"),
        ("text/html;level=1;q=0.9, */*;q=0.2", "text/html"),
    ],
)
def test_the_most_specific_range_decides_and_the_first_offered_wins_ties(
    header: str | None, chosen: str
) -> None:
    assert preferred_type(header, OFFERED) == chosen
