"""Issue an extract from the register (law 86-VII art. 51-1(8), order 327 para. 6)."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy as sa

from services.kernel.errors import Forbidden
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import microseconds, new_stream_id
from services.kernel.journal.journal import Journal, Outcome, Work
from services.kernel.journal.units import AnswerKey
from services.register.domain.extract import Extract, producer_shown
from services.register.projections.extracts import (
    Keep,
    in_force_at,
    last_named,
    personal_of,
    registration_of,
)
from services.register.projections.moments import Moment
from services.register.schema import JOURNAL
from services.register.usecases.precondition import known_producer, require_owner

CODE_BYTES: Final = 20
_EVENTS: Final = JOURNAL.events.c
_HEAD: Final = sa.select(_EVENTS.position).order_by(_EVENTS.position.desc()).limit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueExtract:
    """Whose extract, as of which moment (None for now), and under which address it can be verified.

    `by` is the BIN or IIN that a producer acts for, None for an officer.
    """

    number: str
    by: str | None
    moment: Moment | None
    verification_at: str


def issue_extract(
    journal: Journal, command: IssueExtract, act: Act, answer: AnswerKey | None = None
) -> Outcome[Extract]:
    """Record the issue and keep what the extract says.

    Raises `NotFound` (`producer_unknown`), `Forbidden` (`not_yours`), and `Conflict` when nothing of the
    producer was in force then or an individual's values were erased.
    """
    if command.by is not None and command.by != command.number:
        raise Forbidden("not_yours")
    return journal.transact(partial(_decide, command=command, act=act), answer=answer)


def _decide(work: Work, *, command: IssueExtract, act: Act) -> Extract:
    producer_id = known_producer(work, command.number)
    if command.by is not None:
        require_owner(work, str(producer_id), command.by)
    with work.database.snapshot() as connection:
        moment = command.moment or _now(connection, act)
        entries = in_force_at(connection, producer_id, moment)
        newest = max(entries, key=last_named, default=None)
        personal = personal_of(connection, [newest.named_by]) if newest else {}
        registration = registration_of(connection, entries)
    extract = Extract(new_stream_id())
    code = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()
    content = extract.issue(
        act,
        ref=newest.producer if newest else None,
        producer=producer_shown(newest.producer, personal, registration.number) if newest else None,
        states=[entry.state for entry in entries],
        valid_at=moment.valid_at,
        known_at=moment.known_at,
        code=code,
        verification_url=command.verification_at + code,
    )
    work.save(extract)
    if newest is not None:
        work.write(Keep(extract.id, content, newest.named_by, registration.held_by))
    work.answer_with(extract)
    return extract


def _now(connection: sa.Connection, act: Act) -> Moment:
    head = connection.execute(_HEAD).scalar_one_or_none() or 0
    return Moment(microseconds(act.at), head)
