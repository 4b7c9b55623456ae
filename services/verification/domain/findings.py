"""How each finding reads in kk, ru and en; the texts are data (`findings.json`)."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from services.kernel.contract import OfficialText
from services.verification.domain.localisation import Finding

FILE: Final = Path(__file__).with_name("findings.json")
_PLACE: Final = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=1)
def finding_texts() -> dict[str, OfficialText]:
    """The text of every code; `{name}` stands for a value of the finding."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, OfficialText])


def worded(finding: Finding) -> OfficialText:
    """A finding for people, after its row and column where it has them. Raises `KeyError`."""
    text = finding_texts()[finding.code]
    place = OfficialText(kk="", ru="", en="")
    if "row" in finding.params and "column" in finding.params:
        place = finding_texts()["_place"]
    values = finding.params

    def filled(template: str) -> str:
        return _PLACE.sub(lambda found: values.get(found[1], ""), template)

    return OfficialText(
        kk=filled(place.kk + text.kk),
        ru=filled(place.ru + text.ru),
        en=filled((place.en or "") + (text.en or "")),
    )
