"""Every error that the register's code can raise has a problem document in three languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from services.kernel.http.problems import ProblemCatalogue
from services.register.api.routers import PROBLEMS

SOURCES = PROBLEMS.parents[1]
ERRORS = {
    "Invalid": 422,
    "Conflict": 409,
    "Forbidden": 403,
    "NotFound": 404,
    "Stale": 412,
    "Unavailable": 503,
}


def raised() -> Iterator[tuple[str, int, Path]]:
    """The literal codes given to domain errors."""
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            first = node.args[0]
            if node.func.id in ERRORS and isinstance(first, ast.Constant):
                yield str(first.value), ERRORS[node.func.id], file


def test_every_code_is_explained_under_its_status() -> None:
    types = ProblemCatalogue(PROBLEMS).types
    found = list(raised())
    assert len(found) > 30
    for code, status, file in found:
        assert code in types, f"{code} of {file.name} has no problem document"
        assert types[code].status == status, code


def test_no_explanation_is_left_over() -> None:
    own = ProblemCatalogue(PROBLEMS).types.keys() - ProblemCatalogue().types.keys()
    loaded = {"application_unknown", "entry_unknown", "notification_unknown", "producer_unknown"}
    assert own <= {code for code, _, _ in raised()} | loaded
