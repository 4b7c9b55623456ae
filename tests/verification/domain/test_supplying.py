"""Which documents stand after a producer supplied more (order 327 paras. 7, 29)."""

from __future__ import annotations

from services.verification.domain.supplying import with_supplied
from tests.verification.acting import document


def test_a_file_of_two_kinds_supplied_again_as_one_remains_of_the_other() -> None:
    as_contracts, as_terms = document("contracts", "a" * 64), document("terms_of_reference", "a" * 64)
    certificate, anew = document("certificate", "b" * 64), document("certificate", "c" * 64)
    before = (as_contracts, as_terms, certificate)
    assert with_supplied(before, (as_contracts,), ()) == (as_terms, certificate, as_contracts)
    assert with_supplied(before, (anew,), [certificate.sha256]) == (as_contracts, as_terms, anew)
