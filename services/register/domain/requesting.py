"""A producer's own request for exclusion that an exclusion overtook (art. 51-6(3), order 327 para. 30)."""

from __future__ import annotations

from datetime import datetime

from services.kernel.contract import FixedTerm
from services.register.domain.entry_state import EntryState
from services.register.domain.procedure import Procedure


def term_again(
    before: EntryState, after: EntryState, now: datetime, procedure: Procedure
) -> FixedTerm | None:
    """The term, from `now`, of a request that waits again once the exclusion that overtook it is annulled.

    Nobody could grant it meanwhile, so its first term is no measure. None where no request waits again.
    """
    waits_again = before.requested_on is None and after.requested_on is not None
    return procedure.own_request(now) if waits_again else None
