"""What a personal account shows of its messages and terms, and who may see it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
from fastapi import Path, Query
from pydantic import AfterValidator, Field

from services.kernel.calendar import end_of, start_of
from services.kernel.errors import Forbidden
from services.kernel.http.forms import LegalDay, ShortText
from services.kernel.http.requests import Caller
from services.kernel.http.responses import Page, Representation
from services.kernel.identifiers import parse_bin_or_iin
from services.kernel.journal.events import from_microseconds, microseconds
from services.notifications.projections.matters import AUTHORITIES, Matter
from services.notifications.projections.messages import Search

OFFICERS_OF: Final = {
    "industry_authority": "industry_officer",
    "informatization_authority": "informatization_officer",
}
"""An authority's account is read and opened by its own officers."""


def _known_number(account: str) -> str:
    return account if account in AUTHORITIES else parse_bin_or_iin(account)


Account = Annotated[
    str,
    AfterValidator(_known_number),
    Path(
        alias="bin",
        description="BIN or IIN of a producer's account, or the name of an authority's.",
        pattern=r"^([0-9]{12}|industry_authority|informatization_authority)$",
        examples=["181240006529"],
    ),
]
MessageId = Annotated[
    str, Path(pattern=r"^[0-9a-f-]{36}$", examples=["0191f3c0-0000-7000-8000-000000000000"])
]


MOVED: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "The producer was transformed: its account goes on, whole, under its present BIN."}
}


class MessageText(Representation):
    """A message in one language."""

    subject: str
    body: str


class Message(Representation):
    """An item of an account: put there by a legal step, in Kazakh, Russian and English."""

    message_id: str
    event_id: str | None = Field(
        default=None, description="The fact behind it, as in the journal; absent where none is."
    )
    event_type: str | None = None
    template: str
    template_version: int
    subject: str = Field(description="In the language of the request.")
    texts: dict[str, MessageText]
    put_at: datetime
    opened_at: datetime | None = Field(
        default=None, description="When it was first opened: proof of service."
    )
    due_on: date | None = Field(default=None, description="The last day of the term it speaks of.")


class Messages(Page[Message]):
    """One page of an account, newest first."""


class ProductName(Representation):
    """A product's name."""

    kk: str
    ru: str
    en: str | None = None


class OpenTerm(Representation):
    """A term that runs: what is to be done, by when, and about what."""

    kind: str
    subject: str = Field(description="The case, notification or entry it runs for.")
    product: ProductName
    since: date = Field(description="The legal day of the fact that set it running.")
    due_on: date = Field(description="Its last day (Asia/Almaty).")


class AccountShown(Representation):
    """An account: how many messages it holds, how many were never opened, and which terms run."""

    account: str
    messages: int = Field(description="Counted up to 10,000.")
    unread: int = Field(description="Of the newest 10,000.")
    terms: list[OpenTerm] = Field(description="Those that end first before the others; at most 100.")


def may_read(caller: Caller, account: str) -> None:
    """Raise `Forbidden` (`not_yours`) where the account is not the caller's to read.

    Officers and auditors read every producer's account; an authority's its own officers, and auditors.
    """
    if account in AUTHORITIES:
        if not caller.is_any(OFFICERS_OF[account], "auditor"):
            raise Forbidden("not_yours")
        return
    if not caller.acts_for(account):
        raise Forbidden("not_yours")


def may_open(caller: Caller, account: str) -> None:
    """Raise as `may_read` does; only whose account it is can open a message of it."""
    if account in AUTHORITIES:
        if not caller.is_any(OFFICERS_OF[account]):
            raise Forbidden("not_yours")
        return
    if caller.principal.producer != account:
        raise Forbidden("not_yours")


def presented(row: sa.RowMapping, language: str) -> Message:
    """A message as its account shows it."""
    texts = msgspec.json.decode(bytes(row["texts"]), type=dict[str, dict[str, str]])
    return Message(
        message_id=row["message_id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        template=row["template_id"],
        template_version=row["template_version"],
        subject=texts[language]["subject"],
        texts={name: MessageText(**text) for name, text in texts.items()},
        put_at=from_microseconds(row["put_at"]),
        opened_at=from_microseconds(row["opened_at"]) if row["opened_at"] is not None else None,
        due_on=date.fromisoformat(row["due_on"]) if row["due_on"] else None,
    )


def presented_term(matter: Matter) -> OpenTerm:
    """A term as the account shows it."""
    product = ProductName(kk=matter.product.kk, ru=matter.product.ru, en=matter.product.en)
    return OpenTerm(
        kind=matter.kind,
        subject=matter.subject,
        product=product,
        since=date.fromisoformat(matter.opened_on),
        due_on=date.fromisoformat(matter.due_on or ""),
    )


def asked(
    unread: Annotated[bool, Query(description="Only what was never opened.")] = False,  # a query
    q: Annotated[ShortText | None, Query(description="Words in the text, in any language and case.")] = None,
    event_type: Annotated[
        str | None,
        Query(
            alias="type",
            pattern=r"^[a-z0-9.-]{1,100}$",
            description="The type of the fact behind it.",
            examples=["kz.register.entry.included.v1"],
        ),
    ] = None,
    template: Annotated[
        str | None,
        Query(pattern=r"^[a-z_]{1,60}$", description="Its template.", examples=["included"]),
    ] = None,
    put_from: Annotated[
        LegalDay | None, Query(description="Put there on this legal day or later (Asia/Almaty).")
    ] = None,
    put_to: Annotated[LegalDay | None, Query(description="Put there on this legal day or earlier.")] = None,
) -> Search:
    """The filters of a request for messages."""
    return Search(
        unread=unread,
        text=q,
        event_type=event_type,
        template=template,
        put_from=microseconds(start_of(put_from)) if put_from else None,
        put_before=microseconds(end_of(put_to)) if put_to else None,
    )
