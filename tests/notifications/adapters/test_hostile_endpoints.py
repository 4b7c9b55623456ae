"""A corpus of URLs and name servers' answers that must not lead to a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest

from services.notifications.adapters.webhook_http import Answer, Attempt, Trouble, WebhookSender
from services.notifications.domain.endpoint import DEVELOPMENT_URLS, PRODUCTION_URLS, UrlRules
from tests.notifications.adapters.endpoints import NameServer, NoNetwork

NAME: Final = "hooks.example.kz"
PUBLIC: Final = "93.184.216.34"
PUBLIC_V6: Final = "2606:2800:220:1:248:1893:25c8:1946"

# Hosts that are addresses in their plain form: the address is what refuses them.
REFUSED_LITERALS: Final = (
    "https://127.0.0.1/",
    "https://127.255.255.254/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.100.100.200/latest/meta-data/",
    "https://192.0.0.192/opc/v2/",
    "https://168.63.129.16/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://192.0.2.1/",
    "https://198.51.100.7/",
    "https://203.0.113.9/",
    "https://198.18.0.1/",
    "https://127。0。0。1/",
    "https://127.0.0.1./",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:93.184.216.34]/",
    "https://[::127.0.0.1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:5db8:d822:0:0:80ff:fffe]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[2606:4700::5efe:7f00:1]/",
    "https://[5f00::1]/",
    "https://[100::1]/",
)

# Texts that some parser or resolver somewhere reads as an internal address, or as another host than we do.
REFUSED_TEXTS: Final = (
    "https://127.1/",
    "https://127.0.1/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://0x7f000001/",
    "https://0x/",
    "https://2130706433/",
    "https://017700000001/",
    "https://127.0.0.1.2/",
    "https://127.0.0.010/",
    "https://1.2.3.0x4/",
    "https://hooks.example.kz.1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://１２７.０.０.１/",
    "https://localhost/",
    "https://metadata/",
    "https://[::1%25eth0]/",
    "https://[::1%eth0]/",
    "https://[fe80::1%25lo]/",
    "https://[v1.127]/",
    "https://[127.0.0.1]/",
    "https://[::1]x/",
    "https://[::1/",
    "https://::1/",
    "https://user@hooks.example.kz/",
    "https://user:password@hooks.example.kz/",
    "https://hooks.example.kz@127.0.0.1/",
    "https://hooks.example.kz:443@127.0.0.1/",
    "https://127.0.0.1:443@hooks.example.kz/",
    "https://hooks.example.kz\\@127.0.0.1/",
    "https://hooks.example.kz\\.127.0.0.1/",
    "https://hooks.example.kz%2f@127.0.0.1/",
    "https://hooks.example.kz%00.kz/",
    "https://hooks%2eexample%2ekz/",
    "https://%31%32%37.0.0.1/",
    "https://hooks.example.kz#@127.0.0.1/",
    "https://hooks.example.kz/#fragment",
    "https://hooks.example.kz/a b",
    "https://hooks.example.kz/\r\nHost: 127.0.0.1",
    "https://hooks.example.kz\r\n/",
    "https://hooks.example.kz\t/",
    "https://hooks.example.kz /",
    " https://hooks.example.kz/",
    "https://hooks.example.kz/\x00",
    "https://hooks.example.kz/тізілім",
    "https://hooks.example.kz/%zz",
    "https:hooks.example.kz/",
    "https:/hooks.example.kz/",
    "https:///hooks.example.kz/",
    "//hooks.example.kz/",
    "https://",
    "https:///",
    "https://./",
    "https://../",
    "https://hooks..example.kz/",
    "https://.hooks.example.kz/",
    "https://hooks.example.kz../",
    "https://-hooks.example.kz/",
    "https://hooks_1.example.kz/",
    "https://hooks.example.kz:/",
    "https://hooks.example.kz:0/",
    "https://hooks.example.kz:22/",
    "https://hooks.example.kz:25/",
    "https://hooks.example.kz:80/",
    "https://hooks.example.kz:5432/",
    "https://hooks.example.kz:6379/",
    "https://hooks.example.kz:65536/",
    "https://hooks.example.kz:443:443/",
    "https://hooks.example.kz:+443/",
    "https://hooks.example.kz:４４３/",
    "http://hooks.example.kz/",
    "http://hooks.example.kz:443/",
    "ftp://hooks.example.kz/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_SET",
    "javascript:alert(1)",
    "data:text/plain,x",
    "",
    "https://" + "a" * 64 + ".kz/",
    "https://" + "a." * 127 + "kz/",
    "https://hooks.example.kz/" + "a" * 2_000,
)

HOSTILE_ANSWERS: Final[dict[str, Sequence[str]]] = {
    "loopback": ["127.0.0.1"],
    "loopback of IPv6": ["::1"],
    "private": ["10.1.2.3"],
    "metadata": ["169.254.169.254"],
    "unique local": ["fd00::1"],
    "link-local with its zone": ["fe80::1%eth0"],
    "unspecified": ["0.0.0.0"],
    "IPv4-mapped": ["::ffff:10.0.0.1"],
    "NAT64": ["64:ff9b::a9fe:a9fe"],
    "6to4": ["2002:a9fe:a9fe::1"],
    "Teredo": ["2001:0:7f00:1::"],
    "multicast": ["ff02::1"],
    "shared address space": ["100.127.255.254"],
    "public first, private second": [PUBLIC, "10.0.0.1"],
    "private first, public second": ["10.0.0.1", PUBLIC],
    "public and loopback of another family": [PUBLIC, "::1"],
    "public in both families and metadata": [PUBLIC, PUBLIC_V6, "169.254.169.254"],
    "nothing": [],
    "no address": ["hooks.example.kz"],
    "an address in an odd notation": ["0x7f.1"],
    "metadata of another cloud": ["100.100.100.200"],
    "metadata over IPv6": ["fd00:ec2::254"],
    "a cloud's host agent": ["168.63.129.16"],
    "broadcast": ["255.255.255.255"],
    "documentation": ["203.0.113.9"],
    "benchmarking": ["198.19.255.255"],
    "site-local": ["fec0::1"],
    "IPv4-compatible": ["::10.0.0.1"],
    "local NAT64": ["64:ff9b:1::a00:1"],
    "ISATAP": ["2606:4700::5efe:a00:1"],
    "a public address inside NAT64": ["64:ff9b::5db8:d822"],
    "many public, the last private": [PUBLIC] * 20 + ["192.168.0.1"],
}


Seen = tuple[Trouble | None, Answer | None]
ALWAYS_THE_SAME: Final[set[Seen]] = {(Trouble.NO_USABLE_ADDRESS, None)}


async def attempt(
    url: str, answers: dict[str, list[Sequence[str]]], network: NoNetwork, urls: UrlRules = PRODUCTION_URLS
) -> Attempt:
    async with WebhookSender(resolver=NameServer(answers), urls=urls, opening=network) as sender:
        return await sender.post(url, b"{}", {})


async def both_ways(url: str, answers: dict[str, list[Sequence[str]]], network: NoNetwork) -> set[Seen]:
    """What an owner can learn from a POST and from a handshake."""
    async with WebhookSender(resolver=NameServer(answers), opening=network) as sender:
        tries = [await sender.post(url, b"{}", {}), await sender.ask(url, {})]
    return {(one.trouble, one.answer) for one in tries}


def test_the_corpus_holds_more_than_a_hundred_cases() -> None:
    assert len(REFUSED_LITERALS) + len(REFUSED_TEXTS) + len(HOSTILE_ANSWERS) > 100


@pytest.mark.parametrize("url", REFUSED_LITERALS)
def test_an_internal_address_in_the_url_is_not_connected_to(url: str) -> None:
    network = NoNetwork()
    assert asyncio.run(both_ways(url, {}, network)) == ALWAYS_THE_SAME
    assert network.wanted == []


@pytest.mark.parametrize("url", REFUSED_TEXTS)
def test_a_url_that_could_be_read_in_two_ways_is_refused_before_any_lookup(url: str) -> None:
    network = NoNetwork()
    answers: dict[str, list[Sequence[str]]] = {
        NAME: [[PUBLIC]],
        "localhost": [[PUBLIC]],
        "metadata": [[PUBLIC]],
    }
    assert asyncio.run(both_ways(url, answers, network)) == ALWAYS_THE_SAME
    assert network.wanted == []


@pytest.mark.parametrize("answer", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS.keys())
def test_a_name_that_answers_with_a_refused_address_is_not_connected_to(answer: Sequence[str]) -> None:
    network = NoNetwork()
    seen = asyncio.run(both_ways(f"https://{NAME}/", {NAME: [answer, answer]}, network))
    assert (seen, network.wanted) == (ALWAYS_THE_SAME, [])


def test_a_name_that_does_not_exist_is_not_told_from_one_that_is_refused() -> None:
    absent = asyncio.run(attempt(f"https://{NAME}/", {}, NoNetwork()))
    internal = asyncio.run(attempt(f"https://{NAME}/", {NAME: [["10.0.0.1"]]}, NoNetwork()))
    assert (absent.trouble, absent.answer) == (internal.trouble, internal.answer)


@pytest.mark.parametrize("public", [PUBLIC, PUBLIC_V6, "8.8.8.8", "2a00:1450:4010:c0e::71"])
def test_the_connection_goes_to_the_very_address_that_was_checked(public: str) -> None:
    network = NoNetwork()
    # The second answer is what a rebinding name server would give between check and connection.
    result = asyncio.run(attempt(f"https://{NAME}/", {NAME: [[public], ["127.0.0.1"]]}, network))
    assert network.wanted == [public]
    assert result.trouble is Trouble.NOT_CONNECTED


def test_a_rebinding_name_is_refused_as_soon_as_it_turns_inward() -> None:
    async def two_attempts() -> list[Trouble | None]:
        names = NameServer({NAME: [[PUBLIC], ["169.254.169.254"]]})
        async with WebhookSender(resolver=names, opening=network) as sender:
            return [(await sender.post(f"https://{NAME}/", b"{}", {})).trouble for _ in range(2)]

    network = NoNetwork()
    assert asyncio.run(two_attempts()) == [Trouble.NOT_CONNECTED, Trouble.NO_USABLE_ADDRESS]
    assert network.wanted == [PUBLIC]


def test_every_checked_address_of_a_name_is_tried_and_no_other() -> None:
    network = NoNetwork()
    asyncio.run(attempt(f"https://{NAME}/", {NAME: [[PUBLIC_V6, PUBLIC, PUBLIC]]}, network))
    assert set(network.wanted) == {PUBLIC, PUBLIC_V6}


def test_an_odd_port_is_for_development_only() -> None:
    network = NoNetwork()
    asyncio.run(attempt(f"http://{NAME}:9000/", {NAME: [[PUBLIC]]}, network, DEVELOPMENT_URLS))
    assert network.wanted == [PUBLIC]


def test_loopback_is_refused_even_under_development_urls_unless_the_addresses_allow_it() -> None:
    network = NoNetwork()
    for url in ("http://127.0.0.1:9000/", "http://localhost:9000/"):
        result = asyncio.run(attempt(url, {"localhost": [["127.0.0.1"]]}, network, DEVELOPMENT_URLS))
        assert result.trouble is Trouble.NO_USABLE_ADDRESS
    assert network.wanted == []


@pytest.mark.parametrize(
    "variable", ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
)
def test_a_proxy_in_the_environment_is_not_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    network = NoNetwork()
    asyncio.run(attempt(f"https://{NAME}/", {NAME: [[PUBLIC]]}, network))
    assert network.wanted == [PUBLIC]
