"""E-mail against a real mail server, and the portal's account over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from services.notifications.adapters.portal_http import Portal, PortalChannel, content_of
from services.notifications.adapters.smtp_mail import MailChannel, MailServer
from services.notifications.domain.channels import Ending, Parcel
from services.notifications.domain.messages import Text
from services.notifications.domain.signing import SymmetricSecret, parse_verification_key, verify
from tests.notifications.adapters.endpoints import certificate_for
from tests.notifications.adapters.mail_server import dripping, mail_server
from tests.notifications.given import BIN
from tests.notifications.office import NOON
from tests.notifications.test_delivering import Endpoint, listening

ADDRESS: Final = "dala@example.kz"
PARCEL: Final = Parcel(
    message_id="0191f3c0-0000-7000-8000-000000000000",
    recipient=BIN,
    email=ADDRESS,
    language="kk",
    texts={
        "kk": Text("«Есеп жүйесі» тізілімге енгізілді", "Қош келдіңіз.\n\nҚұқықтық негізі: 51-2."),
        "ru": Text("Включен", "Добро пожаловать."),
        "en": Text("Included", "Welcome."),
    },
    template="included",
    template_version=1,
    event_type="kz.register.entry.included.v1",
    due_on=None,
    put_at=NOON,
)


def channel(port: int, **given: Any) -> MailChannel:
    values: dict[str, Any] = {
        "host": "localhost",
        "security": "none",
        "sender": "tizilim@example.kz",
        **given,
    }
    return MailChannel(MailServer(port=port, **values | given), deadline=timedelta(seconds=5))


def test_a_message_arrives_in_the_producers_language() -> None:
    with mail_server() as box:
        assert channel(box.port).send(PARCEL).ending is Ending.SENT
    (mail,) = box.received
    assert mail["Subject"] == "«Есеп жүйесі» тізілімге енгізілді"
    assert mail["To"] == ADDRESS
    assert mail["From"] == "tizilim@example.kz"
    assert mail["Message-ID"] == f"<{PARCEL.message_id}@example.kz>"
    assert (mail["Content-Language"], mail["Auto-Submitted"]) == ("kk", "auto-generated")
    assert mail.get_content().replace("\r\n", "\n") == PARCEL.texts["kk"].body + "\n"
    assert box.envelopes[0].rcpt_tos == [ADDRESS]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the library sees no TLS from the first byte
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_handed_in_over_tls_under_a_login(security: str, tmp_path: Path) -> None:
    serving, _ = certificate_for("localhost", tmp_path)
    with mail_server(tls=serving, implicit=security == "tls", password="s3cret") as box:
        login = {"user": "tizilim", "password": "s3cret", "ca_file": tmp_path / "localhost.pem"}
        result = channel(box.port, security=security, **login).send(PARCEL)
        wrong = channel(box.port, security=security, **login | {"password": "other"}).send(PARCEL)
        stranger = channel(box.port, security=security, **login | {"ca_file": None}).send(PARCEL)
    assert (result.ending, result.trouble) == (Ending.SENT, None)
    assert (wrong.ending, wrong.trouble) == (Ending.FAILED, "server_answered_535")
    assert stranger.ending is Ending.FAILED, "a certificate that nobody trusts"
    assert (len(box.received), box.logins) == (1, ["tizilim"])


def test_nothing_is_sent_in_clear_where_tls_is_set() -> None:
    with mail_server() as box:
        assert channel(box.port, security="starttls").send(PARCEL).ending is Ending.FAILED
    assert box.received == []


@pytest.mark.parametrize(
    ("place", "answer", "ending", "trouble"),
    [
        ("recipient_answer", "550 no such mailbox", Ending.REFUSED, "recipient_refused"),
        ("recipient_answer", "451 try later", Ending.FAILED, "recipient_refused"),
        ("data_answer", "554 unwanted", Ending.REFUSED, "message_refused"),
        ("data_answer", "452 full", Ending.FAILED, "message_refused"),
    ],
)
def test_a_refusal_for_good_is_told_from_one_for_now(
    place: str, answer: str, ending: Ending, trouble: str
) -> None:
    """RFC 5321 section 4.2.1."""
    with mail_server() as box:
        setattr(box, place, answer)
        result = channel(box.port).send(PARCEL)
    assert (result.ending, result.trouble) == (ending, trouble)


@pytest.mark.parametrize(
    "address", ["", "dala", "a@b.kz\r\nBcc: everybody@example.kz", "a@b.kz, c@d.kz", "@", "Dala <a@b.kz>"]
)
def test_what_is_no_address_is_sent_nowhere(address: str) -> None:
    with mail_server() as box:
        result = channel(box.port).send(replace(PARCEL, email=address))
    assert (result.ending, result.trouble) == (Ending.REFUSED, "address_unusable")
    assert box.received == []


@pytest.mark.parametrize("mark", ["\n", "\r\nBcc: everybody@example.kz\r\n", "\x85", "\u2028", "\x1c", "\t"])
def test_a_products_name_of_more_than_one_line_is_one_in_the_subject(mark: str) -> None:
    named = Text(f"«Есеп{mark}жүйесі» енгізілді", f"«Есеп{mark}жүйесі».")
    with mail_server() as box:
        result = channel(box.port).send(replace(PARCEL, texts={"kk": named}))
    assert result.ending is Ending.SENT
    (mail,) = box.received
    assert mail["Subject"] == " ".join(named.subject.split())
    assert mail["Bcc"] is None
    assert box.envelopes[0].rcpt_tos == [ADDRESS]


def test_a_producer_without_an_address_gets_no_mail() -> None:
    assert channel(9).send(replace(PARCEL, email=None)).ending is Ending.UNADDRESSED


def test_a_server_that_is_not_there_or_drips_ends_at_the_deadline() -> None:
    assert channel(9).send(PARCEL).ending is Ending.FAILED
    with dripping(b"2") as port:
        began = time.monotonic()
        mail = MailChannel(
            MailServer(host="127.0.0.1", port=port, security="none", sender="t@example.kz"),
            deadline=timedelta(seconds=0.5),
        )
        assert mail.send(PARCEL).ending is Ending.FAILED
    assert time.monotonic() - began < 3


def test_mail_that_was_taken_is_sent_whatever_comes_after() -> None:
    """RFC 5321 section 4.2.5: with 250 the server answers for it; another try would send it twice."""
    with mail_server() as box:
        box.answers_farewell = False
        server = MailServer(host="127.0.0.1", port=box.port, security="none", sender="t@example.kz")
        assert MailChannel(server, deadline=timedelta(seconds=0.5)).send(PARCEL).ending is Ending.SENT
    assert len(box.received) == 1


def test_neither_address_nor_password_is_shown_by_repr() -> None:
    server = MailServer(host="h", port=1, security="tls", sender="t@example.kz", user="u", password="p4ss")
    shown = f"{server} {PARCEL}"
    assert "p4ss" not in shown
    assert ADDRESS not in shown
    assert BIN not in shown


SECRET: Final = SymmetricSecret.generate()


@pytest.fixture
def portal() -> Iterator[Endpoint]:
    with listening() as opened:
        yield opened


def posting(url: str, **given: Any) -> PortalChannel:
    return PortalChannel(
        Portal(url=url, token="t0ken", secret=SECRET), lambda: NOON, deadline=timedelta(seconds=5), **given
    )


def test_the_portal_gets_all_languages_signed_and_told_from_a_repetition(portal: Endpoint) -> None:
    assert posting(portal.url).send(PARCEL).ending is Ending.SENT
    assert posting(portal.url).send(PARCEL).ending is Ending.SENT
    (headers, body), (again, same) = portal.requests
    assert body == same == content_of(PARCEL)
    assert headers["idempotency-key"] == again["idempotency-key"] == PARCEL.message_id
    assert headers["authorization"] == "Bearer t0ken"
    key = parse_verification_key(SECRET.serialise())
    verify(headers, body, [key], now=NOON)
    content = msgspec.json.decode(body)
    assert content["recipient"] == BIN
    assert set(content["texts"]) == {"kk", "ru", "en"}
    assert content["put_at"] == "2026-03-02T07:00:00.000000Z"
    assert ADDRESS not in body.decode()


@pytest.mark.parametrize("recipient", ["erased:0191f3c0", "3f" * 32])
def test_the_portal_is_asked_for_nobody_without_a_number(portal: Endpoint, recipient: str) -> None:
    """Neither a pseudonym nor an erased account's name goes out."""
    result = posting(portal.url).send(replace(PARCEL, recipient=recipient))
    assert (result.ending, result.trouble) == (Ending.UNADDRESSED, "no_number")
    assert portal.requests == []


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (202, Ending.SENT),
        (404, Ending.UNADDRESSED),
        (422, Ending.REFUSED),
        (401, Ending.FAILED),
        (302, Ending.FAILED),
        (503, Ending.FAILED),
    ],
)
def test_what_the_portals_answer_means(portal: Endpoint, status: int, ending: Ending) -> None:
    portal.answers.append((status, {"Location": "http://127.0.0.1:9/", "Retry-After": "120"}))
    result = posting(portal.url).send(PARCEL)
    assert result.ending is ending
    if status == 503:
        assert result.retry_after == timedelta(seconds=120)


def test_a_portal_that_is_not_there_or_drips_ends_at_the_deadline() -> None:
    assert posting("http://127.0.0.1:9/").send(PARCEL).ending is Ending.FAILED
    with dripping(b"H") as port:
        began = time.monotonic()
        slow = PortalChannel(
            Portal(url=f"http://127.0.0.1:{port}/", token="t"), _noon, deadline=timedelta(seconds=0.5)
        )
        assert slow.send(PARCEL).ending is Ending.FAILED
    assert time.monotonic() - began < 3


def _noon() -> datetime:
    return NOON
