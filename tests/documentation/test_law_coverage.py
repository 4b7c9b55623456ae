"""Every test that the map of paragraphs names is there, under the file it is named with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
SPAN: Final = re.compile(r"`([^`]+)`")


def rows() -> list[tuple[str, str]]:
    """Each paragraph with the tests that show it."""
    lines = (ROOT / "docs" / "law-coverage.md").read_text().splitlines()
    cells = [line.strip("|").split("|") for line in lines if line.startswith("| ")][1:]
    return [(paragraph.strip(), shown_by) for paragraph, _asked, shown_by in cells]


def named(shown_by: str) -> list[tuple[Path, str]]:
    """The tests of a row, each with its file."""
    found, file = [], None
    for span in SPAN.findall(shown_by):
        if span.endswith(".py"):
            file = ROOT / "tests" / span
        elif file is not None:
            found.append((file, span))
    return found


@pytest.mark.parametrize(("paragraph", "shown_by"), rows())
def test_a_paragraph_names_tests_that_exist(paragraph: str, shown_by: str) -> None:
    tests = named(shown_by)
    assert tests, paragraph
    missing = [test for file, test in tests if f"def {test}(" not in file.read_text()]
    assert missing == []
