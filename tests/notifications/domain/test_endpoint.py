"""Endpoint URLs: at most 2,000 characters, of one narrow form, https only outside development."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from services.kernel.errors import Invalid
from services.notifications.domain.endpoint import DEVELOPMENT_URLS, UrlRules, parse_endpoint_url


@pytest.mark.parametrize(
    ("given_text", "normalised"),
    [
        ("https://hooks.example.kz", "https://hooks.example.kz/"),
        ("HTTPS://Hooks.Example.KZ:443/A?b=C", "https://hooks.example.kz/A?b=C"),
        ("https://hooks.example.kz./x", "https://hooks.example.kz/x"),
        (
            "https://hooks.example.kz:8443/a/%D1%82;v=1?x=%20&y=/?",
            "https://hooks.example.kz:8443/a/%D1%82;v=1?x=%20&y=/?",
        ),
        ("https://hooks.example.kz?x=1", "https://hooks.example.kz/?x=1"),
        ("https://Тізілім.Қаз/hook", "https://xn--g1aidv4hbb.xn--80ao21a/hook"),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        (
            "https://[2606:2800:0220:0001:0248:1893:25C8:1946]/",
            "https://[2606:2800:220:1:248:1893:25c8:1946]/",
        ),
        ("https://1.example.kz/", "https://1.example.kz/"),
    ],
)
def test_a_url_is_normalised_and_normalising_again_changes_nothing(given_text: str, normalised: str) -> None:
    assert parse_endpoint_url(given_text).text == normalised
    assert parse_endpoint_url(normalised).text == normalised


@pytest.mark.parametrize("text", ["http://localhost:8090/hook", "http://receiver:80/", "http://127.0.0.1:1/"])
def test_development_takes_http_any_port_and_names_without_a_dot(text: str) -> None:
    assert parse_endpoint_url(text, DEVELOPMENT_URLS).scheme == "http"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("https://hooks.example.kz/" + "a" * 1_976, "length"),
        ("https://hooks.example.kz/#x", "fragment"),
        ("https://hooks.example.kz/ ", "form"),
        ("https://a:b@hooks.example.kz/", "credentials"),
        ("http://hooks.example.kz/", "scheme"),
        ("https://hooks.example.kz:8080/", "port"),
        ("https://intranet/", "host"),
    ],
)
def test_a_refused_url_names_the_rule_and_the_field(text: str, rule: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_endpoint_url(text)
    assert (refusal.value.code, refusal.value.pointer) == ("endpoint_url_invalid", "/url")
    assert refusal.value.params == {"rule": rule}


def test_a_url_of_2000_characters_is_the_longest() -> None:
    start = "https://hooks.example.kz/"
    assert len(parse_endpoint_url(start + "a" * (2_000 - len(start))).text) == 2_000


def test_a_deployment_may_name_its_own_ports() -> None:
    rules = UrlRules(ports=frozenset({443, 9443}))
    assert parse_endpoint_url("https://hooks.example.kz:9443/", rules).port == 9443
    with pytest.raises(Invalid):
        parse_endpoint_url("https://hooks.example.kz:8443/", rules)


ALPHABET = st.sampled_from(
    [*"aZ0.-:/@?#[]%\\ \t\r\n_~x1", "。", "①", "қ", "\u202e", "localhost", "127.0.0.1", "kz"]
)


@given(
    rest=st.lists(ALPHABET, max_size=14).map("".join), rules=st.sampled_from([UrlRules(), DEVELOPMENT_URLS])
)
def test_other_parsers_read_the_same_host_and_port_out_of_every_accepted_url(
    rest: str, rules: UrlRules
) -> None:
    try:
        accepted = parse_endpoint_url("https://" + rest, rules)
    except Invalid:
        return
    split, carried = urlsplit(accepted.text), URL(accepted.text, encoded=True)
    assert (split.hostname, split.port or 443, split.username) == (accepted.host, accepted.port, None)
    assert (carried.raw_host, carried.port, carried.user) == (accepted.host, accepted.port, None)
    assert accepted.text.isascii()
    assert accepted.text.isprintable()
