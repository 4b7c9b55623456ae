"""Keep the rule set that a decision rests on, and refuse to start when one of those was changed."""

from __future__ import annotations

from services.kernel.database import Database
from services.kernel.journal.journal import Work
from services.kernel.telemetry import logger
from services.verification.domain.rule_sets import RuleBook, RuleSetRefused, refuse_changes
from services.verification.projections.used_rule_sets import is_kept, keep_used, used_editions
from services.verification.usecases.assess_case import Assessment


def keep_rule_set(work: Work, assessment: Assessment) -> None:
    """In the unit that concludes: whoever explains the decision finds its rule set by the recorded digest."""
    used = assessment.rule_set
    if used is None:
        return
    with work.database.read() as connection:
        kept = is_kept(connection, used.digest)
    if not kept:
        work.write(keep_used(used))


def check_rule_sets(database: Database, book: RuleBook) -> None:
    """At start: raise `RuleSetRefused` when a rule set that decisions rest on is gone or changed.

    Days on which no rule set of a kind is in force are told in the log.
    """
    with database.read() as connection:
        used = used_editions(connection)
    try:
        refuse_changes(book, used)
    except RuleSetRefused as refused:
        logger.error("rule sets refused", extra={"reason": str(refused)})
        raise
    for gap in book.gaps():
        logger.warning(
            "no rule set in force",
            extra={"kind": gap.kind, "from": gap.first_day.isoformat(), "to": gap.last_day.isoformat()},
        )
