"""Which URLs a webhook may be sent to, judged by their text alone.

What the name resolves to is judged at each try. The accepted form is much narrower than RFC 3986 allows, so
that no two parsers can read a different host out of the same text. The normalised text is what is stored
and what is called.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

import idna

from services.kernel.errors import Invalid

MAX_URL_LENGTH: Final = 2_000
MAX_HOST_LENGTH: Final = 253

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# Path and query: RFC 3986 `pchar`, "/" and "?". No fragment, no backslash, no control, space or bare
# non-ASCII.
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<authority>[^/?#\\]*)"
    r"(?P<path>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?)"
    r"(?P<query>(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC_LABEL: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class UrlRules:
    """What a deployment accepts. `ports` is None where any port will do."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] | None = frozenset({443, 8443})
    single_label_hosts: bool = False


PRODUCTION_URLS: Final = UrlRules()
"""https on 443 or 8443, to names with a dot."""

DEVELOPMENT_URLS: Final = UrlRules(frozenset({"http", "https"}), None, single_label_hosts=True)
"""http too, on any port, to names like `localhost`."""


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """A URL of the accepted form. `host` is lower-case ASCII, an IPv6 address without brackets.

    `address` is set when the host is an address and not a name; `target` is the path with the query.
    """

    scheme: str
    host: str
    port: int
    target: str
    address: IpAddress | None

    @property
    def text(self) -> str:
        """The normalised URL; the default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"


_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def parse_endpoint_url(text: str, rules: UrlRules = PRODUCTION_URLS) -> EndpointUrl:
    """Read and normalise a webhook URL.

    Raises Invalid `endpoint_url_invalid` whose parameter `rule` is `length`, `form`, `credentials`,
    `fragment`, `scheme`, `port` or `host`. Whether an address may be called is not decided here.
    """
    if not 0 < len(text) <= MAX_URL_LENGTH:
        raise _invalid("length")
    if "#" in text:
        raise _invalid("fragment")
    found = _URL.fullmatch(text)
    if found is None:
        raise _invalid("form")
    if "@" in found["authority"]:
        raise _invalid("credentials")
    scheme = found["scheme"].lower()
    if scheme not in rules.schemes or scheme not in _DEFAULT_PORTS:
        raise _invalid("scheme")
    authority = _AUTHORITY.fullmatch(found["authority"])
    if authority is None:
        raise _invalid("host")
    port = int(authority["port"] or _DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65_535 or (rules.ports is not None and port not in rules.ports):
        raise _invalid("port")
    host, address = _read_host(authority["host"], rules)
    url = EndpointUrl(scheme, host, port, (found["path"] or "/") + found["query"], address)
    if len(url.text) > MAX_URL_LENGTH:
        raise _invalid("length")
    return url


def _read_host(text: str, rules: UrlRules) -> tuple[str, IpAddress | None]:
    if text.startswith("["):
        try:
            address = ipaddress.IPv6Address(text[1:-1])
        except ValueError:
            raise _invalid("host") from None
        return str(address), address
    host = _ascii(text.lower()).lower().removesuffix(".")
    labels = host.split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return host, _dotted_quad(host)
    if len(host) > MAX_HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid("host")
    if len(labels) < 2 and not rules.single_label_hosts:
        raise _invalid("host")
    return host, None


def _dotted_quad(host: str) -> ipaddress.IPv4Address:
    # 127.1, 0x7f.0.0.1, 0177.0.0.1 and 2130706433 all reach 127.0.0.1 through the C library: one form is
    # enough.
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        raise _invalid("host") from None


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return idna.encode(host, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        raise _invalid("host") from None


def _invalid(rule: str) -> Invalid:
    return Invalid("endpoint_url_invalid", pointer="/url", rule=rule)
