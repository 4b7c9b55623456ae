"""What has changed since an extract was issued: whether what it says still holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from services.kernel.contract import OfficialText
from services.register.contract.events import ExclusionGround
from services.register.domain.entry_state import EntryState
from services.register.domain.extract import ExtractContent, ExtractProducer, ExtractProduct, product_shown

ChangeKind = Literal[
    "excluded", "was_not_in_force", "included_anew", "data_changed", "producer_changed", "included_since"
]
_DESCRIBED: Final = tuple(
    name
    for name in ExtractProduct.__struct_fields__
    if name not in {"product_id", "registration_number", "included_on"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is otherwise now than the extract says; `on` is the legal day (ISO date) of it.

    `was_not_in_force`: as known today, the product was not in force at the extract's own instant either.
    `included_since`: a product that the extract could not name yet; nothing that it says is untrue for that.
    """

    kind: ChangeKind
    product_id: str | None = None
    registration_number: str | None = None
    name: OfficialText | None = None
    on: str | None = None
    ground: ExclusionGround | None = None
    fields: tuple[str, ...] = ()

    @property
    def undoes(self) -> bool:
        """True when something that the extract says no longer holds."""
        return self.kind != "included_since"


def changes(
    said: ExtractContent,
    *,
    now: Mapping[str, EntryState],
    in_force_then: frozenset[str],
    producer: ExtractProducer | None,
) -> list[Change]:
    """What is otherwise than said: by the producer's entries `now`, in force or not, and by its own data now.

    Of the `producer` only what is held and may be shown is compared. `in_force_then` are the entries in force
    at the extract's legal instant, as known today. Pure.
    """
    found = _of_producer(said, producer)
    for product in said.products:
        found += _of_product(product, now.get(product.product_id), in_force_then)
    named = {product.product_id for product in said.products}
    return [*found, *_since(named, now.values())]


def _of_producer(said: ExtractContent, now: ExtractProducer | None) -> list[Change]:
    """A new name, BIN (art. 51-6 excepts transformation from exclusion) or state registration number."""
    if now is None:
        return []
    held = [name for name in ("bin", "name", "state_registration_number") if getattr(now, name) is not None]
    fields = tuple(name for name in held if getattr(said.producer, name) != getattr(now, name))
    return [Change(kind="producer_changed", name=now.name, fields=fields)] if fields else []


def _of_product(
    product: ExtractProduct, state: EntryState | None, in_force_then: frozenset[str]
) -> list[Change]:
    found: list[Change] = []
    if product.product_id not in in_force_then:
        found.append(_change("was_not_in_force", product))
    if state is None:
        return found
    if state.exclusion is not None:
        exclusion = state.exclusion
        found.append(_change("excluded", product, on=exclusion.excluded_on, ground=exclusion.ground))
        return found
    present = product_shown(state)
    if present.registration_number != product.registration_number:
        found.append(_change("included_anew", product, on=present.included_on))
    fields = tuple(name for name in _DESCRIBED if getattr(present, name) != getattr(product, name))
    if fields:
        found.append(_change("data_changed", product, fields=fields))
    return found


def _since(named: set[str], states: Iterable[EntryState]) -> list[Change]:
    shown = [product_shown(state) for state in states if state.status == "included"]
    return [
        _change("included_since", product, on=product.included_on)
        for product in shown
        if product.product_id not in named
    ]


def _change(
    kind: ChangeKind,
    product: ExtractProduct,
    *,
    on: str | None = None,
    ground: ExclusionGround | None = None,
    fields: tuple[str, ...] = (),
) -> Change:
    return Change(
        kind=kind,
        product_id=product.product_id,
        registration_number=product.registration_number,
        name=product.name,
        on=on,
        ground=ground,
        fields=fields,
    )
