"""JSON that somebody shows is read whole and without a second meaning, or not at all."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from services.register.adapters.given_json import differences, digest_of_given, strict_json

KEYS = st.text("abcdefgh_", max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_is_read_is_what_stands_there_and_its_digest_is_that_of_rfc_8785(value: dict[str, Any]) -> None:
    assert strict_json(json.dumps(value).encode()) == value
    assert list(differences(value, value)) == []
    assert digest_of_given(value) == hashlib.sha256(rfc8785.dumps(value)).hexdigest()


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}', "[]", '{"a": Infinity}', "{"]
)
def test_what_has_two_meanings_or_none_is_not_read(text: str) -> None:
    assert strict_json(text.encode()) is None


def test_a_text_without_bytes_has_no_digest() -> None:
    assert digest_of_given({"a": "\ud800"}) is None


def test_differences_are_told_by_where_they_are_and_true_is_not_one() -> None:
    given_ = {"a": [1, {"b/c": True}], "x": 1, "same": [1]}
    right = {"a": [1, {"b/c": 1}], "y": 1, "same": [1]}
    assert list(differences(given_, right)) == ["/a/1/b~1c", "/x", "/y"]
