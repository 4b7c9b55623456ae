"""Every link between the project's pages leads somewhere: to a file, and to a heading in it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = {"var", "build", "dist", "node_modules"}
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
NAMED = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")


def pages() -> list[Path]:
    """Every Markdown file of the project."""
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not any(part in NOT_OURS or part.startswith(".") for part in path.relative_to(ROOT).parts)
    )


def links(text: str) -> list[str]:
    """Link targets outside code."""
    prose = CODE.sub("", FENCE.sub("", text))
    return LINK.findall(prose) + REFERENCE.findall(prose)


def anchors(text: str) -> set[str]:
    """The fragments that headings and named anchors answer to, as forges make them."""
    found: set[str] = set(NAMED.findall(text))
    for heading in HEADING.findall(FENCE.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading).strip().lower()
        kept = (
            letter for letter in unicodedata.normalize("NFC", words) if letter.isalnum() or letter in "-_ "
        )
        plain = "".join(kept).replace(" ", "-")
        name, number = plain, 0
        while name in found:
            number += 1
            name = f"{plain}-{number}"
        found.add(name)
    return found


def dead_links(page: Path) -> list[str]:
    """Links of a page that lead nowhere inside the project; addresses elsewhere are not asked."""
    dead: list[str] = []
    for link in links(page.read_text()):
        if re.match(r"[a-z][a-z0-9+.-]*:|//", link):
            continue
        path, _, fragment = unquote(link).partition("#")
        target = (page.parent / path) if path else page
        inside = target.resolve().is_relative_to(ROOT)
        found = inside and target.exists()
        if found and fragment and target.suffix == ".md":
            found = fragment in anchors(target.read_text())
        if not found:
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_of_a_page_is_dead(page: Path) -> None:
    assert dead_links(page) == []


def test_headings_answer_to_the_fragments_that_forges_make() -> None:
    assert anchors("# The life of one fact\n## `make up`, and then?\n## Тізілім\n## Тізілім\n") == {
        "the-life-of-one-fact",
        "make-up-and-then",
        "тізілім",
        "тізілім-1",
    }


def test_code_is_no_link() -> None:
    assert links("`[a](b)` and [c](d.md#e)\n```\n[f](g)\n```\n[h]: i.md\n") == ["d.md#e", "i.md"]
