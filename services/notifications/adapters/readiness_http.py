"""What a neighbour's readiness says of the facts it follows."""

from __future__ import annotations

from typing import Final

import httpx
import msgspec

TIMEOUT_SECONDS: Final = 5.0
FOLLOWING: Final = "following"
"""How the checks of what a service follows are called, alone or before a neighbour's name."""
LONGEST: Final = 300


class _Health(msgspec.Struct):
    checks: dict[str, str]


def following_trouble(client: httpx.Client, base_url: str) -> str | None:
    """What keeps a neighbour from its facts, in one line; None while they come in.

    A neighbour that does not answer, or with something else than its readiness, is in trouble itself.
    """
    try:
        answer = client.get(f"{base_url}/readyz", timeout=TIMEOUT_SECONDS)
        health = msgspec.json.decode(answer.content, type=_Health)
    except httpx.HTTPError as error:
        return f"does not answer ({type(error).__name__})"
    except msgspec.MsgspecError:
        return "answers with no readiness"
    checks = sorted(health.checks.items())
    told = [text for name, text in checks if name.startswith(FOLLOWING) and text != "ok"]
    return _line("; ".join(told)) if told else None


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST]
