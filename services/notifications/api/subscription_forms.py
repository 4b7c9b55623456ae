"""Subscriptions as they are asked for and shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import ConfigDict, Field, StringConstraints

from services.kernel.http.responses import Page, Representation
from services.kernel.journal.events import from_microseconds
from services.notifications.api.filter_warnings import FilterWarning, warnings_shown
from services.notifications.domain.consent import MAX_PER_MINUTE, Consent
from services.notifications.domain.filters import Status, Track
from services.notifications.domain.secrets import DEFAULT_OVERLAP, MAX_OVERLAP

Ordering = Literal["unordered", "fifo"]
Url = Annotated[str, Field(max_length=2_000, examples=["https://procurement.example/hooks/register"])]
EventTypes = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(
        max_length=50,
        description="Types of the register's events, or their prefixes with `.*`; none means all.",
        examples=[["kz.register.entry.*", "kz.register.application.inclusion-refused.v1"]],
    ),
]
Bin = Annotated[
    str,
    Field(max_length=12, description="Only events that concern this BIN.", examples=["181240006529"]),
]
ProductId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="Only events that concern this product; an entry has its product's id.",
        examples=["0191f3c0-0000-7000-8000-000000000000"],
    ),
]
WantedStatus = Annotated[
    Status, Field(description="Only events after which the entry they concern has this status.")
]
Region = Annotated[
    str,
    Field(
        pattern="^[0-9]{2,9}$",
        description="Only events about products of this region: a KATO code or its beginning.",
        examples=["75"],
    ),
]
WantedTrack = Annotated[
    Track, Field(description="Only events of this course of the Article 51-2 cycle: the kind of case.")
]
WantedOrdering = Annotated[
    Ordering,
    Field(
        description="`fifo`: of one entry or case the next event leaves only when the one before has "
        "arrived, was given up or was cancelled."
    ),
]
PerMinute = Annotated[
    int, Field(ge=1, le=MAX_PER_MINUTE, description="At most so many deliveries leave in a minute.")
]
WantedConsent = Annotated[
    Consent,
    Field(
        description="How the endpoint is asked before the first event: a signed challenge it sends back, "
        "or the `OPTIONS` handshake of CloudEvents."
    ),
]
Description = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Secret = Annotated[
    str, Field(max_length=200, description="`whsec_` and 24 to 64 bytes in base64; made if absent.")
]


class SubscriptionRequest(Representation):
    """An endpoint and what it wants to hear."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://procurement.example/hooks/register",
                    "event_types": ["kz.register.entry.*"],
                    "status": "excluded",
                    "deliveries_per_minute": 600,
                }
            ]
        }
    )

    url: Url
    event_types: EventTypes = Field(default_factory=list)
    bin: Bin | None = None
    product_id: ProductId | None = None
    status: WantedStatus | None = None
    region: Region | None = None
    track: WantedTrack | None = None
    ordering: WantedOrdering = "unordered"
    deliveries_per_minute: PerMinute | None = None
    consent: WantedConsent = "challenge"
    description: Description | None = None
    secret: Secret | None = None


class SubscriptionChange(Representation):
    """What is to be otherwise; what is absent stays, and a bound that is null is lifted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"region": "75", "status": None}]})

    url: Url = Field(default_factory=str)
    event_types: EventTypes = Field(default_factory=list)
    bin: Bin | None = None
    product_id: ProductId | None = None
    status: WantedStatus | None = None
    region: Region | None = None
    track: WantedTrack | None = None
    ordering: WantedOrdering = Field(default_factory=lambda: "unordered")
    deliveries_per_minute: PerMinute | None = None
    consent: WantedConsent = Field(default_factory=lambda: "challenge")
    description: Description | None = None

    def given(self) -> dict[str, Any]:
        """The fields that are present."""
        return self.model_dump(include=set(self.model_fields_set))


class SecretRotation(Representation):
    """A new secret for the endpoint; the former one signs beside it for a while."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 48}]})

    secret: Secret | None = None
    overlap_hours: Annotated[
        int,
        Field(
            ge=0, le=MAX_OVERLAP // timedelta(hours=1), description="How long both sign; 0 ends the former."
        ),
    ] = DEFAULT_OVERLAP // timedelta(hours=1)


class Subscription(Representation):
    """A webhook consumer's interest.

    `secret` is shown once: in the first answer to its creation or rotation. `allowed_per_minute` is what the
    endpoint itself allows, where it said so in its handshake; the lesser bound counts.
    """

    subscription_id: str
    url: str
    event_types: list[str]
    bin: str | None = None
    product_id: str | None = None
    status: Status | None = None
    region: str | None = None
    track: Track | None = None
    ordering: Ordering
    deliveries_per_minute: int | None = None
    allowed_per_minute: int | None = None
    consent: Consent
    consented_at: datetime | None = None
    description: str | None = None
    state: Literal["pending", "active", "paused", "disabled", "deleted"] = Field(
        description="`deleted` only in the answer to the repeated key of an earlier command."
    )
    state_reason: (
        Literal[
            "paused_by_owner",
            "paused_too_long",
            "endpoint_gone",
            "failing_too_long",
            "challenge_failed",
            "deleted_by_owner",
        ]
        | None
    ) = None
    paused_until: datetime | None = Field(
        default=None, description="A pause that is not resumed by then disables the subscription."
    )
    missed_from: int | None = Field(
        default=None,
        description="The register's position from which events were not delivered, because it was disabled: "
        "`replay` with this `from_position`, and nothing else, brings them and ends this notice.",
    )
    created_at: datetime
    version: int = Field(description="For `If-Match`; also the `ETag` of the subscription itself.")
    secret: str | None = None
    warnings: list[FilterWarning] | None = Field(
        default=None, description="What may be wrong; in lists and in answers to commands."
    )


class Subscriptions(Page[Subscription]):
    """One page of the caller's subscriptions."""


class Ended(Representation):
    """A subscription that was ended."""

    subscription_id: str
    state: Literal["deleted"]


def subscription_shown(
    row: sa.RowMapping, *, secret: str | None = None, warnings: list[str] | None = None
) -> Subscription:
    """A subscription as its owner sees it; `warnings` are codes, None where they were not looked for."""
    consented, paused = row["consented_at"], row["paused_until"]
    return Subscription(
        **{name: row[name] for name in _AS_STORED},
        event_types=row["event_types"].split(),
        created_at=from_microseconds(row["created_at"]),
        paused_until=from_microseconds(paused) if paused is not None else None,
        consented_at=from_microseconds(consented) if consented is not None else None,
        secret=secret,
        warnings=warnings_shown(warnings) if warnings is not None else None,
    )


_AS_STORED = (
    "subscription_id",
    "url",
    "bin",
    "product_id",
    "status",
    "region",
    "track",
    "ordering",
    "deliveries_per_minute",
    "allowed_per_minute",
    "consent",
    "description",
    "state",
    "state_reason",
    "missed_from",
    "version",
)
