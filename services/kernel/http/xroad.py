"""Who asks by X-Road: what its security servers say in headers, believed from those alone that are named.

Facts record it for ever and feeds publish it, so that no other caller may put text there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from starlette.requests import Request

from services.kernel.http.problems import Problem

MAX_CLIENT: Final = 255
_PART: Final = r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2}){1,100}"
_CLIENT: Final = re.compile(rf"{_PART}/{_PART}/{_PART}(?:/{_PART})?")
"""Instance, member class, member code and subsystem (X-Road Message Protocol for REST, section 4.1)."""
_MESSAGE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True, slots=True)
class XRoad:
    """The security servers of ours, by the addresses they ask from."""

    servers: Sequence[IPv4Network | IPv6Network] = ()

    def told(self, request: Request) -> tuple[str | None, str | None]:
        """`X-Road-Client` and `X-Road-Id`, where one of the servers says them.

        Raises `Problem` (400, `xroad_header_invalid`) for what is neither's form, whoever says it.
        """
        client, message = request.headers.get("x-road-client"), request.headers.get("x-road-id")
        if client is None and message is None:
            return None, None
        if client is not None and (len(client) > MAX_CLIENT or not _CLIENT.fullmatch(client)):
            raise Problem("xroad_header_invalid", header="X-Road-Client")
        if message is not None and not _MESSAGE.fullmatch(message):
            raise Problem("xroad_header_invalid", header="X-Road-Id")
        return (client, message) if self._believes(request) else (None, None)

    def _believes(self, request: Request) -> bool:
        try:
            address = ip_address(request.client.host if request.client else "")
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self.servers)
