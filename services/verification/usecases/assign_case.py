"""Take a case, give it to another officer, or give it back."""

from __future__ import annotations

from services.kernel.contract import OfficialText
from services.kernel.errors import Invalid
from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.verification.domain.case import Case
from services.verification.projections.officers import is_known
from services.verification.usecases.conclude_case import appealed_case


def assign_case(work: Work, act: Act, case: Case, officer: str | None, reasons: OfficialText | None) -> Case:
    """`officer` is an opaque id, None to give the case back; those who concluded a case get no appeal of it.

    `case` is loaded by the caller, which has checked the version the officer saw. Raises `Invalid`
    (`officer_unknown`) for an id that never acted here, and what `Case.assign` raises.
    """
    if officer is not None and officer != act.provenance.actor:
        with work.database.read() as connection:
            if not is_known(connection, officer):
                raise Invalid("officer_unknown", pointer="/officer", officer=officer)
    barred = frozenset(appealed_case(work, case).concluded_by) if case.kind == "appeal" else frozenset()
    case.assign(act, officer, reasons, barred=barred)
    work.save(case)
    work.answer_with(case)
    return case
