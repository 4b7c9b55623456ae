"""The receipt's page in a real browser: quiet, printable, fit to a narrow screen."""

from __future__ import annotations

from typing import Final

import pytest

from services.notifications.api.receipt_page import HTML, SECURITY, page_of
from tests.browser import NARROW, browser, installed, shown

RECEIPT: Final = {
    "account": "181240006529",
    "message_id": "0191f3c0-0000-7000-8000-000000000000",
    "subject": "«<b>" + "Өтеұзынатау" * 8 + "» тізілімге енгізілді",
    "texts_sha256": "ab" * 32,
    "put_at": "2026-03-02T07:00:00Z",
}


@pytest.mark.skipif(installed() is None, reason="no Chromium is installed: make browser")
def test_a_receipt_is_quiet_and_fits_a_narrow_screen_and_paper() -> None:
    headers = {"content-type": HTML, "content-security-policy": SECURITY}
    with browser(installed() or "") as opened:
        for language in ("kk", "ru", "en"):
            with shown(opened, page_of(RECEIPT, language), headers, size=NARROW) as found:
                assert (found.console, found.asked, found.overflow) == ([], [], 0)
                assert found.page.locator("main b").count() == 0
                assert found.page.locator("tr").count() == 6
                assert found.page.pdf(format="A4").startswith(b"%PDF-")
