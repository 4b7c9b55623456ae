"""Tables of the delivery engine: how each endpoint fares, and its owner's jobs.

Instants are microseconds since 1970 (UTC).
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.notifications.schema import METADATA

ENDPOINTS: Final = sa.Table(
    "endpoints",
    METADATA,
    sa.Column("subscription_id", sa.Text, primary_key=True),
    sa.Column("breaker", sa.Text, nullable=False, server_default="closed"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("opened", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", BigInt, nullable=False, server_default="0"),
    sa.Column("at_once", sa.Integer, nullable=True),
    sa.Column("warned", sa.Integer, nullable=False, server_default="0"),
    sa.Column("warned_at", BigInt, nullable=False, server_default="0"),
    sa.Column("free_at", BigInt, nullable=False, server_default="0"),
    sa.Column("served_at", BigInt, nullable=False, server_default="0"),
)
"""One for each subscription: its health (`domain.health`), `free_at` of its rate (`domain.pacing`), and when
it was last served. Whoever takes deliveries of an endpoint, or puts some in a subject's line, holds its row.
"""

JOBS: Final = sa.Table(
    "jobs",
    METADATA,
    sa.Column("job_id", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("asked", sa.LargeBinary, nullable=False),
    sa.Column("reached", sa.Text, nullable=True),
    sa.Column("until", sa.Text, nullable=True),
    sa.Column("queued", sa.Integer, nullable=False),
    sa.Column("created_at", BigInt, nullable=False),
    sa.Column("ended_at", BigInt, nullable=True),
    sa.Column("trouble", sa.Text, nullable=True),
    sa.Column("delivered", sa.Integer, nullable=False, server_default="0"),
    sa.Column("exhausted", sa.Integer, nullable=False, server_default="0"),
    sa.Column("cancelled", sa.Integer, nullable=False, server_default="0"),
    sa.Index("jobs_subscription", "subscription_id", "job_id"),
)
"""What an owner asked to be delivered again.

`kind` is `resend`, `recover` or `replay`, `state` `running`, `done` or `cancelled`; `asked` is JSON.
`reached` is how far it has come and `until` where it ends: journal positions of a replay, delivery ids of a
recovery. `queued` counts the deliveries made so far, `delivered`, `exhausted` and `cancelled` those of them
that are over, in the transactions that end them: nobody has to count a long replay's. `trouble` says what a
running job waits for.
"""
RUNNING: Final = sa.Index(
    "jobs_running",
    JOBS.c.subscription_id,
    unique=True,
    postgresql_where=JOBS.c.state == "running",
    sqlite_where=JOBS.c.state == "running",
)
