"""Which events a subscription asks for: by type or prefix, and by what they concern."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from services.kernel.errors import Invalid
from services.kernel.identifiers import IdentifierWrong, parse_applicant_bin

Status: TypeAlias = Literal["included", "excluded"]
Track: TypeAlias = Literal["confirmation", "monitoring", "appeal"]
"""The course of the Article 51-2 cycle that a fact belongs to: the kinds of case (law 86-VII art. 51-2)."""
_ANYTHING_BELOW: Final = ".*"


@dataclass(frozen=True, slots=True)
class Concerns:
    """What an event concerns; None where it concerns no one such thing.

    `bins` are those the producer has and had before a transformation; `status` is the entry's after the
    event, `region` its KATO code.
    """

    bins: frozenset[str] = frozenset()
    product_id: str | None = None
    status: str | None = None
    region: str | None = None
    track: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscription asks for; whatever is empty or None sets no bound.

    `event_types` are published types, or prefixes of them that end in `.*`. `region` is a prefix of a KATO
    code.
    """

    event_types: tuple[str, ...] = ()
    bin: str | None = None
    product_id: str | None = None
    status: str | None = None
    region: str | None = None
    track: str | None = None

    def asks_for(self, type_name: str, concerns: Concerns) -> bool:
        """True when an event of this type, concerning this, is to be delivered."""
        return (
            (not self.event_types or any(names(pattern, type_name) for pattern in self.event_types))
            and (self.bin is None or self.bin in concerns.bins)
            and self.product_id in (None, concerns.product_id)
            and self.status in (None, concerns.status)
            and self.track in (None, concerns.track)
            and (self.region is None or (concerns.region or "").startswith(self.region))
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """What events of one type can concern at all."""

    producer: bool = True
    product: bool = True
    statuses: frozenset[str] = frozenset({"included", "excluded"})
    tracks: frozenset[str] = frozenset()


def names(pattern: str, type_name: str) -> bool:
    """True when `pattern`, a type or a prefix with `.*`, names this type."""
    if pattern.endswith(_ANYTHING_BELOW):
        return type_name.startswith(pattern.removesuffix("*"))
    return pattern == type_name


def checked(asked: Filter, published: Mapping[str, Reach]) -> Filter:
    """The filter with each type once.

    Raises `Invalid` naming the field that is wrong: a type or prefix that names nothing published, a BIN that
    no applicant can have, or the bound that no event of these types can ever meet.
    """
    types = tuple(dict.fromkeys(asked.event_types))
    for number, name in enumerate(types):
        if not any(names(name, one) for one in published):
            raise Invalid("event_type_unknown", pointer=f"/event_types/{number}", type=name[:100])
    if asked.bin is not None:
        try:
            parse_applicant_bin(asked.bin)
        except IdentifierWrong as wrong:
            raise Invalid(wrong.code, pointer="/bin") from wrong
    _can_match(replace(asked, event_types=types), published)
    return replace(asked, event_types=types)


def _can_match(asked: Filter, published: Mapping[str, Reach]) -> None:
    """Raise `Invalid` naming the first bound that leaves no type over."""
    left = [
        reach
        for name, reach in published.items()
        if not asked.event_types or any(names(pattern, name) for pattern in asked.event_types)
    ]
    meets: dict[str, Callable[[Reach], bool]] = {
        "bin": lambda reach: reach.producer,
        "product_id": lambda reach: reach.product,
        "region": lambda reach: reach.product,
        "status": lambda reach: asked.status in reach.statuses,
        "track": lambda reach: asked.track in reach.tracks,
    }
    for field, reaches in meets.items():
        if getattr(asked, field) is None:
            continue
        left = [reach for reach in left if reaches(reach)]
        if not left:
            raise Invalid("filter_never_matches", pointer=f"/{field}", field=field)
