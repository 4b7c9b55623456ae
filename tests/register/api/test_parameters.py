"""A query parameter that is mistyped or given twice is refused: ignored, it would change the answer."""

from __future__ import annotations

import pytest

from tests.register.api.conftest import Api


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("bni=181240006529", "parameter_unknown", "bni"),
        ("status=included&status=excluded", "parameter_repeated", "status"),
        ("min_position=0&limit=1&lmit=2", "parameter_unknown", "lmit"),
    ],
)
def test_a_wrong_query_parameter_is_named(quick: Api, query: str, code: str, parameter: str) -> None:
    answer = quick.client.get(f"/v1/entries?{query}")
    assert answer.status_code == 422
    assert answer.json()["code"] == "request_invalid"
    assert [(error["code"], error["parameter"]) for error in answer.json()["errors"]] == [(code, parameter)]
