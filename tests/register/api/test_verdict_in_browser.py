"""The page that an extract's QR code opens, in a real browser: quiet, and fit to the phone that read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest

from services.kernel.contract import OfficialText
from services.register.api.judging import Verdict
from services.register.api.verdicts import HTML, PAGE_HEADERS, page_of, verdict_shown
from services.register.domain.extract_changes import Change
from tests.browser import NARROW, browser, installed, shown
from tests.register.api.test_extract_pdf import file, product

NAME: Final = OfficialText(kk="<b>" + "Өтеұзынатау" * 12, ru="<b>" + "Оченьдлинноеназвание" * 8)
VERDICT: Final = Verdict(
    outcome="no_longer_true",
    known_at=50,
    content=file(product(1, name=NAME), product(2)).content,
    changes=[
        Change(kind="excluded", product_id="p1", name=NAME, on="2026-03-10", ground="software_monitoring")
    ],
)


@pytest.mark.skipif(installed() is None, reason="no Chromium is installed: make browser")
def test_the_verdict_is_quiet_and_fits_a_narrow_screen_and_paper() -> None:
    verdict = verdict_shown(VERDICT, datetime(2026, 3, 11, 7, 0, tzinfo=UTC))
    with browser(installed() or "") as opened:
        for language in ("kk", "ru", "en"):
            headers = {"content-type": HTML, **PAGE_HEADERS}
            with shown(opened, page_of(verdict, language), headers, size=NARROW) as found:
                assert (found.console, found.asked, found.overflow) == ([], [], 0)
                assert found.page.locator("main b").count() == 0
                assert found.page.get_by_role("status").count() == 1
                assert found.page.locator("table").count() == 2
                assert found.page.pdf(format="A4").startswith(b"%PDF-")
