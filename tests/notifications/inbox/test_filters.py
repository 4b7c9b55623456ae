"""An entry's life, told only to those who asked for this part of it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from services.notifications.schema import DELIVERIES, EVENTS
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import (
    AppealFiled,
    Excluded,
    MonitoringRecorded,
    Reinstated,
)
from tests.notifications.given import ACTIVITY, REASONS, filed, included, term, updated
from tests.notifications.office import Office

FILING: Final = filed()
INCLUSION: Final = included(FILING)
ENTRY: Final = INCLUSION.entry_id


def heard(office: Office, subscription_id: str) -> list[str]:
    """The types of what a subscription gets, in order, without the register's prefix."""
    wanted = {row["event_id"] for row in office.rows(DELIVERIES, subscription_id=subscription_id)}
    rows = sorted(office.rows(EVENTS), key=lambda row: row["position"] or 0)
    return [str(row["type"]).removeprefix("kz.register.") for row in rows if row["event_id"] in wanted][1:]


def exclusion() -> Excluded:
    return Excluded(
        entry_id=ENTRY,
        producer=FILING.producer,
        ground="software_monitoring",
        excluded_on="2026-03-02",
        reasons=REASONS,
        notification_id="n-2",
        appeal_term=term("appeal", "2026-04-01"),
    )


def live(office: Office) -> None:
    """Filed, included, found to conform, excluded by monitoring, appealed, reinstated, found to conform."""
    office.register.publish(FILING)
    office.register.publish(INCLUSION)
    conforms = MonitoringRecorded(
        entry_id=ENTRY, producer_id=FILING.producer.producer_id, notification_id="n-1", quarter="2026-Q1"
    )
    office.register.publish(conforms)
    excluded = office.register.publish(exclusion()).header.id
    appeal = AppealFiled(
        entry_id=ENTRY,
        appeal_id="a-1",
        producer=FILING.producer,
        notification_id="n-2",
        exclusion_event_id=excluded,
        language="kk",
        filed_on="2026-03-03",
        in_time=True,
        term=term("appeal", "2026-04-01"),
        commitments={},
    )
    office.register.publish(appeal)
    reinstated = Reinstated(
        entry_id=ENTRY,
        producer=FILING.producer,
        notification_id="n-3",
        annuls_from_start=False,
        exclusion_event_id=excluded,
        reinstated_on="2026-03-20",
        reasons=REASONS,
        appeal_id="a-1",
    )
    office.register.publish(reinstated)
    office.register.publish(conforms)
    office.follow()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            {"status": "included"},
            [
                "entry.included.v1",
                "entry.monitoring-recorded.v1",
                "entry.reinstated.v1",
                "entry.monitoring-recorded.v1",
            ],
        ),
        ({"status": "excluded"}, ["entry.excluded.v1", "entry.appeal-filed.v1"]),
        ({"track": "confirmation"}, ["application.filed.v2", "entry.included.v1"]),
        ({"track": "appeal"}, ["entry.appeal-filed.v1", "entry.reinstated.v1"]),
        ({"track": "monitoring", "status": "excluded"}, ["entry.excluded.v1"]),
        ({"region": "71"}, []),
        ({"region": "75", "event_types": ("kz.register.application.*",)}, ["application.filed.v2"]),
        ({"product_id": ENTRY, "track": "confirmation"}, ["application.filed.v2", "entry.included.v1"]),
        ({"product_id": "00000000-0000-7000-8000-000000000000"}, []),
    ],
)
def test_each_filter_gives_its_part_of_an_entrys_life(
    office: Office, asked: dict[str, Any], expected: list[str]
) -> None:
    subscription = office.subscribe(**asked)
    live(office)
    assert heard(office, subscription) == expected


def test_an_exclusion_left_out_from_the_start_puts_the_entry_back(office: Office) -> None:
    subscription = office.subscribe(status="included", event_types=("kz.register.entry.*",))
    office.register.publish(FILING)
    office.register.publish(INCLUSION)
    excluded = office.register.publish(exclusion()).header.id
    correction = EntryCorrected(
        entry_id=ENTRY,
        producer=FILING.producer,
        corrected_event_id=excluded,
        notification_id="n-4",
        reasons=REASONS,
    )
    office.register.publish(correction)
    office.follow()
    assert heard(office, subscription) == ["entry.included.v1", "entry.corrected.v1"]


def test_undoing_an_older_exclusion_does_not_bring_back_what_a_later_one_keeps_out(office: Office) -> None:
    subscription = office.subscribe(status="excluded", event_types=("kz.register.entry.*",))
    office.register.publish(FILING)
    office.register.publish(INCLUSION)
    older = office.register.publish(exclusion()).header.id
    office.register.publish(included(FILING, entry_id=ENTRY))
    office.register.publish(exclusion())
    correction = EntryCorrected(
        entry_id=ENTRY,
        producer=FILING.producer,
        corrected_event_id=older,
        notification_id="n-4",
        reasons=REASONS,
    )
    office.register.publish(correction)
    office.follow()
    assert heard(office, subscription) == ["entry.excluded.v1", "entry.excluded.v1", "entry.corrected.v1"]


def test_a_paused_subscription_collects_what_leaves_when_it_goes_on(office: Office) -> None:
    subscription = office.subscribe(state="paused")
    office.register.publish(FILING)
    office.follow()
    assert heard(office, subscription) == ["application.filed.v2"]


def test_an_update_is_heard_under_its_type_and_region_and_moves_the_entry_to_another(office: Office) -> None:
    everything = office.subscribe(event_types=("kz.register.entry.updated.v1",), status="included")
    moved_to = office.subscribe(region="63", event_types=("kz.register.entry.*",))
    office.register.publish(FILING)
    office.register.publish(INCLUSION)
    there = msgspec.structs.replace(ACTIVITY, kato="630000000")
    for superseded in (("kato",), ()):
        office.register.publish(
            updated(FILING, fields=("kato",), activity=there, commitments={}, superseded=superseded)
        )
    office.follow()
    assert heard(office, everything) == ["entry.updated.v1", "entry.updated.v1"]
    assert heard(office, moved_to) == ["entry.updated.v1"]
