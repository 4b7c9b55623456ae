"""The recorded bytes are RFC 8785, checked against an independent implementation, and survive splicing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Invalid
from services.kernel.journal.events import Fact, Provenance, UnknownEventType, microseconds, new_event_id
from services.kernel.journal.units import encode
from tests.kernel.journal.ledger import EVENTS, LineWritten, Opened

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def fact_of(data: LineWritten | Opened, at: datetime = datetime(2026, 3, 2, tzinfo=UTC)) -> Fact:
    return Fact(
        originator_id=uuid4(),
        originator_version=1,
        id=new_event_id(),
        data=data,
        effective_at=at,
        legal_basis="para. 1",
        provenance=Provenance(actor="a", decided_by="officer", correlation_id="c"),
    )


@given(text=texts, owner=texts, recorded_at=st.integers(0, 4_102_444_800_000_000))
def test_records_are_canonical_json_whatever_the_text(text: str, owner: str, recorded_at: int) -> None:
    for data in (LineWritten(text=text), Opened(owner=owner)):
        encoded = encode(EVENTS, fact_of(data))
        recorded = encoded.recorded(1, recorded_at, 7)
        assert rfc8785.dumps(json.loads(recorded.record)) == recorded.record


@given(text=texts)
def test_a_record_decodes_to_the_fact_it_came_from(text: str) -> None:
    fact = fact_of(LineWritten(text=text))
    recorded = encode(EVENTS, fact).recorded(1, microseconds(fact.effective_at), None)
    assert EVENTS.decode("kz.ledger.ledger.line-written.v1", recorded.record) == fact


def test_text_that_looks_like_the_time_is_left_alone() -> None:
    text = '"time":"0000-00-00T00:00:00.000000Z"'
    recorded = encode(EVENTS, fact_of(LineWritten(text=text))).recorded(1, 0, None)
    document = json.loads(recorded.record)
    assert document["data"]["text"] == text
    assert document["time"] == "1970-01-01T00:00:00.000000Z"


def test_text_that_looks_like_the_number_is_left_alone() -> None:
    recorded = encode(EVENTS, fact_of(Opened(owner='"number":"##########"'))).recorded(1, 0, 12)
    document = json.loads(recorded.record)
    assert document["data"]["owner"] == '"number":"##########"'
    assert document["data"]["number"] == "0000000012"


def test_a_record_beyond_the_limit_is_refused() -> None:
    with pytest.raises(Invalid, match="event_too_large"):
        encode(EVENTS, fact_of(LineWritten(text="x" * 70_000)))


def test_an_unknown_type_is_an_error_never_an_import() -> None:
    with pytest.raises(UnknownEventType):
        EVENTS.decode("os.system", b"{}")
