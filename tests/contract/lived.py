"""An installation whose producers have lived: what it holds, under the names that paths give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.commands.demo_receiver import listening
from tests.journeys.life import REASONS, Life, confirmed, stories
from tests.journeys.world import Person, World

TODAY = {"delisted_on": "2026-03-02", "ground": REASONS}


@dataclass(frozen=True)
class Lived:
    """Three producers: one whose application waits, one in the register, one that appeals its exclusion."""

    world: World
    pending: Life
    included: Life
    excluded: Life
    known: Mapping[str, list[str]]
    """Values of path parameters that exist, by the parameter's name; the first is of `pending`'s."""

    @property
    def producers(self) -> list[str]:
        """Their BINs."""
        return self.known["bin"]

    def one(self, parameter: str, place: int = 0) -> str:
        """One of the values that exist."""
        return self.known[parameter][place]


def lived_in(world: World) -> Lived:
    """Live these lives; every step is an officer's."""
    with listening() as endpoint:
        integrator = world.as_role("integrator")
        subscription = integrator.done("notifications", "/v1/subscriptions", {"url": endpoint.url})
        path = f"/v1/subscriptions/{subscription['subscription_id']}"
        world.eventually(lambda: integrator.get("notifications", path)["state"] == "active" or None, "active")
        pending = Life(world, stories()["clean"])
        pending.upload_and_list()
        application = pending.apply()["application_id"]
        included, entry = _include(world, "returned_for_rework")
        excluded, gone = _include(world, "excluded_and_reinstated")
        _exclude(excluded, gone)
        known = _shown(pending, application) | _kept(included, entry)
        known |= _delivered(world, integrator, path)
    cases = [_case(pending, "confirmation"), _case(excluded, "monitoring"), _case(excluded, "appeal")]
    notifications = [_notification(excluded, "monitoring"), _notification(included, "confirmation")]
    known |= {
        "entry_id": [entry, gone],
        "case_id": cases,
        "notification_id": notifications,
        "bin": [pending.bin, included.bin, excluded.bin],
        "subscription_id": [subscription["subscription_id"]],
        "position": ["1", "2"],
        "quarter": ["2026-Q1"],
        "code": ["bin_check_digit"],
    }
    return Lived(world, pending, included, excluded, known)


def _include(world: World, story: str) -> tuple[Life, str]:
    life, notification = confirmed(world, story)
    assert life.accept(notification).status_code == 201
    return life, str(life.entry(notification["product_id"], "included")["entry_id"])


def _exclude(life: Life, entry: str) -> None:
    """Delisted, judged and excluded (art. 51-2(4)); the producer appeals (art. 51-2(5))."""
    listed = life.world.public().get("verification", "/v1/trusted-software", bin=life.bin)["items"][0]
    path = f"/v1/trusted-software/{listed['listing_id']}/delisting"
    life.informatization.done("verification", path, TODAY, if_match='"1"')
    case = life.case(kind="monitoring", status="open")
    assert life.conclude(case, {"result": "exclude"}).status_code == 201
    assert life.accept(life.notification(kind="monitoring", status="received")).status_code == 201
    life.entry(entry, "excluded")
    appeal = {"grounds": "Қате", "language": "kk"}
    life.producer.done("register", f"/v1/entries/{entry}/appeals", appeal)


def _case(life: Life, kind: str) -> str:
    return str(life.case(kind=kind)["case_id"])


def _notification(life: Life, kind: str) -> str:
    return str(life.notification(kind=kind)["notification_id"])


def _shown(life: Life, application: str) -> dict[str, list[str]]:
    """What a producer whose application waits has in the three services."""
    auditor = life.world.as_role("auditor")
    listing = life.world.public().get("verification", "/v1/trusted-software", bin=life.bin)["items"][0]
    rules = auditor.get("verification", "/v1/rule-sets/software-confirmation-2026")["content"]
    period = {"period_from": "2026-01-01", "period_to": "2026-01-31"}
    simulation = auditor.done("verification", "/v1/simulations", {"draft": rules, **period})
    shown = life.industry.get("register", f"/v1/applications/{application}")
    return {
        "application_id": [application],
        "listing_id": [listing["listing_id"]],
        "message_id": [life.message("application_filed")["message_id"]],
        "producer_id": [shown["producer"]["producer_id"]],
        "sha256": [document["sha256"] for document in life.documents],
        "rule_set_id": ["software-confirmation-2026"],
        "simulation_id": [simulation["simulation_id"]],
    }


def _kept(life: Life, entry: str) -> dict[str, list[str]]:
    """What stands about a producer in the register: a correction proposed and an extract issued."""
    history = life.industry.get("register", f"/v1/entries/{entry}/history")["items"]
    proposal = {
        "event_id": history[0]["event_id"],
        "kind": "annulment",
        "reasons": REASONS,
        "legal_basis": "order-327 para. 9",
    }
    etag = life.world.public().request("GET", "register", f"/v1/entries/{entry}").headers["ETag"]
    path = f"/v1/entries/{entry}/corrections"
    correction = life.industry.done("register", path, proposal, if_match=etag)
    extract = life.producer.done("register", "/v1/extracts", {"producer": life.bin})
    return {"correction_id": [correction["correction_id"]], "extract_id": [extract["extract_id"]]}


def _delivered(world: World, owner: Person, path: str) -> dict[str, list[str]]:
    """Deliveries that arrived, and a job that sends some again."""

    def some() -> list[dict[str, Any]] | None:
        found = owner.get("notifications", f"{path}/deliveries")["items"]
        return [one for one in found if one["state"] == "delivered"] or None

    deliveries = world.eventually(some, "a delivery")
    job = owner.done("notifications", f"{path}/replay", {"from_position": 1})
    return {
        "delivery_id": [one["delivery_id"] for one in deliveries[:3]],
        "job_id": [job["job_id"]],
    }
