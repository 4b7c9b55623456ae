"""Every test and file that the maps of paragraphs name is there, each test under its file."""

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


def decided() -> list[tuple[str, str, str]]:
    """Each source of docs/law.md with the code that decides it and the tests that show it."""
    table = (ROOT / "docs" / "law.md").read_text().partition("| source |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return [(source, code, shown_by) for source, _decided, code, shown_by in cells]


@pytest.mark.parametrize(("source", "code", "shown_by"), decided())
def test_a_source_of_law_names_code_and_tests_that_exist(source: str, code: str, shown_by: str) -> None:
    assert SPAN.findall(code), source
    assert [file for file in SPAN.findall(code) if not (ROOT / file).is_file()] == []
    test_a_paragraph_names_tests_that_exist(source, shown_by)


@pytest.mark.parametrize(("paragraph", "shown_by"), rows())
def test_a_paragraph_names_tests_that_exist(paragraph: str, shown_by: str) -> None:
    tests = named(shown_by)
    assert tests, paragraph
    missing = [test for file, test in tests if f"def {test}(" not in file.read_text()]
    assert missing == []
