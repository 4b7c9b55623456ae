"""Every event version ever published stays readable, byte for byte (ARCHITECTURE "The journal")."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import rfc8785

from services.kernel.journal.events import NUMBER_PLACEHOLDER, EventRegistry, Fact, microseconds
from services.kernel.journal.units import encode
from tests.contract.golden_records import GOLDEN, REGISTRIES, lines_of, uncovered

READABLE = [(registry, name) for registry in REGISTRIES for name in registry.readable()]
PUBLISHED = [(registry, name) for registry in REGISTRIES for name in registry.classes()]


def by_name(pair: Any) -> str:
    return pair if isinstance(pair, str) else ""


def written_again(registry: EventRegistry, fact: Fact, recorded_at: str) -> bytes:
    instant = msgspec.convert(recorded_at, type=type(fact.effective_at))
    number = None
    if fact.data.numbered is not None:
        number = int(msgspec.to_builtins(fact.data)["number"])
        data = msgspec.structs.replace(fact.data, number=NUMBER_PLACEHOLDER)
        fact = msgspec.structs.replace(fact, data=data)
    return encode(registry, fact).recorded(1, microseconds(instant), number).record


@pytest.mark.parametrize(("registry", "name"), READABLE, ids=by_name)
def test_what_was_published_is_read_for_ever(registry: EventRegistry, name: str) -> None:
    lines = lines_of(name)
    assert lines, f"{name} has no golden records: python -m tests.contract.golden_records"
    for line in lines:
        document = msgspec.json.decode(line)
        assert document["type"] == name
        assert rfc8785.dumps(document) == line
        fact = registry.decode(name, line)
        assert type(fact.data) in registry.classes().values()


@pytest.mark.parametrize(("registry", "name"), PUBLISHED, ids=by_name)
def test_a_present_version_loses_and_changes_nothing_of_what_was_published(
    registry: EventRegistry, name: str
) -> None:
    for line in lines_of(name):
        document = msgspec.json.decode(line)
        assert written_again(registry, registry.decode(name, line), document["time"]) == line


@pytest.mark.parametrize(("registry", "name"), PUBLISHED, ids=by_name)
def test_every_field_of_a_present_version_stands_in_a_golden_record(
    registry: EventRegistry, name: str
) -> None:
    assert not uncovered(name, registry.classes()[name])


def test_no_golden_record_outlives_its_reader() -> None:
    assert {file.stem for file in GOLDEN.glob("*.ndjson")} == {name for _, name in READABLE}
