"""Where a log's files are read from: a folder, or a running service."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Final

from services.proof.refusals import Malformed, Unreachable

MAX_FILE_BYTES: Final = 20_000_000
"""More than any entry bundle: 256 records of 65,535 bytes are 16.8 MB."""
TIMEOUT_SECONDS: Final = 10
TOTAL_SECONDS: Final = 60


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token is for the address that was given and for no other."""

    def redirect_request(self, *_asked: object) -> None:
        """Say that there is nothing to ask instead."""


_OPENER: Final = urllib.request.build_opener(_Straight)


class Folder:
    """A log as plain files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """See `services.proof.tiles.Source`. Raises `Malformed`."""
        try:
            with (self._folder / path).open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(raw) > MAX_FILE_BYTES:
            raise Malformed(f"{path} is longer than any file of a log")
        return raw


class Web:
    """A log behind an address, such as `https://register.example.kz/v1/journal/log`."""

    def __init__(self, address: str, token: str | None = None) -> None:
        scheme = urllib.parse.urlsplit(address).scheme
        if scheme not in {"http", "https"}:
            raise ValueError("the address of a log begins with https:// or http://")
        self._prefix = address.rstrip("/") + "/"
        self._headers = {
            "Cache-Control": "no-cache"
        }  # what stands in between may hold what is no longer true
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def read(self, path: str) -> bytes | None:
        """See `services.proof.tiles.Source`. Raises `Unreachable`."""
        request = urllib.request.Request(self._prefix + path, headers=self._headers)  # noqa: S310  # the scheme was checked
        try:
            with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
                body = bytearray()
                end = time.monotonic() + TOTAL_SECONDS
                while chunk := answer.read1(65_536):
                    body += chunk
                    if len(body) > MAX_FILE_BYTES or time.monotonic() > end:
                        raise Unreachable(f"{path} does not end")
                if answer.length:
                    raise Unreachable(f"{path} was cut short by {answer.length} bytes")
                return bytes(body)
        except urllib.error.HTTPError as answer:
            answer.close()
            if answer.code == 404:
                return None
            raise Unreachable(f"{path} was answered with {answer.code}") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{path} cannot be read: {error}") from None
