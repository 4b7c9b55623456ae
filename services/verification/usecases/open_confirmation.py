"""Open the confirmation case of an application."""

from __future__ import annotations

from services.kernel.journal.aggregate import Act
from services.kernel.journal.journal import Work
from services.kernel.vault import Sealed
from services.verification.contract.events import CaseOpened
from services.verification.projections.identifiers import keep_identifier
from services.verification.schema import VAULT
from services.verification.usecases.assess_case import Foreknown
from services.verification.usecases.open_case import open_case
from services.verification.usecases.practice import Practice


def open_confirmation(
    work: Work, practice: Practice, act: Act, opening: CaseOpened, identity: Sealed | None
) -> None:
    """Art. 51-2(2): open the case; `identity` is an individual's IIN, kept in the vault to find listings."""
    iin = identity.values.get("iin") if identity is not None else None
    identifier = opening.producer.bin or (iin.value if iin else None)
    case = open_case(work, practice, act, opening, Foreknown(identifier=identifier))
    if identifier is not None:
        work.write(keep_identifier(identifier, opening.producer.producer_id))
    if case is not None and identity is not None:
        work.write(VAULT.keeping(0, opening.producer.producer_id, identity))
