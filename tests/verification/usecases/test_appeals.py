"""Appeals are decided by an officer, whatever is automatic (law-86-VII art. 51-2(5))."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from services.verification.usecases.monitor_round import Paces, carry_on
from services.verification.usecases.open_rounds_due import open_rounds_due
from tests.verification.authority import Q1, authority

EVERYTHING = ("confirmation", "monitoring", "resubmission", "appeal")


def test_with_everything_automatic_an_appeal_in_time_waits_for_an_officer(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path, *EVERYTHING) as here:
        entry_id = here.include(here.file())
        here.clock.set(datetime(2026, 4, 1, 7, 0, tzinfo=UTC))
        open_rounds_due(here.journal, here.practice)
        while carry_on(here.journal, here.practice, Q1, Paces(500)) is not None:
            pass
        excluding = here.notifications()[-1]
        assert (excluding.kind, excluding.result) == ("monitoring", "exclude")
        here.exclude(entry_id, excluding.notification_id)
        appeal_id = here.appeal(entry_id, excluding.notification_id)
        assert here.case_of(f"appeal:{appeal_id}").status == "open"
        assert here.notifications()[-1] == excluding
