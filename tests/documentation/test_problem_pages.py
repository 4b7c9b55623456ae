"""Every code that the code can answer with is explained in its service's catalogue and has its page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from services.commands.registry import SERVICES
from services.kernel.http.problems import ProblemCatalogue

ROOT: Final = Path(__file__).resolve().parents[2]
STATUSES: Final = {
    "Invalid": 422,
    "Conflict": 409,
    "Forbidden": 403,
    "NotFound": 404,
    "Stale": 412,
    "Unavailable": 503,
    "Problem": None,
}
INBOX_ONLY: Final = "_not_known_yet"  # why a follower waits or parks; never an answer


def codes_raised(folder: Path) -> Iterator[tuple[str, int | None, str]]:
    """Every literal code given to an error's constructor, its status, and the file it stands in."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            first = node.args[0]
            if node.func.id in STATUSES and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, STATUSES[node.func.id], str(file.relative_to(ROOT))


def catalogue_of(service: str) -> ProblemCatalogue:
    return ProblemCatalogue(*(ROOT / "services" / service).rglob("problems.json"))


@pytest.mark.parametrize("service", SERVICES)
def test_every_code_raised_is_explained_under_its_status(service: str) -> None:
    types = catalogue_of(service).types
    raised = list(codes_raised(ROOT / "services" / service))
    assert raised
    for code, status, file in raised:
        if not code.endswith(INBOX_ONLY):
            assert code in types, f"{code} of {file} has no problem document"
            assert status in (None, types[code].status), f"{code} of {file}"


def test_every_code_has_its_page_in_three_languages() -> None:
    """Where two services word one code each for itself, the page holds one of them."""
    kinds = [(code, kind) for service in SERVICES for code, kind in catalogue_of(service).types.items()]
    explained = set()
    for code, kind in kinds:
        page = (ROOT / "docs" / "problems" / f"{code}.md").read_text()
        texts = [
            text for wording in (kind.title, kind.detail) for text in (wording.kk, wording.ru, wording.en)
        ]
        if all(text in page for text in texts):
            explained.add(code)
    assert explained == {code for code, _kind in kinds}
