"""`tizilim demo`: producers' lives in the register, told step by step with real HTTP and real webhooks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx

from services.commands.demo_people import Cast, StepFailed, Story
from services.commands.demo_receiver import Endpoint, listening
from services.commands.registry import Installation
from services.commands.up import CannotStart, free_installation, running
from services.kernel.clock import clear_simulated_clock, set_simulated_clock
from services.kernel.identity.tokens import development_issuer

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
TEXT: Final = {
    "kk": "Іс материалдары бойынша.",
    "ru": "По материалам дела.",
    "en": "On the materials of the case.",
}


def run(installation: Installation, only: str | None) -> int:
    """Tell the stories against running services, or against some of its own; returns the exit code."""
    if only is not None and only not in ORDER:
        raise ValueError(f"no such story; one of {', '.join(ORDER)}")
    try:
        with _stage(installation) as stage, listening() as endpoint:
            Play(stage, endpoint).tell([only] if only else list(ORDER))
    except (CannotStart, StepFailed, httpx.HTTPError) as reason:
        print(f"\nthe story ends here: {reason}")
        return 1
    return 0


@contextmanager
def _stage(installation: Installation) -> Iterator[Installation]:
    """The running services of this installation while nothing is recorded there, else some of the demo's own.

    The stories move the legal clock and conclude what waits, so they stay away from anyone's data.
    """
    if _answers(installation):
        if _is_fresh(installation):
            print(f"Using the services that run at {installation.url('register')} and after.\n")
            yield installation
            return
        print("The services that run here hold facts already, which the stories leave alone.")
    with tempfile.TemporaryDirectory(prefix="tizilim-demo-") as folder:
        own = free_installation(Path(folder))
        print("The demo starts services of its own in a temporary folder.\n")
        with running(own, QUICK):
            yield own


def _answers(installation: Installation) -> bool:
    try:
        answer = httpx.get(f"{installation.url('notifications')}/readyz", timeout=1.0, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def _is_fresh(installation: Installation) -> bool:
    """True while both journals are empty; False, too, when they do not trust this data folder's tokens."""
    token = development_issuer(installation.var).token(subject="demo", roles=["auditor"])
    for service in ("register", "verification"):
        answer = httpx.get(
            f"{installation.url(service)}/v1/journal/events",
            params={"limit": 1},
            headers={"Authorization": f"Bearer {token}"},
            timeout=5.0,
            trust_env=False,
        )
        if answer.status_code != httpx.codes.OK or answer.json()["events"]:
            return False
    return True


class Play:
    """The stories, in the order of their legal days; the clock only ever goes forward."""

    def __init__(self, stage: Installation, endpoint: Endpoint) -> None:
        self._stage = stage
        self._endpoint = endpoint
        self._cast = Cast(stage)
        self._secret = ""

    def tell(self, names: list[str]) -> None:
        """Tell the named stories."""
        self._clock(FIRST_DAY)
        try:
            self._subscribe()
            for name in names:
                self._tell(name)
            self._webhooks()
        finally:
            clear_simulated_clock(self._stage.var / "clock.json")

    def _clock(self, instant: str) -> None:
        set_simulated_clock(self._stage.var / "clock.json", datetime.fromisoformat(instant))
        print(f"  --- the legal clock stands at {instant} ---")

    def _subscribe(self) -> None:
        print("\nA procurement platform subscribes to the register's facts:")
        answer = self._cast.integrator.post("notifications", "/v1/subscriptions", {"url": self._endpoint.url})
        self._secret = answer.json()["secret"]
        path = f"/v1/subscriptions/{answer.json()['subscription_id']}"
        self._cast.until(
            lambda: self._cast.integrator.get("notifications", path)["state"] == "active",
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
        story.upload()
        story.list_as_trusted()
        story.apply()
        story.conclude("confirmation", {"result": "confirmed"})
        story.accept()
        story.show_origin("2026-03-02")
        story.show_messages()
        story.show_extract()

    def _localisation_by_a_hair(self, story: Story) -> None:
        story.upload()
        story.list_as_trusted()
        story.apply()
        story.conclude("confirmation", {"result": "refused"})
        story.accept()
        story.show_judgement()

    def _foreign_controlled_payees(self, story: Story) -> None:
        self._localisation_by_a_hair(story)

    def _returned_for_rework(self, story: Story) -> None:
        story.upload()
        story.list_as_trusted()
        story.apply()
        story.conclude("confirmation", {"result": "confirmed"})
        if story.return_for_rework(TEXT):
            story.resubmit(TEXT)
        story.accept()
        story.show_origin("2026-03-02")

    def _excluded_and_reinstated(self, story: Story) -> None:
        self._included(story)
        self._clock(AFTER_THE_QUARTER)
        story.monitor("2026-Q1")
        story.delist("2026-04-02", TEXT)
        story.conclude("monitoring", {"result": "exclude"}, unscheduled=True)
        story.accept()
        story.show_origin("2026-04-02")
        story.relist("2026-04-02")
        story.appeal("Өнім сенім білдірілген тізілімге қайта енгізілді.")
        story.decide_appeal({"decision": "upheld", "reasons": TEXT, "annuls_from_start": True})
        story.accept()
        story.show_origin("2026-04-02")

    def _late_appeal(self, story: Story) -> None:
        self._included(story)
        story.delist("2026-04-02", TEXT)
        story.conclude("monitoring", {"result": "exclude"}, unscheduled=True)
        story.accept()
        self._clock(AFTER_THE_TERM)
        story.appeal("Шағым мерзімінен кеш берілді.")
        story.show_late_dismissal()
        story.relist("2026-05-20")
        story.reapply(TEXT)
        story.conclude("confirmation", {"result": "confirmed"})
        story.accept("confirmation")

    @staticmethod
    def _included(story: Story) -> None:
        story.upload()
        story.list_as_trusted()
        story.apply()
        story.conclude("confirmation", {"result": "confirmed"})
        story.accept()

    def _webhooks(self) -> None:
        counts: dict[str, int] = {}
        self._cast.until(self._endpoint.quiet, "the last webhooks")
        for event in self._endpoint.verified(self._secret):
            counts[event["type"]] = counts.get(event["type"], 0) + 1
        print("\nThe procurement platform received, every signature verified:")
        for name, count in sorted(counts.items()):
            print(f"  {count:>3}  {name}")
