"""Tables of the channels besides the account: what goes out over each, every try, and how each fares."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.notifications.schema import METADATA

DISPATCHES: Final = sa.Table(
    "dispatches",
    METADATA,
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", BigInt, nullable=False),
    sa.Column("lease", sa.Text, nullable=True),
    sa.Column("leased_until", BigInt, nullable=False),
    sa.Column("lease_owner", sa.Text, nullable=True),
    sa.Column("ended_at", BigInt, nullable=True),
    sa.Column("trouble", sa.Text, nullable=True),
)
"""One message for one channel. `state`: `pending`, then `sent`, `refused` (for good), `unaddressed` (there is
nowhere to send it) or `exhausted` (every try failed). `lease` is of one claim and decides who may record its
outcome, `lease_owner` is the worker's; instants are microseconds since 1970 (UTC)."""
DUE: Final = sa.Index(
    "dispatches_due",
    DISPATCHES.c.channel,
    DISPATCHES.c.next_at,
    postgresql_where=DISPATCHES.c.state == "pending",
    sqlite_where=DISPATCHES.c.state == "pending",
)
GIVEN_UP: Final = sa.Index(
    "dispatches_given_up",
    DISPATCHES.c.channel,
    DISPATCHES.c.ended_at,
    postgresql_where=DISPATCHES.c.state.in_(("exhausted", "refused")),
    sqlite_where=DISPATCHES.c.state.in_(("exhausted", "refused")),
)
CHANNELS: Final = sa.Table(
    "channels",
    METADATA,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("breaker", sa.Text, nullable=False, server_default="closed"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("opened", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", BigInt, nullable=False, server_default="0"),
    sa.Column("at_once", sa.Integer, nullable=True),
    sa.Column("failing_since", BigInt, nullable=True),
)
"""How each channel fares (`domain.health`), for all processes together; whoever claims holds its row."""

DISPATCH_ATTEMPTS: Final = sa.Table(
    "dispatch_attempts",
    METADATA,
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", BigInt, nullable=False),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer, nullable=True),
    sa.Column("trouble", sa.Text, nullable=True),
    sa.Index("dispatch_attempts_made", "channel", "at"),
)
"""One try: `at` is when it ended, `status` the code that the other side answered with, if it did; `trouble`
a short code of what went wrong. Nothing of an answer's text is kept: it may name a person."""
LEASED: Final = sa.Index(
    "dispatches_leased",
    DISPATCHES.c.lease_owner,
    postgresql_where=DISPATCHES.c.lease_owner.is_not(None),
    sqlite_where=DISPATCHES.c.lease_owner.is_not(None),
)
