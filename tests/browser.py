"""A real Chromium for pages that people read: the one that is installed, without a network.

`make test` installs Debian's where there is none and it may (`make browser`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import Browser, Page, Route, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
ORIGIN: Final = "https://register.example"
NARROW: Final = {"width": 320, "height": 568}
"""The narrowest screen that a page has to fit (WCAG 2.1, 1.4.10)."""


def installed() -> str | None:
    """Where a Chromium is, if one is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def browser(executable: str) -> Iterator[Browser]:
    """Chromium without a window."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as tools:
        started = tools.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield started
        finally:
            started.close()


@dataclass
class Shown:
    """A page as a reader has it, with what it said on the console and what it asked for beyond itself."""

    page: Page
    console: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


@contextmanager
def shown(
    opened: Browser, body: bytes, headers: Mapping[str, str], *, size: Mapping[str, int] | None = None
) -> Iterator[Shown]:
    """Show an answer of a service under an address of its own; every other request is noted and refused."""
    context = opened.new_context(
        viewport={"width": size["width"], "height": size["height"]} if size else None,
        bypass_csp=False,
    )
    found = Shown(context.new_page())

    def answered(route: Route) -> None:
        if route.request.url == f"{ORIGIN}/page":
            route.fulfill(status=200, headers=dict(headers), body=body)
            return
        found.asked.append(route.request.url)
        route.abort()

    found.page.on("console", lambda message: found.console.append(f"{message.type}: {message.text}"))
    found.page.on("pageerror", lambda error: found.console.append(str(error)))
    context.route("**/*", answered)
    try:
        found.page.goto(f"{ORIGIN}/page")
        yield found
    finally:
        context.close()
