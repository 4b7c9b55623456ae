"""`tizilim demo`: producers' lives in the register, told step by step with real HTTP and real webhooks."""

from __future__ import annotations

import io
import json
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

from services.commands.demo_people import Cast, StepFailed, expect
from services.commands.demo_receiver import Endpoint, listening
from services.commands.demo_story import Story
from services.commands.registry import JOURNALS, Installation
from services.commands.up import CannotStart, free_installation, running
from services.kernel.clock import clear_simulated_clock, set_simulated_clock
from services.kernel.identity.tokens import development_issuer
from services.notifications.domain.signing import VerificationError
from services.notifications.usecases.own_events import CHALLENGE

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
ORDER: Final = (
    "clean",
    "localisation_by_a_hair",
    "foreign_controlled_payees",
    "returned_for_rework",
    "excluded_and_reinstated",
    "late_appeal",
)
QUICK: Final = {
    "TIZILIM_REGISTER_MISSED_TERMS_SECONDS": "0.2",
    "TIZILIM_VERIFICATION_MISSED_TERMS_SECONDS": "0.2",
    "TIZILIM_VERIFICATION_ROUNDS_SECONDS": "0.2",
}
FIRST_DAY: Final = "2026-03-02T10:00:00+05:00"
AFTER_THE_QUARTER: Final = "2026-04-02T10:00:00+05:00"
AFTER_THE_TERM: Final = "2026-05-20T10:00:00+05:00"
WARNING: Final = """Using the services that run at {url} and after: in development, without facts.
What the stories record stays in {var}, for a journal only grows; their legal clock moves meanwhile.
To keep them untouched, stop here and run `make demo ARGS=--apart`.
"""
TEXT: Final = {
    "kk": "Іс материалдары бойынша.",
    "ru": "По материалам дела.",
    "en": "On the materials of the case.",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """The services that a story is told on, and whether they are somebody's who had them running."""

    installation: Installation
    borrowed: bool


def run(installation: Installation, only: str | None, *, apart: bool = False) -> int:
    """Tell the stories against running services, or against some of its own; returns the exit code.

    It is 1 where a step ends otherwise than it should, and what the story made is put away all the same.
    """
    if only is not None and only not in ORDER:
        raise ValueError(f"no such story; one of {', '.join(ORDER)}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # told as it happens, through a pipe too
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended so, it tidies up as on Ctrl-C
    try:
        with _stage(installation, apart=apart) as stage, listening() as endpoint:
            Play(stage, endpoint).tell([only] if only else list(ORDER))
    except (CannotStart, StepFailed, httpx.HTTPError) as reason:
        print(f"\nthe story ends here: {reason}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    print("\nEvery step ended as it should.")
    return 0


@contextmanager
def _stage(installation: Installation, *, apart: bool = False) -> Iterator[Stage]:
    """The running services of this installation while nothing is recorded there, else some of the demo's own.

    The stories move the legal clock and conclude what waits, so they stay away from anyone's data; and from
    services in production, which trust no development key.
    """
    if not apart and _answers(installation):
        if not (in_the_way := _in_the_way(installation)):
            print(WARNING.format(url=installation.url("register"), var=installation.var))
            yield Stage(installation, borrowed=True)
            return
        print(f"The services that run here {in_the_way}, so the stories leave them alone.")
    with tempfile.TemporaryDirectory(prefix="tizilim-demo-") as folder:
        own = free_installation(Path(folder))
        print("The demo starts services of its own in a temporary folder, and leaves nothing behind.\n")
        with running(own, QUICK):
            yield Stage(own, borrowed=False)


def _answers(installation: Installation) -> bool:
    try:
        answer = httpx.get(f"{installation.url('notifications')}/readyz", timeout=1.0, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def _in_the_way(installation: Installation) -> str:
    """What forbids to tell stories on these services; nothing while they are fresh and in development."""
    token = development_issuer(installation.var).token(subject="demo", roles=["auditor"])
    for service in JOURNALS:
        answer = httpx.get(
            f"{installation.url(service)}/v1/journal/events",
            params={"limit": 1},
            headers={"Authorization": f"Bearer {token}"},
            timeout=5.0,
            trust_env=False,
        )
        if answer.status_code != httpx.codes.OK:
            return f"do not trust the development key of {installation.var}"
        if answer.json()["events"]:
            return "hold facts already"
    return ""


class Play:
    """The stories, in the order of their legal days; the clock only ever goes forward."""

    def __init__(self, stage: Stage, endpoint: Endpoint) -> None:
        self._stage = stage
        self._var = stage.installation.var
        self._endpoint = endpoint
        self._cast = Cast(stage.installation)
        self._subscription = ""
        self._secret = ""
        self._reached = ""

    def tell(self, names: list[str]) -> None:
        """Tell the named stories, and put away what only the telling needed. Raises `StepFailed`."""
        try:
            self._clock(FIRST_DAY)
            self._subscribe()
            for name in names:
                self._tell(name)
            self._webhooks()
        finally:
            if self._stage.borrowed:
                self._tidy()
            self._cast.leave()

    def _tidy(self) -> None:
        """End the subscription and give the clock back; say what stays, for a journal only grows."""
        clear_simulated_clock(self._var / "clock.json")
        print("\nThe legal clock is the real one again.")
        if self._subscription:
            try:
                self._cast.integrator.delete("notifications", self._subscription)
                print("The platform's subscription is ended.")
            except (StepFailed, httpx.HTTPError) as reason:
                print(f"DELETE {self._subscription}, which could not be ended: {reason}", file=sys.stderr)
        print(
            f"What was recorded stays in {self._var}, for a journal only grows: {len(self._cast.bins)}"
            " producers, their applications, entries, cases, documents and messages.\n"
            f"To begin anew, stop the services and delete {self._var}."
        )

    def _clock(self, instant: str) -> None:
        if instant <= self._reached:
            return
        self._reached = instant
        set_simulated_clock(self._var / "clock.json", datetime.fromisoformat(instant))
        print(f"  --- the legal clock stands at {instant} ---")

    def _subscribe(self) -> None:
        print("\nA procurement platform subscribes to the register's facts:")
        answer = self._cast.integrator.post("notifications", "/v1/subscriptions", {"url": self._endpoint.url})
        self._secret = answer.json()["secret"]
        self._subscription = f"/v1/subscriptions/{answer.json()['subscription_id']}"
        self._cast.until(
            lambda: self._cast.integrator.get("notifications", self._subscription)["state"] == "active",
            "the endpoint to answer its challenge",
        )
        print("  its endpoint answered the signed challenge; events follow")

    def _tell(self, name: str) -> None:
        told = json.loads((EXAMPLES / f"{name}.json").read_text())
        title = told["story"]
        print(f"\n== {name}: {title['en']}\n   {title['kk']}\n   {title['ru']}")
        story = Story(self._cast, told)
        getattr(self, f"_{name}")(story)

    def _clean(self, story: Story) -> None:
        self._included(story)
        story.show_origin("2026-03-02", equated=True)
        story.show_messages(("application_filed", "confirmation_case_opened", "included"))
        story.show_extract()
        story.ends("included")

    def _localisation_by_a_hair(self, story: Story) -> None:
        self._refused(story, "localisation_share")

    def _foreign_controlled_payees(self, story: Story) -> None:
        self._refused(story, "localisation_share", "foreign_payments")

    def _returned_for_rework(self, story: Story) -> None:
        self._confirmed(story)
        if story.return_for_rework(TEXT, rework_until="2026-03-10"):
            story.resubmit(TEXT)
        story.accept("included")
        story.show_origin("2026-03-02", equated=True)
        story.ends("included")

    def _excluded_and_reinstated(self, story: Story) -> None:
        self._included(story)
        self._clock(AFTER_THE_QUARTER)
        story.monitor("2026-Q1")
        self._excluded(story)
        story.show_origin("2026-04-02", equated=False)
        story.relist("2026-04-02")
        story.appeal(
            "Өнім сенім білдірілген тізілімге қайта енгізілді.", in_time=True, term_ends_on="2026-05-04"
        )
        story.decide_appeal({"decision": "upheld", "reasons": TEXT, "annuls_from_start": True})
        story.accept("reinstated")
        story.show_origin("2026-04-02", equated=True)
        story.ends("included")

    def _late_appeal(self, story: Story) -> None:
        self._clock(AFTER_THE_QUARTER)
        self._included(story)
        self._excluded(story)
        story.ends("excluded")
        self._clock(AFTER_THE_TERM)
        story.appeal("Шағым мерзімінен кеш берілді.", in_time=False, term_ends_on="2026-05-04")
        story.show_late_dismissal()
        story.relist("2026-05-20")
        story.reapply(TEXT)
        story.conclude("confirmation", {"result": "confirmed"})
        story.accept("included", "confirmation")
        story.ends("included")

    @staticmethod
    def _confirmed(story: Story) -> None:
        story.upload()
        story.list_as_trusted()
        story.apply()
        story.conclude("confirmation", {"result": "confirmed"})

    def _included(self, story: Story) -> None:
        self._confirmed(story)
        story.accept("included")

    @staticmethod
    def _refused(story: Story, *not_met: str) -> None:
        story.upload()
        story.list_as_trusted()
        story.apply()
        story.conclude("confirmation", {"result": "refused"})
        story.accept("inclusion_refused")
        story.show_judgement(*not_met)
        story.ends()

    @staticmethod
    def _excluded(story: Story) -> None:
        story.delist("2026-04-02", TEXT)
        story.conclude("monitoring", {"result": "exclude"}, unscheduled=True)
        story.accept("excluded")

    def _webhooks(self) -> None:
        """Every fact of the register reached the platform, signed, in the words of the journal."""
        recorded = self._recorded()
        self._cast.until(
            lambda: recorded.keys() <= self._received().keys(), "every fact to reach the platform"
        )
        received = self._received()
        for event_id, event in recorded.items():
            expect(received[event_id], event, f"the webhook of {event_id}")
        counts = Counter(event["type"] for event in received.values())
        expect(counts.pop(CHALLENGE, 0), 1, "the challenges of the endpoint")
        beyond = received.keys() - self._recorded().keys()
        expect(len(beyond), 1, "webhooks of nothing that the journal holds, the challenge among them")
        print("\nThe procurement platform received every fact of the register, each signature verified:")
        for name, count in sorted(counts.items()):
            print(f"  {count:>3}  {name}")

    def _received(self) -> dict[str, dict[str, Any]]:
        try:
            return {event["id"]: event for event in self._endpoint.verified(self._secret)}
        except VerificationError as wrong:
            raise StepFailed(f"a webhook's signature is wrong: {wrong}") from None

    def _recorded(self) -> dict[str, dict[str, Any]]:
        """The register's journal: anybody may read it, and it is the feed that webhooks repeat."""
        page = self._cast.public.get("register", "/v1/journal/events", limit=1000)["events"]
        return {item["event"]["id"]: item["event"] for item in page}
