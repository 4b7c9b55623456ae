"""The notifications service's tables: messages and receipts, subscriptions, deliveries and their attempts.

No journal stands here: these are ordinary tables, with append-only receipts. Instants are microseconds since
1970 (UTC).
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.tables import following_tables
from services.kernel.vault import Vault

METADATA: Final = sa.MetaData()
FOLLOWING: Final = following_tables(METADATA)
VAULT: Final = Vault(METADATA)
"""By producer id: the IIN of an individual, and the e-mail address as last filed."""

PRODUCERS: Final = sa.Table(
    "producers",
    METADATA,
    sa.Column("producer_id", sa.Text, primary_key=True),
    sa.Column("identifier", sa.Text, nullable=False, index=True),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("identifier_told_at", BigInt, nullable=True),
    sa.Column("language_told_at", BigInt, nullable=True),
    sa.Column("email_told_at", BigInt, nullable=True),
)
"""Whose account an opaque producer id means: its BIN, or the pseudonym of the IIN learnt in confidence.

What ends in `_told_at` is the position of the latest fact that told it, NULL for none: an earlier fact that
is handled later (it was parked) tells nothing new.
"""

FORMER_BINS: Final = sa.Table(
    "former_bins",
    METADATA,
    sa.Column("bin", sa.Text, primary_key=True),
    sa.Column("producer_id", sa.Text, nullable=False, index=True),
)
"""BINs that producers had before a transformation (law 86-VII art. 51-6 excepts it from exclusion)."""

PRODUCTS: Final = sa.Table(
    "products",
    METADATA,
    sa.Column("product_id", sa.Text, primary_key=True),
    sa.Column("producer_id", sa.Text, nullable=False),
    sa.Column("name_kk", sa.Text, nullable=False),
    sa.Column("name_ru", sa.Text, nullable=False),
    sa.Column("name_en", sa.Text, nullable=True),
    sa.Column("entry_number", sa.Text, nullable=True),
    sa.Column("region", sa.Text, nullable=True),
    sa.Column("status", sa.Text, nullable=True),
    sa.Column("exclusion_id", sa.Text, nullable=True),
    sa.Column("name_told_at", BigInt, nullable=True),
    sa.Column("region_told_at", BigInt, nullable=True),
)
"""`region` is a KATO code, `status` `included` or `excluded`, `exclusion_id` the last exclusion's event.

Name and region are told by filings too, so by several streams: `_told_at` is as in `PRODUCERS`. Number,
status and exclusion are told by the entry's own stream alone, in its order.
"""

APPLICATIONS: Final = sa.Table(
    "applications",
    METADATA,
    sa.Column("application_id", sa.Text, primary_key=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
)

NOTICES: Final = sa.Table(
    "notices",
    METADATA,
    sa.Column("notification_id", sa.Text, primary_key=True),
    sa.Column("product_id", sa.Text, nullable=False),
    sa.Column("track", sa.Text, nullable=False),
)
"""Which product a notification to the industry authority is about: facts of its settling name only it."""

LISTINGS: Final = sa.Table(
    "listings",
    METADATA,
    sa.Column("listing_id", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=True),
    sa.Column("name_kk", sa.Text, nullable=False),
    sa.Column("name_ru", sa.Text, nullable=False),
    sa.Column("name_en", sa.Text, nullable=True),
)

MESSAGES: Final = sa.Table(
    "messages",
    METADATA,
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("occasion", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=True),
    sa.Column("event_type", sa.Text, nullable=True),
    sa.Column("template_id", sa.Text, nullable=False),
    sa.Column("template_version", sa.Integer, nullable=False),
    sa.Column("texts", sa.LargeBinary, nullable=False),
    sa.Column("searched", sa.Text, nullable=False),
    sa.Column("due_on", sa.Text, nullable=True),
    sa.Column("put_at", BigInt, nullable=False),
    sa.UniqueConstraint("recipient", "occasion", name="messages_once"),
    sa.Index("messages_recipient", "recipient", "message_id"),
)
"""`recipient` is a BIN, an IIN's pseudonym or the name of an authority; it alone ever changes, with the
producer's number or when that is erased: the database refuses any other change, and deletion. `texts` are as
rendered.

