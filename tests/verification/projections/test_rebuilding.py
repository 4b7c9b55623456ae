"""Read models are derived: emptied and folded again from the journal they come out the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from services.kernel.journal.rebuilding import rebuild_read_models
from services.verification.usecases.assign_case import assign_case
from services.verification.usecases.record_missed_terms import record_missed_terms
from services.verification.usecases.record_ruling import RecordedRuling, record_ruling
from services.verification.usecases.settle_proposal import return_proposal
from services.verification.usecases.supply_documents import Named
from tests.verification.acting import NOON, REASONS, officer
from tests.verification.authority import Authority, authority
from tests.verification.officers import (
    FOUR_EYES,
    RULING,
    A,
    B,
    approve,
    ask,
    conclude,
    done,
    filed,
    monitored,
    supply,
)


def everything(here: Authority) -> dict[str, list[dict[str, Any]]]:
    tables: list[sa.Table] = [table for model in here.journal.projections for table in model.tables]
    found = {}
    with here.database.read() as connection:
        for table in tables:
            query = sa.select(table).order_by(*table.primary_key.columns)
            found[table.name] = [dict(row) for row in connection.execute(query).mappings()]
    return found


def lived(here: Authority) -> None:
    """A history that touches every column officers' work changes."""
    asked = filed(here)
    done(here, asked.id, lambda w, c: assign_case(w, officer(A), c, A, None))
    ask(here, asked)
    supply(here, asked, Named("localisation_report", here.keep(b'{"lines": []}')))
    silent = filed(here)
    ask(here, silent)
    proposed = filed(here)
    conclude(here, proposed, "refused", A, REASONS)
    returned = filed(here)
    conclude(here, returned, "refused", A, REASONS)
    done(here, returned.id, lambda w, c: return_proposal(w, officer(B), c, REASONS))
    case = monitored(here)
    conclude(here, case, "exclude", A, REASONS)
    approve(here, case, B)
    ruling = RecordedRuling(RULING, "undone", REASONS, True)
    done(here, case.id, lambda w, c: record_ruling(w, officer(A), c, ruling))
    here.clock.set(NOON.replace(month=6))
    record_missed_terms(here.journal, here.practice)


def test_rebuilt_equals_live(database_url: str, tmp_path: Path) -> None:
    with authority(database_url, tmp_path, **FOUR_EYES) as here:
        lived(here)
        live = everything(here)
        assert {row["documents_due_on"] for row in live["cases"]} == {None}
        assert {row["proposed_by"] for row in live["cases"]} == {None, A}
        assert rebuild_read_models(here.journal) == here.journal.head()
        assert everything(here) == live
