"""Remind before a term ends: once for each day that is set, and not after the act was done."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final

from services.kernel.calendar import legal_date
from services.kernel.database import Database
from services.kernel.errors import NotFound
from services.kernel.telemetry import logger
from services.notifications.domain.channels import ChannelName
from services.notifications.domain.messages import ParameterValue
from services.notifications.projections.known import Known, is_erased
from services.notifications.projections.matters import AUTHORITIES, Matter, note_reminded, to_remind
from services.notifications.usecases.put_message import NewMessage, Occasion, compose, put_messages

BATCH: Final = 200
_PRODUCERS_KINDS: Final = {"appeal_term": "appeal", "document_request": "document_request"}
"""How a producer's reminder calls what is to be done."""
_AUTHORITIES_KINDS: Final = frozenset(
    {
        "review",
        "repeated_review",
        "rework",
        "exclusion",
        "exclusion_request",
        "confirmation",
        "monitoring",
        "appeal",
        "approval",
    }
)


def remind(
    database: Database,
    days: Collection[int],
    *,
    authorities: bool,
    now: datetime,
    channels: Collection[ChannelName] = (),
) -> int:
    """Put the reminders that are due at `now`; returns how many. A producer's go out over `channels` too.

    `days` say how many days before a term's last day it is reminded of. A day missed while nothing ran is
    made up for as long as the term runs; a day that is not after the one on which the term began is passed
    over. What is reminded of and that it was commit together.
    """
    put = 0
    for before in sorted(days):
        while True:
            with database.write() as connection:
                due = to_remind(connection, legal_date(now), before, authorities=authorities, limit=BATCH)
                known = Known(connection, putting=True)
                known.expect_producers(one.holder for one in due if not _of_authority(one))
                reminders = [_reminder(known, one, before, now, channels) for one in due]
                messages = [one for one in reminders if one is not None]
                put_messages(connection, messages)
                put += len(messages)
                if due:
                    note_reminded(connection, [one.matter_id for one in due], before)
            if len(due) < BATCH:
                break
    return put


def _reminder(
    known: Known, matter: Matter, before: int, now: datetime, channels: Collection[ChannelName]
) -> NewMessage | None:
    today, ends = legal_date(now), date.fromisoformat(matter.due_on or "")
    if date.fromisoformat(matter.opened_on) >= ends - timedelta(days=before):
        return None
    params: dict[str, ParameterValue] = {
        "product": matter.product,
        "term_ends": ends,
        "left": (ends - today).days,
    }
    over: tuple[ChannelName, ...] = ()
    if _of_authority(matter):
        recipient, template = matter.holder, "authority_term_ends"
        known_kind = matter.kind if matter.kind in _AUTHORITIES_KINDS else "other_notification"
        params |= {"what": known_kind, "subject": matter.subject}
    else:
        template = "term_ends_soon"
        params["what"] = _PRODUCERS_KINDS[matter.kind]
        try:
            recipient = known.recipient_of(matter.holder)
        except NotFound:
            logger.info("nobody to remind", extra={"matter": matter.matter_id})
            return None
        over = () if is_erased(recipient) else tuple(channels)
    occasion = Occasion(
        key=f"{matter.matter_id}:before-{before}",
        day=today,
        event_id=matter.matter_id,
        event_type=matter.event_type,
        due_on=matter.due_on,
    )
    return compose(recipient, template, params, occasion, put_at=now, channels=over)


def _of_authority(matter: Matter) -> bool:
    return matter.holder in AUTHORITIES
