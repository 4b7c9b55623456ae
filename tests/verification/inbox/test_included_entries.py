"""Which entries are monitored follows the register, whatever it decides (order 327 paras. 29, 31)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.calendar import end_of
from services.kernel.contract import OfficialText
from services.kernel.feed.following import Upstream
from services.kernel.journal.events import Header, microseconds, new_event_id, new_stream_id
from services.kernel.journal.units import CursorStep, Recorded
from services.register.contract.appeals import AppealClosed
from services.register.contract.corrections import EntryCorrected
from services.register.contract.events import (
    ApplicationFiled,
    Excluded,
    Included,
    Reinstated,
)
from services.register.contract.updates import EntryUpdated
from services.register.projections.periods import periods_known
from services.verification.inbox.register import UPSTREAM
from services.verification.projections.included_entries import (
    count_at_end_of,
    is_included,
    last_noted,
    latest,
    passed,
)
from tests.register.desk import Desk, open_desk
from tests.register.given import AUTOMATIC, NOON
from tests.register.projections.test_periods import TWO_OFFICERS, step
from tests.verification.acting import PRODUCER, REASONS, REWORK_TERM
from tests.verification.authority import Authority, authority

OTHER = OfficialText(kk="Қойма", ru="Склад")
FOLLOWED = (ApplicationFiled, Included, Excluded, Reinstated, EntryCorrected)


def included_anew(here: Authority) -> tuple[str, str]:
    """Included on 2 March, excluded on 1 April, included anew on a reapplication on 10 April 2026."""
    entry_id = here.include(here.file())
    here.clock.set(datetime(2026, 4, 1, 7, tzinfo=UTC))
    exclusion = here.exclude(entry_id)
    here.clock.set(datetime(2026, 4, 10, 7, tzinfo=UTC))
    here.include(here.file(product_id=entry_id))
    return entry_id, exclusion


def reinstated(here: Authority, entry_id: str, exclusion: str, on: str, *, from_start: bool) -> None:
    here.follow(
        Reinstated(
            entry_id=entry_id,
            appeal_id=str(new_stream_id()),
            producer=PRODUCER,
            notification_id=str(new_stream_id()),
            annuls_from_start=from_start,
            exclusion_event_id=exclusion,
            reinstated_on=on,
            reasons=REASONS,
        ),
        stream=entry_id,
    )


def monitored(here: Authority, day: str) -> tuple[int, list[str]]:
    """How many entries a round counts at the end of a day, and those that its walk meets."""
    with here.database.read() as connection:
        met = passed(connection, day, after=0, upto=last_noted(connection), limit=500)
        return count_at_end_of(connection, day), [period.entry_id for period in met]


def test_an_appeal_upheld_after_a_new_inclusion_begins_no_second_period(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        entry_id, exclusion = included_anew(here)
        reinstated(here, entry_id, exclusion, "2026-05-04", from_start=False)
        assert monitored(here, "2026-06-30") == (1, [entry_id])


def test_an_exclusion_annulled_after_a_new_inclusion_closes_the_gap_and_nothing_more(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        entry_id, exclusion = included_anew(here)
        assert monitored(here, "2026-04-05")[0] == 0
        reinstated(here, entry_id, exclusion, "2026-04-01", from_start=True)
        for day in ("2026-03-02", "2026-04-05", "2026-04-10", "2026-06-30"):
            assert monitored(here, day) == (1, [entry_id])
        here.clock.set(datetime(2026, 7, 1, 7, tzinfo=UTC))
        here.exclude(entry_id)
        assert monitored(here, "2026-07-01") == (0, [])
        with here.database.read() as connection:
            assert not is_included(connection, entry_id)


def test_an_exclusion_annulled_after_a_later_exclusion_leaves_the_entry_out(
    database_url: str, tmp_path: Path
) -> None:
    with authority(database_url, tmp_path) as here:
        entry_id, exclusion = included_anew(here)
        here.clock.set(datetime(2026, 5, 4, 7, tzinfo=UTC))
        here.exclude(entry_id)
        reinstated(here, entry_id, exclusion, "2026-04-01", from_start=True)
        assert monitored(here, "2026-04-05")[0] == 1
        assert monitored(here, "2026-05-04") == (0, [])


def test_an_appeal_that_ended_closes_its_own_case_and_no_other(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path, "confirmation") as here:
        here.list_product()
        entry_id = here.include(here.file())
        notification = here.notifications()[0].notification_id
        first, second = here.appeal(entry_id, notification), here.appeal(entry_id, notification)
        reinstated(here, entry_id, here.exclude(entry_id), "2026-03-02", from_start=False)
        assert here.case_of(f"appeal:{second}").status == "open"
        here.follow(
            AppealClosed(
                entry_id=entry_id,
                appeal_id=first,
                producer=PRODUCER,
                exclusion_event_id=new_event_id(),
                ground="exclusion_corrected",
            ),
            stream=entry_id,
        )
        closed, left = here.case_of(f"appeal:{first}"), here.case_of(f"appeal:{second}")
        assert (closed.status, closed.closing_ground) == ("closed", "exclusion_corrected")
        assert left.status == "open"


def follow_all(here: Authority, recorded: Iterable[Recorded]) -> None:
    """Follow what the register recorded about entries."""
    for one in recorded:
        if isinstance(one.fact.data, FOLLOWED):
            header = msgspec.json.decode(one.record, type=Header)
            upstream = Upstream(here.position + 1, header, one.record, {})
            here.sink.apply(upstream, CursorStep(UPSTREAM, here.position, here.position + 1))
            here.position += 1


def in_force_on(desk: Desk, entry_id: UUID, day: date) -> bool:
    """Whether the register holds an entry in force when a day ends."""
    instant = microseconds(end_of(day)) - 1
    with desk.journal.database.read() as connection:
        known = periods_known(connection, [entry_id]).get(entry_id, [])
    return any(
        one.status == "included"
        and one.valid_from <= instant
        and (one.valid_to is None or instant < one.valid_to)
        for one in known
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    plan=st.lists(
        st.tuples(st.integers(0, 11) | st.integers(TWO_OFFICERS, 30), st.integers(0, 60)),
        min_size=1,
        max_size=9,
    )
)
def test_both_authorities_hold_the_same_entries_in_force_on_every_day(plan: list[tuple[int, int]]) -> None:
    with (
        TemporaryDirectory() as folder,
        open_desk(f"sqlite:///{folder}/register.db", AUTOMATIC) as desk,
        authority(f"sqlite:///{folder}/verification.db", Path(folder)) as here,
    ):
        entry = desk.include()
        for choice, hours in plan:
            desk.later(hours=hours)
            step(desk, entry, choice, hours)
        for page in desk.journal.replay():
            follow_all(here, page)
        last = desk.clock.now().date() + timedelta(days=1)
        day = NOON.date()
        while day <= last:
            assert monitored(here, day.isoformat())[0] == in_force_on(desk, entry.id, day), day
            day += timedelta(days=1)


def test_a_producers_new_name_stands_in_later_cases_of_that_entry_para_26(tmp_path: Path) -> None:
    """What was verified stays as it is. A name told of later, but standing from earlier, changes nothing."""
    with authority(f"sqlite:///{tmp_path / 'verification.db'}", tmp_path) as here:
        entry_id, other = here.include(here.file()), here.include(here.file(name=OTHER))
        update = EntryUpdated(
            entry_id=entry_id,
            producer=msgspec.structs.replace(PRODUCER, name=OfficialText(kk="Жаңа", ru="Новое")),
            inclusion_event_id=new_event_id(),
            fields=("name",),
            changed_on="2026-03-02",
            quarter="2026-Q1",
            term=REWORK_TERM,
            in_time=True,
        )
        here.follow(update, stream=entry_id)
        older = msgspec.structs.replace(PRODUCER, name=OfficialText(kk="Ескі", ru="Старое"))
        here.follow(msgspec.structs.replace(update, producer=older, superseded=("name",)), stream=entry_id)
        with here.database.read() as connection:
            names = [found.producer.name for key in (entry_id, other) if (found := latest(connection, key))]
    assert [name.ru if name else None for name in names] == ["Новое", "ТОО «Дала»"]
