"""The terms of one case: which ran, which run, and who missed one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from services.kernel.contract import FixedTerm

TermOwner = Literal["informatization_authority", "producer"]
TermState = Literal["running", "met", "missed", "lapsed"]


@dataclass(frozen=True, slots=True)
class TermRun:
    """One term: who is under it, and what became of it.

    `missed` is for good, whatever was done late; `done` says that it was. `lapsed` fell away unmet and
    unmissed.
    """

    term: FixedTerm
    owed_by: TermOwner
    state: TermState = "running"
    done: bool = False


class Terms:
    """The terms of a case in the order in which they began."""

    def __init__(self) -> None:
        self._runs: list[TermRun] = []

    def __iter__(self) -> Iterator[TermRun]:
        return iter(self._runs)

    @property
    def running(self) -> tuple[TermRun, ...]:
        """Those not met, missed or lapsed."""
        return tuple(run for run in self._runs if run.state == "running")

    def begin(self, term: FixedTerm | None, owed_by: TermOwner) -> None:
        """A term starts to run; nothing where none is set."""
        if term is not None:
            self._runs.append(TermRun(term, owed_by))

    def end(self, owed_by: TermOwner, *, met: bool = True) -> None:
        """What one side owed was done, or fell away."""
        for index, run in enumerate(self._runs):
            if run.owed_by != owed_by or run.done:
                continue
            if run.state == "running":
                self._runs[index] = replace(run, state="met" if met else "lapsed", done=met)
            elif run.state == "missed" and met:
                self._runs[index] = replace(run, done=True)

    def miss(self, term: FixedTerm) -> None:
        """A running term ended unmet."""
        for index, run in enumerate(self._runs):
            if run.state == "running" and (run.term.name, run.term.due_on) == (term.name, term.due_on):
                self._runs[index] = replace(run, state="missed")
                return
