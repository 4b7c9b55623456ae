"""Records as they were published, one file a type in `golden/`: canonical bytes that must be read for ever.

`python -m tests.contract.golden_records` adds the lines that are missing: for a new type its first two, for a
field that a version gained one more. A line that stands there is never changed or removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import inspect

from services.kernel.journal.events import Event, EventRegistry, Fact, Provenance, microseconds
from services.kernel.journal.units import encode
from services.register.contract.events import REGISTER_EVENTS
from services.verification.contract.events import VERIFICATION_EVENTS

GOLDEN: Final = Path(__file__).parent / "golden"
REGISTRIES: Final = (REGISTER_EVENTS, VERIFICATION_EVENTS)
AT: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
ID: Final = "0199f000-0000-7000-8000-000000000001"
BY_NAME: Final[Mapping[str, str]] = {
    "bin": "181240006529",
    "former_bin": "181240006529",
    "sha256": "ab" * 32,
    "quarter": "2026-Q1",
    "part": "60.25",
    "whole": "100",
    "number": "##########",
}


def lines_of(type_name: str) -> list[bytes]:
    """The published records of a type; none when it has no file."""
    file = GOLDEN / f"{type_name}.ndjson"
    return file.read_bytes().splitlines() if file.exists() else []


def fields_of(kind: type[msgspec.Struct]) -> set[str]:
    """Every field of an event's data, with those of the values it is made of, as dotted paths."""
    return {path for path, _ in _paths(inspect.type_info(kind), "")}


def fields_in(data: object, path: str = "") -> set[str]:
    """The dotted paths that a record's data holds."""
    if isinstance(data, list):
        return {found for item in data for found in fields_in(item, path)}
    if not isinstance(data, dict):
        return set()
    inner = {f"{path}.{name}": value for name, value in data.items()}
    return set(inner).union(*(fields_in(value, name) for name, value in inner.items()))


def _paths(info: inspect.Type, path: str) -> Iterator[tuple[str, inspect.Type]]:
    if isinstance(info, inspect.UnionType):
        info = next(one for one in info.types if not isinstance(one, inspect.NoneType))
    if isinstance(info, inspect.VarTupleType):
        info = info.item_type
    if isinstance(info, inspect.StructType):
        for field in info.fields:
            yield f"{path}.{field.encode_name}", field.type
            yield from _paths(field.type, f"{path}.{field.encode_name}")


def _value(info: inspect.Type, name: str, *, whole: bool) -> Any:
    """A value of a type as JSON would read it; `whole` fills what is optional too."""
    if isinstance(info, inspect.UnionType):
        info = next(one for one in info.types if not isinstance(one, inspect.NoneType))
    match info:
        case inspect.StructType():
            wanted = [field for field in info.fields if whole or field.required or name == "number"]
            return {f.encode_name: _value(f.type, f.encode_name, whole=whole) for f in wanted}
        case inspect.VarTupleType():
            return [_value(info.item_type, name, whole=whole)]
        case inspect.DictType():
            return {"field": _value(info.value_type, name, whole=whole)}
        case inspect.LiteralType():
            return info.values[-1]  # the first is often the default, which is left out of the bytes
        case inspect.BoolType() | inspect.IntType():
            return isinstance(info, inspect.BoolType) or 2026
        case inspect.StrType():
            return _text(name)
    raise TypeError(f"no golden value for {info}")


def _text(name: str) -> str:
    if name in BY_NAME:
        return BY_NAME[name]
    if name.endswith(("_id", "_event_id")):
        return ID
    if name.endswith(("_on", "_date", "_day", "until")):
        return "2026-03-02"
    return {"kk": "Қазақша «мәтін»", "ru": "Текст по-русски", "en": "A text in English"}.get(name, name)


def record_of(registry: EventRegistry, kind: type[Event], *, whole: bool) -> bytes:
    """Canonical bytes of an event of a class, with every field or with those that must be there."""
    data = msgspec.convert(_value(inspect.type_info(kind), "", whole=whole), kind)
    optional = {"causation_id": ID, "traceparent": "00-ab-cd-01", "xroad_client": "KZ/1", "xroad_id": "x"}
    fact = Fact(
        originator_id=UUID(ID),
        originator_version=1,
        id=ID,
        data=data,
        effective_at=AT,
        legal_basis=kind.legal_basis,
        provenance=Provenance(
            actor="a", decided_by="officer", correlation_id="c", **(optional if whole else {})
        ),
    )
    return encode(registry, fact).recorded(1, microseconds(AT), 1).record


def uncovered(type_name: str, kind: type[Event]) -> set[str]:
    """The fields of a published class that no golden record of its type holds."""
    held = [fields_in(msgspec.json.decode(line)["data"]) for line in lines_of(type_name)]
    return fields_of(kind).difference(*held)


def write() -> None:
    """Add what is missing."""
    GOLDEN.mkdir(exist_ok=True)
    for registry in REGISTRIES:
        for type_name, kind in registry.classes().items():
            found = lines_of(type_name)
            if found and not uncovered(type_name, kind):
                continue
            new = [record_of(registry, kind, whole=whole) for whole in ((True,) if found else (True, False))]
            file = GOLDEN / f"{type_name}.ndjson"
            file.write_bytes(b"".join(line + b"\n" for line in dict.fromkeys([*found, *new])))


if __name__ == "__main__":
    write()
