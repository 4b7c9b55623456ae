"""Errors the domain raises and the edges translate; one class for each answer a caller can act on."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A rule of the register said no.

    `code` is stable and in lower snake case; it names a page of `docs/problems/`. `params` are the
    values the explanation needs (texts already formatted). `pointer` is an RFC 6901 JSON Pointer into
    the request's body when one field is at fault.
    """

    status: ClassVar[int] = 422

    def __init__(self, code: str, /, *, pointer: str | None = None, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.pointer = pointer
        self.params = params

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code}({values})" if values else self.code


class Invalid(DomainError):
    """The value is wrong, whatever the state (422)."""

    status = 422


class Conflict(DomainError):
    """The present state forbids the command (409). `params` say which state and what is allowed."""

    status = 409


class Forbidden(DomainError):
    """Not the caller's to do (403)."""

    status = 403


class NotFound(DomainError):
    """Unknown, or not the caller's to see (404)."""

    status = 404


class Stale(DomainError):
    """The caller decided on an older version than the present one (412)."""

    status = 412


class Unavailable(DomainError):
    """The store cannot answer now; the same request may be sent again (503)."""

    status = 503
