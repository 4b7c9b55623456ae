"""The code of the consumers' guide does what the guide says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

GUIDE: Final = Path(__file__).parents[2] / "docs/webhooks"
VECTORS: Final = json.loads((GUIDE / "vectors.json").read_text())["cases"]
HMAC_VECTORS: Final = [case for case in VECTORS if case["key"].startswith("whsec_")]


@pytest.fixture(scope="module")
def guide() -> dict[str, Any]:
    """What the guide's Python blocks define."""
    blocks = re.findall(r"^```python\n(.*?)^```", (GUIDE / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    return names


@pytest.mark.parametrize("case", HMAC_VECTORS, ids=lambda case: str(case["name"]))
def test_the_guides_verification_judges_the_golden_vectors(
    guide: dict[str, Any], case: dict[str, Any]
) -> None:
    verify: Callable[[str, dict[str, str], bytes, float], bool] = guide["verify"]
    assert verify(case["key"], case["headers"], case["body"].encode(), case["now"]) is case["valid"]


def feed(events: list[int], page: int = 2) -> Callable[[int], dict[str, Any]]:
    def read(after: int) -> dict[str, Any]:
        later = [position for position in events if position > after][:page]
        return {"events": [{"position": position, "event": {"id": str(position)}} for position in later]}

    return read


def test_the_guides_catch_up_handles_each_event_once_in_order(guide: dict[str, Any]) -> None:
    handled: list[int] = []
    last = guide["catch_up"](feed([1, 2, 3, 4, 5]), lambda position, _: handled.append(position), 2)
    assert (handled, last) == ([3, 4, 5], 5)
    assert guide["catch_up"](feed([1, 2, 3, 4, 5]), lambda position, _: handled.append(position), last) == 5
    assert handled == [3, 4, 5]


def test_the_guides_catch_up_notices_a_gap(guide: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="position 3"):
        guide["catch_up"](feed([1, 2, 4]), lambda *_: None, 0)


def test_every_test_that_the_comparison_names_exists() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_\w+)`", (GUIDE / "compared.md").read_text())
    assert len(named) >= 15
    missing = [
        f"{path}::{name}"
        for path, name in named
        if f"def {name}(" not in (GUIDE.parents[1] / path).read_text()
    ]
    assert missing == []
