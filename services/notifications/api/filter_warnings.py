"""What may be wrong with a subscription, told in kk, ru and en."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec

from services.kernel.http.responses import Representation

WarningCode = Literal[
    "product_not_seen",
    "producer_not_seen",
    "product_of_another_producer",
    "nothing_for_30_days",
    "former_secret_unreadable",
]


class WarningText(Representation):
    """The warning in every language."""

    kk: str
    ru: str
    en: str


class FilterWarning(Representation):
    """A filter that is right in form but seems to match nothing, or a secret that signs no more."""

    code: WarningCode
    text: WarningText


_TEXTS: Final = {
    code: WarningText(**texts)
    for code, texts in msgspec.json.decode(
        Path(__file__).with_name("filter_warnings.json").read_bytes(), type=dict[WarningCode, dict[str, str]]
    ).items()
}


def warnings_shown(codes: Iterable[str]) -> list[FilterWarning]:
    """Warnings by their codes."""
    return [FilterWarning(code=code, text=text) for code, text in _TEXTS.items() if code in set(codes)]
