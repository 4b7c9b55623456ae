"""The difference of the register between two moments is that of its lists at the two, whatever happened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from services.kernel.calendar import legal_date
from services.kernel.clock import set_simulated_clock
from services.kernel.contract import OfficialText
from services.kernel.errors import DomainError
from services.kernel.journal.events import instant_text, microseconds
from services.register.domain.correction import Proposed
from services.register.domain.entry import Entry
from services.register.domain.updating import Given
from services.register.usecases.file_appeal import FileAppeal, file_appeal
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from tests.register.api.conftest import Api, serve
from tests.register.api.test_histories import changes
from tests.register.desk import Desk
from tests.register.given import BIN, OTHER_BIN, REASONS, THIRD_BIN, product

NUMBERS: Final = (BIN, OTHER_BIN)
QUICK: Final[dict[str, Any]] = {"automatic": ["review", "exclusion", "reinstatement", "own_request"]}
Step = tuple[int, int, int]
"""Which thing happens, to which of the producers, and how many days late it is told."""

serving = contextmanager(serve)


class Doings:
    """What can happen to the entries of two producers; nothing is recorded before it counts."""

    def __init__(self, desk: Desk, clock: Path) -> None:
        self.desk = desk
        self.clock = clock
        self.bins = list(NUMBERS)
        self.entries = [desk.include(number, f"Үлгі {number}") for number in NUMBERS]
        self.count = 0

    def happen(self, step: Step) -> None:
        """What the state forbids does not happen."""
        what, which, back = step
        self.desk.later(days=2)
        set_simulated_clock(self.clock, self.desk.clock.now())
        self.count += 1
        try:
            self._steps()[what](which, back)
        except DomainError as refused:
            event(f"refused: {refused.code}")

    def _steps(self) -> tuple[Callable[[int, int], object], ...]:
        return (
            self._file,
            self._include,
            self._exclude,
            self._redate,
            self._annul,
            self._restate,
            self._transform,
            self._update,
            self._appeal,
            self._request,
        )

    def _entry(self, which: int) -> Entry:
        return self.desk.journal.load(Entry, self.entries[which].id)

    def _file(self, which: int, _back: int) -> None:
        self.desk.file(self.bins[which], f"Жаңа {self.count}")

    def _include(self, which: int, _back: int) -> None:
        self.entries[which] = self.desk.include(self.bins[which], f"Басқа {self.count}")

    def _exclude(self, which: int, _back: int) -> None:
        self.desk.exclude(self._entry(which))

    def _redate(self, which: int, back: int) -> None:
        self._correct(which, "redating", counts_from=self.desk.clock.now() - timedelta(days=back))

    def _annul(self, which: int, _back: int) -> None:
        self._correct(which, "annulment")

    def _restate(self, which: int, _back: int) -> None:
        self._correct(which, "restatement", product=product(f"Аты {self.count}"))

    def _correct(self, which: int, kind: Any, **given: Any) -> None:
        entry = self._entry(which)
        excluded = entry.state.exclusion
        wrong = excluded.event_id if excluded and kind != "restatement" else entry.state.included_by
        proposed = Proposed(
            entry_id=str(entry.id),
            event_id=wrong,
            kind=kind,
            reasons=REASONS,
            legal_basis="order-327",
            **given,
        )
        self.desk.correct(proposed)

    def _transform(self, which: int, back: int) -> None:
        name = OfficialText(kk=f"«Тау {self.count}» АҚ", ru=f"АО «Тау {self.count}»")
        new_bin = THIRD_BIN if which and THIRD_BIN not in self.bins else None
        on = legal_date(self.desk.clock.now() - timedelta(days=back))
        command = TransformProducer(
            bin=self.bins[which], on=on, reference="R", new_bin=new_bin, new_name=name
        )
        transform_producer(self.desk.journal, command, self.desk.act())
        self.bins[which] = new_bin or self.bins[which]

    def _update(self, which: int, back: int) -> None:
        on = legal_date(self.desk.clock.now() - timedelta(days=back))
        given = Given(capacity_per_year=str(self.count), email=f"{self.count}@a.kz", changed_on=on)
        self.desk.update(self._entry(which), given, self.bins[which])

    def _appeal(self, which: int, _back: int) -> None:
        filed = FileAppeal(entry_id=self.entries[which].id, by=self.bins[which], grounds="г", language="ru")
        file_appeal(self.desk.journal, filed, self.desk.act("producer"))

    def _request(self, which: int, _back: int) -> None:
        asked = RequestExclusion(entry_id=self.entries[which].id, by=self.bins[which])
        request_exclusion(self.desk.journal, asked, self.desk.act("producer"), self.desk.procedure)


class Register:
    """Its lists at moments, each read once: by entry, of a legal instant as known at a position."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._read: dict[tuple[str, int], dict[str, Any]] = {}

    def at(self, valid_at: str, known_at: int) -> dict[str, Any]:
        moment = (valid_at, known_at)
        if moment not in self._read:
            answer = self.api.get("/v1/entries", valid_at=valid_at, known_at=known_at, limit=100)
            assert answer.status_code == 200, answer.text
            assert "next" not in answer.json()
            self._read[moment] = {item["entry_id"]: item for item in answer.json()["items"]}
        return self._read[moment]

    def differs_as_told(self, before: dict[str, Any], after: dict[str, Any], **window: Any) -> None:
        """Each entry that differs is told once, as it is in the two lists; others only with their facts."""
        told = changes(self.api, **window, limit=2)
        by_entry = {item["entry_id"]: item for item in told}
        assert len(by_entry) == len(told)
        for entry_id, item in by_entry.items():
            assert (item.get("before"), item.get("after")) == (before.get(entry_id), after.get(entry_id))
            assert item["facts"], "what is told without a difference has its facts"
        differing = {one for one in before.keys() | after if before.get(one) != after.get(one)}
        assert differing <= by_entry.keys(), window


@settings(
    max_examples=2,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    plan=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1), st.integers(0, 5)), min_size=3, max_size=9)
)
def test_changes_between_two_moments_are_exactly_the_difference_of_the_two_lists(plan: list[Step]) -> None:
    with TemporaryDirectory() as name, serving(f"sqlite:///{name}/register.db", Path(name), **QUICK) as api:
        doings = Doings(api.desk, Path(name) / "clock.json")
        for step in plan:
            doings.happen(step)
        facts = [one for page in api.desk.journal.replay() for one in page]
        instants = sorted({microseconds(one.fact.effective_at) for one in facts})
        moments = [instant_text(one) for one in (instants[0] - 1, *instants[-5:])]
        positions = [0, *(one.position for one in facts)][-6:]
        register = Register(api)
        for known_at in positions[-2:]:
            for start, end in combinations(moments, 2):
                window = {"from": start, "to": end, "axis": "valid", "known_at": known_at}
                register.differs_as_told(register.at(start, known_at), register.at(end, known_at), **window)
        for valid_at in moments[-2:]:
            for first, last in combinations(positions, 2):
                window = {"from": first, "to": last, "valid_at": valid_at}
                register.differs_as_told(register.at(valid_at, first), register.at(valid_at, last), **window)
