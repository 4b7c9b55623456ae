"""Addresses a webhook may be sent to, by IANA's special-purpose address registries."""

from __future__ import annotations

import ipaddress
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.adapters.addresses import (
    DEVELOPMENT_ADDRESSES,
    PRODUCTION_ADDRESSES,
    AddressRefused,
)
from services.notifications.domain.endpoint import IpAddress

EMBEDDING: Final = {
    "IPv4-mapped": lambda v4: (0xFFFF << 32) | v4,
    "IPv4-compatible": lambda v4: v4,
    "NAT64": lambda v4: (0x0064_FF9B << 96) | v4,
    "local NAT64": lambda v4: (0x0064_FF9B_0001 << 80) | v4,
    "6to4": lambda v4: (0x2002 << 112) | (v4 << 80) | 1,
    "Teredo client": lambda v4: (0x2001_0000 << 96) | (v4 ^ 0xFFFF_FFFF),
    "ISATAP": lambda v4: (0x2606_4700 << 96) | (0x5EFE << 32) | v4,
}

any_v4 = st.integers(0, 2**32 - 1)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "193.193.240.1", "2a00:1450:4010:c0e::71", "2606:4700::1"]
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert PRODUCTION_ADDRESSES.check([address]) == [address]


@given(address=addresses)
def test_nothing_is_allowed_that_the_standard_library_knows_not_to_be_global(address: IpAddress) -> None:
    if PRODUCTION_ADDRESSES.allows(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


@pytest.mark.parametrize("embed", EMBEDDING.values(), ids=EMBEDDING.keys())
@given(v4=any_v4)
def test_an_address_that_carries_another_is_refused_whatever_it_carries(embed: object, v4: int) -> None:
    assert callable(embed)
    assert not PRODUCTION_ADDRESSES.allows(ipaddress.IPv6Address(embed(v4)))


@given(address=addresses)
def test_development_allows_loopback_and_nothing_else_beside(address: IpAddress) -> None:
    if not address.is_loopback:
        assert DEVELOPMENT_ADDRESSES.allows(address) == PRODUCTION_ADDRESSES.allows(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_is_for_development_only(address: str) -> None:
    assert DEVELOPMENT_ADDRESSES.check([address]) == [address]
    with pytest.raises(AddressRefused):
        PRODUCTION_ADDRESSES.check([address])


@given(answers=st.lists(addresses.map(str), max_size=6))
def test_one_refused_answer_refuses_them_all(answers: list[str]) -> None:
    allowed = [PRODUCTION_ADDRESSES.allows(ipaddress.ip_address(answer)) for answer in answers]
    if answers and all(allowed):
        assert PRODUCTION_ADDRESSES.check(answers) == list(dict.fromkeys(answers))
        return
    with pytest.raises(AddressRefused):
        PRODUCTION_ADDRESSES.check(answers)


def test_every_refusal_reads_the_same() -> None:
    texts = set()
    for answers in ([], ["10.0.0.1"], ["::1"], ["8.8.8.8", "10.0.0.1"], ["nonsense"], ["fe80::1%eth0"]):
        with pytest.raises(AddressRefused) as refusal:
            PRODUCTION_ADDRESSES.check(answers)
        texts.add((str(refusal.value), refusal.value.args))
    assert len(texts) == 1
