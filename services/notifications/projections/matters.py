"""What waits for somebody's act: an authority's work and a producer's terms, as followed facts leave it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa

from services.kernel.contract import OfficialText, ProducerRef
from services.kernel.database import BigInt
from services.kernel.journal.events import Event
from services.kernel.journal.rows import BulkInsert, BulkUpsert, ByKeys, Row
from services.notifications.schema import METADATA

Authority = Literal["industry_authority", "informatization_authority"]
AUTHORITIES: Final[tuple[Authority, ...]] = ("industry_authority", "informatization_authority")

MATTERS: Final = sa.Table(
    "matters",
    METADATA,
    sa.Column("matter_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("product", sa.LargeBinary, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("opened_on", sa.Text, nullable=False),
    sa.Column("due_on", sa.Text, nullable=True),
    sa.Column("reminded", sa.Integer, nullable=True),
    sa.Column("told_at", BigInt, nullable=False, server_default="0"),
    sa.Index("matters_holder", "holder", "due_on"),
    sa.Index("matters_due", "due_on"),
)
"""Only what is open stands here. `matter_id` is the id of the fact that opened it; `holder` the authority or
the producer (by its opaque id) whose act it waits for; `subject` the case, notification or entry by which it
ends. Days are legal days (ISO dates, Asia/Almaty). `reminded` is the smallest number of days before the end
that was reminded of so far; `told_at` the position of the fact that opened it."""

ENDED_MATTERS: Final = sa.Table(
    "ended_matters",
    METADATA,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("told_at", BigInt, nullable=False),
)
"""The position of the latest fact that ended matters of a kind (empty: of every kind) of a subject, or of a
producer: a fact before it that is handled later (it was parked) opens nothing that has ended already.

Only positions of one journal are ever compared: every subject is followed by one authority's facts alone.
"""
_EVERY_KIND: Final = ""
_SUBJECTS: Final = ("case_id", "notification_id", "entry_id")
_OF_SUBJECTS: Final = ByKeys(MATTERS.c.subject)
_ENDS_OF: Final = ByKeys(ENDED_MATTERS.c.subject)
_BY_ID: Final = ByKeys(MATTERS.c.matter_id)
_INSERT: Final = BulkInsert(MATTERS)
_KEEP_ENDS: Final = BulkUpsert(ENDED_MATTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Something that waits for an act, since the fact at position `told_at` of its authority's journal.

    `due_on` is the last day of its term, where it has one.
    """

    matter_id: str
    kind: str
    holder: str
    subject: str
    product: OfficialText
    event_type: str
    opened_on: str
    told_at: int
    due_on: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits for an authority; `ending` within the days asked for, `overdue` past its term."""

    total: int
    ending: int
    overdue: int
    next_due: str | None


class Matters:
    """What waits, as a batch of facts leaves it: read once, kept in memory, written together.

    In whatever order facts are handled, the same waits in the end.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._open: dict[str, list[Row]] = {}
        self._opened: dict[str, Row] = {}
        self._gone: set[str] = set()
        self._ends: dict[str, dict[str, int]] = {}
        self._ends_told: set[tuple[str, str]] = set()

    def expect(self, facts: Iterable[Event]) -> None:
        """Read what waits or has ended for the sake of what facts name, in a statement for each."""
        facts = list(facts)
        named = {getattr(data, name, None) for data in facts for name in (*_SUBJECTS, "producer_id")}
        refs = (getattr(data, "producer", None) for data in facts)
        self._read((named | {ref.producer_id for ref in refs if isinstance(ref, ProducerRef)}) - {None})

    def _read(self, subjects: set[Any]) -> None:
        wanted = sorted(subjects - self._open.keys())
        if not wanted:
            return
        self._open.update({subject: [] for subject in wanted})
        self._ends.update({subject: {} for subject in wanted})
        for row in _OF_SUBJECTS.read(self._connection, wanted):
            self._open[row["subject"]].append(row)
        for row in _ENDS_OF.read(self._connection, wanted):
            self._ends[row["subject"]][row["kind"]] = row["told_at"]

    def open(self, matter: Matter) -> None:
        """Note that something waits, unless a later fact ended it already."""
        ended_at = max(self._ended(name, matter.kind) for name in (matter.subject, matter.holder))
        if ended_at > matter.told_at:
            return
        columns = ("matter_id", "kind", "holder", "subject", "event_type", "opened_on", "due_on", "told_at")
        row: Row = {name: getattr(matter, name) for name in columns}
        row |= {"product": msgspec.json.encode(matter.product), "reminded": None}
        self._of(matter.subject).append(row)
        self._opened[matter.matter_id] = row

    def close(self, subject: str, at: int, kinds: Collection[str] = ()) -> None:
        """What waited for the subject's sake before position `at` waits no more.

        Of some `kinds` only, when they are given.
        """
        waiting = self._of(subject)
        for row in [one for one in waiting if one["told_at"] < at and (not kinds or one["kind"] in kinds)]:
            waiting.remove(row)
            if self._opened.pop(row["matter_id"], None) is None:
                self._gone.add(row["matter_id"])
        self._note_end(subject, at, kinds or (_EVERY_KIND,))

    def close_all_of(self, producer_id: str, at: int, kinds: Collection[str]) -> None:
        """Nothing of `kinds` waits any more for a producer that ceased at position `at`."""
        self.write()
        self._open.clear()
        self._ends.clear()
        columns = MATTERS.c
        theirs = sa.and_(columns.holder == producer_id, columns.kind.in_(kinds), columns.told_at < at)
        self._connection.execute(sa.delete(MATTERS).where(theirs))
        self._note_end(producer_id, at, kinds)

    def about(self, subject: str, kinds: Collection[str]) -> Matter | None:
        """What waits for a subject's sake, of one of `kinds`."""
        return next((_matter(row) for row in self._of(subject) if row["kind"] in kinds), None)

    def write(self) -> None:
        """Write what began and what ended, a statement for each."""
        if self._gone:
            _BY_ID.delete(self._connection, sorted(self._gone))
        _INSERT(self._connection, list(self._opened.values()))
        ends = [
            {"subject": subject, "kind": kind, "told_at": self._ends[subject][kind]}
            for subject, kind in sorted(self._ends_told)
        ]
        _KEEP_ENDS(self._connection, ends)
        self._gone.clear()
        self._opened.clear()
        self._ends_told.clear()

    def _of(self, subject: str) -> list[Row]:
        self._read({subject})
        return self._open[subject]

    def _ended(self, subject: str, kind: str) -> int:
        """The position at which matters of a kind ended last, 0 for never."""
        self._read({subject})
        ends = self._ends[subject]
        return max(ends.get(kind, 0), ends.get(_EVERY_KIND, 0))

    def _note_end(self, subject: str, at: int, kinds: Collection[str]) -> None:
        self._read({subject})
        ends = self._ends[subject]
        for kind in kinds:
            if ends.get(kind, 0) < at:
                ends[kind] = at
                self._ends_told.add((subject, kind))


