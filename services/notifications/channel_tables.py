"""Tables of the channels besides the account: what goes out over each."""

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
LEASED: Final = sa.Index(
    "dispatches_leased",
    DISPATCHES.c.lease_owner,
    postgresql_where=DISPATCHES.c.lease_owner.is_not(None),
    sqlite_where=DISPATCHES.c.lease_owner.is_not(None),
)