`occasion` is what the message is put for, once: an event's id, a term and its reminder, a day. `searched` are
the texts as a search compares them. Event and type are absent where no fact stands behind it.
"""

RECEIPTS: Final = sa.Table(
    "receipts",
    METADATA,
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("opened_at", BigInt, nullable=False),
    sa.Column("opened_by", sa.Text, nullable=False),
)

SUBSCRIPTIONS: Final = sa.Table(
    "subscriptions",
    METADATA,
    sa.Column("subscription_id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("event_types", sa.Text, nullable=False),
    sa.Column("bin", sa.Text, nullable=True),
    sa.Column("description", sa.Text, nullable=True),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("state_reason", sa.Text, nullable=True),
    sa.Column("failing_since", BigInt, nullable=True),
    sa.Column("created_at", BigInt, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("product_id", sa.Text, nullable=True),
    sa.Column("status", sa.Text, nullable=True),
    sa.Column("region", sa.Text, nullable=True),
    sa.Column("track", sa.Text, nullable=True),
    sa.Column("ordering", sa.Text, nullable=False, server_default="unordered"),
    sa.Column("deliveries_per_minute", sa.Integer, nullable=True),
    sa.Column("allowed_per_minute", sa.Integer, nullable=True),
    sa.Column("consent", sa.Text, nullable=False, server_default="challenge"),
    sa.Column("consented_at", BigInt, nullable=True),
    sa.Column("former_secrets", sa.LargeBinary, nullable=True),
    sa.Column("paused_until", BigInt, nullable=True),
    sa.Column("missed_from", BigInt, nullable=True),
)
"""A webhook consumer's interest.

