"""Personal values outside the journal: bound by a salted commitment, erasable without breaking it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.vault import PersonalValue, commitment, opens, seal

TEXTS = st.text(max_size=200)


@given(st.dictionaries(st.sampled_from(["iin", "email", "telephone"]), TEXTS))
def test_what_is_sealed_opens_its_commitment_and_nothing_else(values: dict[str, str]) -> None:
    sealed = seal(values)
    for field, opened in sealed.values.items():
        committed = sealed.commitments[field]
        assert opens(field, opened, committed)
        assert not opens(f"{field}2", opened, committed)
        assert not opens(field, PersonalValue(value=opened.value + "x", salt=opened.salt), committed)


def test_the_same_value_never_commits_alike_twice() -> None:
    first, second = seal({"iin": "660427402182"}), seal({"iin": "660427402182"})
    assert first.commitments != second.commitments


def test_a_commitment_is_what_its_definition_says() -> None:
    """HMAC-SHA256(salt, field || 0x00 || value), computed apart."""
    assert (
        commitment("iin", "660427402182", bytes(32))
        == "f9f7d4715fa5fccc47a5566503bad91891fe6291192cb1e16c663ca15a445e6d"
    )