def terms_of(connection: sa.Connection, holder: str, *, limit: int) -> Sequence[Matter]:
    """The open terms of an authority or a producer, those that end first before the others."""
    query = (
        sa.select(MATTERS)
        .where(MATTERS.c.holder == holder, MATTERS.c.due_on.is_not(None))
        .order_by(MATTERS.c.due_on, MATTERS.c.matter_id)
        .limit(limit)
    )
    return [_matter(row) for row in connection.execute(query).mappings()]


def waiting_for(connection: sa.Connection, holder: str, today: date, *, ending_within: int) -> Waiting:
    """What has waited for an authority since a day before `today`."""
    columns, day = MATTERS.c, today.isoformat()
    last = (today + timedelta(days=ending_within)).isoformat()
    row = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.count(sa.case((columns.due_on.between(day, last), 1))),
            sa.func.count(sa.case((columns.due_on < day, 1))),
            sa.func.min(sa.case((columns.due_on >= day, columns.due_on))),
        ).where(columns.holder == holder, columns.opened_on < day)
    ).one()
    return Waiting(int(row[0]), int(row[1]), int(row[2]), row[3])


def to_remind(
    connection: sa.Connection, today: date, days: int, *, authorities: bool, limit: int
) -> Sequence[Matter]:
    """Open terms that end at most `days` days after `today` and were not reminded of that yet.

    They stay as they are until the transaction ends, and what another one is just changing is passed over.
    """
    columns, last = MATTERS.c, (today + timedelta(days=days)).isoformat()
    held = columns.holder.in_(AUTHORITIES)
    query = (
        sa.select(MATTERS)
        .where(
            columns.due_on.between(today.isoformat(), last),
            held if authorities else ~held,
            sa.or_(columns.reminded.is_(None), columns.reminded > days),
        )
        .order_by(columns.due_on, columns.matter_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_matter(row) for row in connection.execute(query).mappings()]


def note_reminded(connection: sa.Connection, matter_ids: Collection[str], days: int) -> None:
    """These were reminded of, `days` days before their end; or need not be."""
    reminded = sa.update(MATTERS).where(MATTERS.c.matter_id.in_(matter_ids))
    connection.execute(reminded.values(reminded=days))


def _matter(row: sa.RowMapping | Row) -> Matter:
    return Matter(
        matter_id=row["matter_id"],
        kind=row["kind"],
        holder=row["holder"],
        subject=row["subject"],
        product=msgspec.json.decode(bytes(row["product"]), type=OfficialText),
        event_type=row["event_type"],
        opened_on=row["opened_on"],
        told_at=row["told_at"],
        due_on=row["due_on"],
    )