`event_types` are types and prefixes with `.*`, separated by spaces, none meaning all. `secret` and
`former_secrets`, which sign on while a rotation overlaps, are encrypted. `state` is `pending` (no consent
yet), `active`, `paused` (deliveries wait), `disabled` or `deleted`. `ordering` is `unordered` or `fifo` (one
subject's deliveries one after the other). At most `deliveries_per_minute`, the owner's wish, and
`allowed_per_minute`, the endpoint's (`WebHook-Allowed-Rate`), leave; NULL sets no bound. `consent` is how the
endpoint is asked: `challenge` or `handshake`; `consented_at` is when it agreed to this URL. A pause that goes
on until `paused_until` disables. `missed_from` is the register's position from which events were cancelled
or not queued, because it was disabled: a replay from there brings them.
"""

WEBHOOK_KEYS: Final = sa.Table(
    "webhook_keys",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("signs_from", BigInt, nullable=False),
    sa.Column("signs_until", BigInt, nullable=True),
)
"""The service's own Ed25519 keys, numbered from 1; `sealed` is the private half, encrypted."""

EVENTS: Final = sa.Table(
    "webhook_events",
    METADATA,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("position", BigInt, nullable=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
"""What is posted, once however many deliveries it has: the recorded bytes of a journal's event."""

DELIVERIES: Final = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", BigInt, nullable=False),
    sa.Column("lease", sa.Text, nullable=True),
    sa.Column("leased_until", BigInt, nullable=False),
    sa.Column("lease_owner", sa.Text, nullable=True),
    sa.Column("priority", sa.Integer, nullable=False, server_default="2"),
    sa.Column("subject", sa.Text, nullable=True),
    sa.Column("job_id", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Index("deliveries_once", "event_id", "subscription_id", "job_id", unique=True),
    sa.Index("deliveries_listed", "subscription_id", "delivery_id"),
)
"""`state` is `pending`, `waiting` (for an earlier one of its `subject`), `delivered`, `exhausted`,
`recovered` (exhausted, and delivered later by a job) or `cancelled`. `lease` is of one claim and decides who
may record its outcome; `lease_owner` is the worker's. `priority` is 0 for challenges and tests, 1 for first
tries of events, 2 for what is made again. `job_id` is empty for what no job made.
"""
DUE: Final = sa.Index(
    "deliveries_due",
    DELIVERIES.c.subscription_id,
    DELIVERIES.c.priority,
    DELIVERIES.c.next_at,
    postgresql_where=DELIVERIES.c.state == "pending",
    sqlite_where=DELIVERIES.c.state == "pending",
)
LEASED: Final = sa.Index(
    "deliveries_leased",
    DELIVERIES.c.subscription_id,
    DELIVERIES.c.lease_owner,
    postgresql_where=DELIVERIES.c.lease_owner.is_not(None),
    sqlite_where=DELIVERIES.c.lease_owner.is_not(None),
)
LINED_UP: Final = sa.Index(
    "deliveries_lined_up",
    DELIVERIES.c.subscription_id,
    DELIVERIES.c.subject,
    DELIVERIES.c.delivery_id,
    postgresql_where=sa.and_(
        DELIVERIES.c.subject.is_not(None), DELIVERIES.c.state.in_(("pending", "waiting"))
    ),
    sqlite_where=sa.and_(DELIVERIES.c.subject.is_not(None), DELIVERIES.c.state.in_(("pending", "waiting"))),
)
OF_JOBS: Final = sa.Index(
    "deliveries_of_jobs",
    DELIVERIES.c.job_id,
    DELIVERIES.c.state,
    postgresql_where=DELIVERIES.c.job_id != "",
    sqlite_where=DELIVERIES.c.job_id != "",
)
EXHAUSTED: Final = sa.Index(
    "deliveries_exhausted",
    DELIVERIES.c.subscription_id,
    DELIVERIES.c.delivery_id,
    postgresql_where=DELIVERIES.c.state == "exhausted",
    sqlite_where=DELIVERIES.c.state == "exhausted",
)

ATTEMPTS: Final = sa.Table(
    "attempts",
    METADATA,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", BigInt, nullable=False),
    sa.Column("status", sa.Integer, nullable=True),
    sa.Column("trouble", sa.Text, nullable=True),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("answer_head", sa.Text, nullable=True),
    sa.Column("subscription_id", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("delivered", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("url", sa.Text, nullable=True),
    sa.Column("request_headers", sa.Text, nullable=True),
    sa.Column("body_digest", sa.Text, nullable=True),
    sa.Column("answer_headers", sa.Text, nullable=True),
    sa.Column("resolved_after", sa.Integer, nullable=True),
    sa.Column("connected_after", sa.Integer, nullable=True),
    sa.Column("answered_after", sa.Integer, nullable=True),
    sa.Index("attempts_made", "subscription_id", "at"),
)
"""One HTTP try: `at` is when it ended. Headers are JSON lists of pairs; `body_digest` is SHA-256 in
hexadecimal; `answer_head` is the beginning of the answer's body. `milliseconds` is the whole try, what ends
in `_after` how long it took to get so far, NULL for what was not reached or not needed."""

IDEMPOTENCY_KEYS: Final = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("operation", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body_digest", sa.Text, nullable=False),
    sa.Column("resource", sa.Text, nullable=False),
    sa.Column("stored_at", BigInt, nullable=False, index=True),
)

POSTGRESQL_GUARDS: Final = (
    """
    CREATE FUNCTION receipts_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'receipts are append-only' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER receipts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON receipts
    FOR EACH STATEMENT EXECUTE FUNCTION receipts_are_append_only()
    """,
)
SQLITE_GUARDS: Final = (
    """
    CREATE TRIGGER receipts_no_update BEFORE UPDATE ON receipts
    BEGIN SELECT RAISE(ABORT, 'receipts are append-only'); END
    """,
    """
    CREATE TRIGGER receipts_no_delete BEFORE DELETE ON receipts
    BEGIN SELECT RAISE(ABORT, 'receipts are append-only'); END
    """,
)
