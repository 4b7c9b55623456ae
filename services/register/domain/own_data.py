"""A producer's own data of an entry: what an inclusion stated, brought up to date (order 327 para. 26)."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime

import msgspec

from services.kernel.contract import FixedTerm
from services.register.contract.events import Activity, Included
from services.register.contract.updates import EntryUpdated, UpdatedField


class Stated(msgspec.Struct, frozen=True):
    """Which event of the producer's updates last stated a value, and from when that stands (UTC)."""

    event_id: str
    at: datetime


class LastUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The producer's update that stands from the latest instant."""

    changed_on: str
    quarter: str
    fields: tuple[UpdatedField, ...]
    term: FixedTerm
    in_time: bool


def brought_up_to_date(included: Included, event: EntryUpdated, fields: Container[UpdatedField]) -> Included:
    """What an inclusion stated, with those `fields` as an update states them."""
    new: dict[str, object] = {}
    if "name" in fields:
        new["producer"] = msgspec.structs.replace(included.producer, name=event.producer.name)
    if "registration_number" in fields:
        new["registration_number"] = event.registration_number
    if "capacity_per_year" in fields and event.capacity_per_year is not None:
        capacity = {"capacity_per_year": event.capacity_per_year}
        new["product"] = msgspec.structs.replace(included.product, **capacity)
    if event.activity is not None:
        activity = {name: value for name, value in _parts(event.activity).items() if name in fields}
        new["activity"] = msgspec.structs.replace(included.activity, **activity)
    return msgspec.structs.replace(included, **new)


def _parts(activity: Activity) -> dict[str, object]:
    return {name: getattr(activity, name) for name in activity.__struct_fields__}


def told(event: EntryUpdated) -> LastUpdate:
    """What an update is remembered by."""
    return LastUpdate(
        changed_on=event.changed_on,
        quarter=event.quarter,
        fields=event.fields,
        term=event.term,
        in_time=event.in_time,
    )
