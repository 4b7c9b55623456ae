"""The explanation's page in a real browser: whole in each language, quiet, printable, fit to any screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from tests.browser import NARROW, browser, installed, shown
from tests.contract.apps import served
from tests.verification.api.test_explanation import HOSTILE, World

CHROMIUM = installed()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: make browser")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser(CHROMIUM or "") as opened:
        yield opened


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    var = tmp_path_factory.mktemp("browsed")
    with served("verification", var) as (app, client):
        found = World(app, client, var)
        yield found
        found.here.database.close()


@pytest.fixture(scope="module")
def case(world: World) -> UUID:
    """A confirmed case whose product is called as an attacker would call it."""
    world.here.list_product(name=HOSTILE)
    return world.here.case_of(f"application:{world.here.file(name=HOSTILE)}").id


def answer(world: World, case: UUID, language: str) -> tuple[bytes, dict[str, str]]:
    found: Any = world.page(case, language)
    assert found.status_code == 200
    kept = ("content-type", "content-security-policy", "content-language")
    return found.content, {name: found.headers[name] for name in kept}


@pytest.mark.parametrize(("language", "heading"), [("kk", "Шешім"), ("ru", "Решение"), ("en", "Decision")])
def test_the_page_is_whole_quiet_and_asks_for_nothing(
    world: World, case: UUID, chromium: Browser, language: str, heading: str
) -> None:
    with shown(chromium, *answer(world, case, language)) as found:
        assert found.page.evaluate("document.documentElement.lang") == language
        assert heading in found.page.inner_text("h2 >> nth=0")
        assert found.page.locator("main table").count() >= 4
        assert "<script>" in found.page.title() or "<b>" in found.page.title()
        assert found.page.locator("main script, main b").count() == 0, "shown as text"
        border = found.page.evaluate("getComputedStyle(document.querySelector('td')).borderTopStyle")
        assert border == "solid", "its own style is let in by the Content-Security-Policy"
        assert (found.console, found.asked) == ([], [])


def test_nothing_but_its_own_style_may_run(world: World, case: UUID, chromium: Browser) -> None:
    """Were a script ever to get into the page, the browser would refuse it."""
    body, headers = answer(world, case, "ru")
    planted = body.replace(b"</main>", b"<script>document.title='owned'</script><img src='/x'></main>")
    with shown(chromium, planted, headers) as found:
        assert found.page.title() != "owned"
        assert found.asked == []
        assert sum("Content Security Policy" in line for line in found.console) >= 2


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_narrow_screen_shows_all_without_scrolling_sideways(
    world: World, case: UUID, chromium: Browser, language: str
) -> None:
    """WCAG 2.1, 1.4.10."""
    with shown(chromium, *answer(world, case, language), size=NARROW) as found:
        assert found.overflow == 0
        cut = found.page.evaluate(
            "[...document.querySelectorAll('th, td')].filter(c => c.scrollWidth > c.clientWidth + 1).length"
        )
        assert cut == 0, "a cell holds what is wider than itself"
        cell = found.page.locator("td[data-heading]").first
        told = cell.evaluate("c => getComputedStyle(c, '::before').content")
        assert cell.get_attribute("data-heading") in told, "each cell says which column it is of"
        keep(found.page.screenshot(full_page=True), f"narrow-{language}.png")


def test_it_prints_on_paper_whole(world: World, case: UUID, chromium: Browser) -> None:
    with shown(chromium, *answer(world, case, "kk")) as found:
        printed = found.page.pdf(format="A4")
        assert printed.startswith(b"%PDF-")
        found.page.emulate_media(media="print")
        assert found.page.evaluate("getComputedStyle(document.querySelector('thead')).display") == (
            "table-header-group"
        )
        assert found.overflow == 0
        keep(found.page.screenshot(full_page=True), "print-kk.png")


def keep(picture: bytes, name: str) -> None:
    """Keep a picture for whoever wants to look: SCREENSHOTS names the folder."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        Path(folder, name).write_bytes(picture)
