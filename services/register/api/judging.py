"""Is what somebody shows an extract of this register, unaltered, and does it still hold?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kernel.errors import NotFound
from services.kernel.journal.events import microseconds
from services.kernel.journal.sealing.published import PublishedLog
from services.kernel.journal.units import Recorded
from services.register.adapters.given_json import MOST_DIFFERENCES, differences, digest_of_given, strict_json
from services.register.adapters.given_pdf import Certificates, SealState, extracts_named, judged
from services.register.adapters.log_proofs import proof_holds
from services.register.api.desk import Desk
from services.register.domain.extract import Extract, ExtractContent, canonical, digest_of_code
from services.register.domain.extract_changes import Change
from services.register.projections.extracts import changes_since, content_of
from services.register.projections.moments import Moment
from services.register.schema import JOURNAL

Outcome = Literal["genuine", "no_longer_true", "altered", "unknown"]
Reason = Literal[
    "appended_after_seal",
    "content_differs",
    "content_erased",
    "encrypted",
    "not_an_extract",
    "not_issued_here",
    "not_sealed",
    "proof_wrong",
    "record_differs",
    "seal_broken",
    "seal_foreign",
    "unreadable",
]
_OF_SEALS: Final[dict[SealState, Reason]] = {
    "appended": "appended_after_seal",
    "broken": "seal_broken",
    "foreign": "seal_foreign",
    "unsealed": "not_sealed",
    "encrypted": "encrypted",
}
_EVENTS: Final = JOURNAL.events.c
_HEAD: Final = sa.select(_EVENTS.position).order_by(_EVENTS.position.desc()).limit(1)
_JUDGED_APART: Final = frozenset({"content", "proof"})


@dataclass(frozen=True, slots=True)
class Issue:
    """An extract of this register and the record of its issue."""

    extract: Extract
    recorded: Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out, why, and of which extract.

    `differs` are JSON Pointers into what was given. `content` is what the extract says, where it is genuine.
    """

    outcome: Outcome
    known_at: int
    reason: Reason | None = None
    issue: Issue | None = None
    content: ExtractContent | None = None
    changes: Sequence[Change] = ()
    differs: Sequence[str] = ()


class Judge:
    """Judges by the journal, what is kept of extracts, and the certificates of our seals."""

    def __init__(self, desk: Desk, ours: Certificates, log: PublishedLog) -> None:
        self._desk = desk
        self._ours = ours
        self._log = log

    def pdf(self, given: bytes) -> Verdict:
        """The verdict on a PDF, whatever it is."""
        if not given.startswith(b"%PDF-"):
            return self._refused(given, "unreadable")
        found = judged(given, self._ours)
        if found.state != "sealed":
            return self._refused(given, _OF_SEALS[found.state])
        file = strict_json(found.attached or b"")
        return self._file(found.attached or b"", file) if file else self._unknown("not_an_extract")

    def json(self, given: bytes) -> Verdict:
        """The verdict on the JSON form, whatever it is."""
        file = strict_json(given)
        return self._refused(given, "unreadable") if file is None else self._file(given, file)

    def code(self, extract_id: UUID) -> Verdict:
        """The verdict on an extract whose code somebody holds."""
        issue = self._issue(extract_id)
        if issue is None:
            return self._unknown("not_issued_here")
        with self._desk.journal.database.read() as connection:
            content = content_of(connection, extract_id)
        if content is None:
            return self._unknown("content_erased", issue)
        return self._holding(issue, content)

    def nobodys(self) -> Verdict:
        """The verdict on a code that opens nothing."""
        return self._unknown("not_issued_here")

    def _file(self, given: bytes, file: dict[str, Any]) -> Verdict:
        named = extracts_named(given)
        issue = self._first(named)
        if issue is None:
            return self._unknown("not_issued_here" if named else "not_an_extract")
        differs = self._differences(issue, file)
        if differs:
            return self._altered(_reason(differs), issue, differs)
        return self._holding(issue, msgspec.convert(file["content"], ExtractContent))

    def _differences(self, issue: Issue, file: dict[str, Any]) -> list[str]:
        """Where a file is otherwise than issued; `content` must be there, the rest may be left out."""
        content = file.get("content")
        event, record = issue.extract.issued, issue.recorded.record.decode()
        right: dict[str, Any] = {
            "extract_id": str(issue.extract.id),
            "number": event.number,
            "position": issue.recorded.position,
            "digest": event.content_sha256,
            "record": record,
        }
        frame = {name: value for name, value in file.items() if name not in _JUDGED_APART}
        expected = {name: value for name, value in right.items() if name in frame}
        found = list(islice(differences(frame, expected), MOST_DIFFERENCES))
        if "proof" in file and not self._is_proof(issue, file["proof"]):
            found.append("/proof")
        if digest_of_given(content) != event.content_sha256:
            found += islice(self._inside(issue, content), MOST_DIFFERENCES)
        return found

    def _is_proof(self, issue: Issue, proof: object) -> bool:
        return proof_holds(self._log, issue.recorded.record, issue.recorded.position, proof)

    def _inside(self, issue: Issue, content: object) -> Iterable[str]:
        """Where a content differs, told only to those who hold the extract's code."""
        code = content.get("code") if isinstance(content, dict) else None
        if isinstance(code, str) and digest_of_code(code) == issue.extract.issued.code_sha256:
            with self._desk.journal.database.read() as connection:
                right = content_of(connection, issue.extract.id)
            if right is not None:
                return differences(content, strict_json(canonical(right)), "/content")
        return ["/content"]

    def _holding(self, issue: Issue, content: ExtractContent) -> Verdict:
        with self._desk.journal.database.snapshot() as connection:
            head = connection.execute(_HEAD).scalar_one()
            now = Moment(microseconds(self._desk.clock.now()), head)
            found = changes_since(connection, content, now)
        undone = any(change.undoes for change in found)
        outcome: Outcome = "no_longer_true" if undone else "genuine"
        return Verdict(outcome=outcome, known_at=head, issue=issue, content=content, changes=found)

    def _refused(self, given: bytes, reason: Reason) -> Verdict:
        """Altered when it names an extract of this register, unknown otherwise."""
        issue = self._first(extracts_named(given))
        return self._altered(reason, issue, []) if issue else self._unknown(reason)

    def _altered(self, reason: Reason, issue: Issue, differs: Sequence[str]) -> Verdict:
        head = self._desk.journal.head()
        return Verdict(outcome="altered", known_at=head, reason=reason, issue=issue, differs=differs)

    def _unknown(self, reason: Reason, issue: Issue | None = None) -> Verdict:
        head = self._desk.journal.head()
        return Verdict(outcome="unknown", known_at=head, reason=reason, issue=issue)

    def _first(self, named: Iterable[str]) -> Issue | None:
        return next(filter(None, map(self._issue, map(UUID, named))), None)

    def _issue(self, extract_id: UUID) -> Issue | None:
        try:
            found = self._desk.journal.load(Extract, extract_id)
        except NotFound:
            return None
        (recorded,) = self._desk.journal.facts_of(extract_id)
        return Issue(found, recorded)


def _reason(differs: Sequence[str]) -> Reason:
    if any(place.startswith("/content") for place in differs):
        return "content_differs"
    return "proof_wrong" if "/proof" in differs else "record_differs"
