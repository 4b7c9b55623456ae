"""What the vault holds of an entry's producer: as filed for its inclusion, brought up to date since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from services.kernel.vault import PersonalValue
from services.register.contract.updates import UpdatedField
from services.register.domain.entry_state import EntryState
from services.register.schema import VAULT

_KEPT: Final[dict[UpdatedField, tuple[str, ...]]] = {
    "address": ("address",),
    "email": ("email",),
    "telephone": ("telephone",),
    "name": ("name_kk", "name_ru"),
    "registration_number": ("registration_number",),
}
"""The fields of an update that the vault keeps, and under which names."""


def personal_values(
    connection: sa.Connection, entries: Sequence[tuple[EntryState, str]]
) -> list[dict[str, str]]:
    """The values of entries, each given with its filing's event, by field; without those erased."""
    if not entries:
        return []
    events = {filed_by for _, filed_by in entries}
    events |= {event_id for state, _ in entries for event_id in _updates(state).values()}
    opened = VAULT.of_events(connection, events)
    return [_values(state, filed_by, opened) for state, filed_by in entries]


def _updates(state: EntryState) -> dict[UpdatedField, str]:
    return {field: stated.event_id for field, stated in state.stated.items() if field in _KEPT}


def _values(
    state: EntryState, filed_by: str, opened: Mapping[str, Mapping[str, PersonalValue]]
) -> dict[str, str]:
    values = {field: value.value for field, value in opened.get(filed_by, {}).items()}
    for field, event_id in _updates(state).items():
        for name in _KEPT[field]:
            value = opened.get(event_id, {}).get(name)
            values.pop(name, None)
            if value is not None:
                values[name] = value.value
    return values
