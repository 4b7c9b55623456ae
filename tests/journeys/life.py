"""A producer's life as its people live it, step by step over HTTP; the inputs are the examples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.world import Person, World

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
REASONS = {"kk": "Құжаттар қайта қаралды.", "ru": "Материалы рассмотрены повторно."}


def stories() -> dict[str, dict[str, Any]]:
    """Every example by its name."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(EXAMPLES.glob("*.json"))}


class Life:
    """One producer and its product, and the officers it meets."""

    def __init__(self, world: World, story: dict[str, Any]) -> None:
        self.world = world
        self.story = story
        self.bin: str = story["producer"]["bin"]
        self.producer = world.as_role("producer", subject=f"producer-{self.bin}", producer=self.bin)
        self.industry = world.as_role("industry_officer", subject="aigerim")
        self.informatization = world.as_role("informatization_officer", subject="daniyar")
        self.other_officer = world.as_role("informatization_officer", subject="saule")
        self.documents: list[dict[str, Any]] = []

    # --- the producer's steps ------------------------------------------------------------------------

    def upload_and_list(self, as_csv: Callable[[dict[str, Any]], bytes] | None = None) -> None:
        """Upload the evidence; the informatization officer lists the product as trusted software."""
        report = self.story["report"]
        if as_csv is not None:
            self._upload("localisation_report", "text/csv", as_csv(report))
        else:
            content = json.dumps(report, ensure_ascii=False).encode()
            self._upload("localisation_report", "application/json", content)
        for document in self.story["documents"]:
            self._upload(document["kind"], document["media_type"], document["text"].encode())
        trusted = self.story["trusted_software"]
        if trusted:
            self.informatization.done(
                "verification",
                "/v1/trusted-software",
                {**trusted, "product_name": self.story["product"]["name"], "holder": self.bin},
            )

    def _upload(self, kind: str, media_type: str, content: bytes) -> None:
        answer = self.producer.request(
            "POST", "verification", "/v1/documents", content=content, headers={"Content-Type": media_type}
        )
        assert answer.status_code == 201, answer.text
        kept = answer.json()
        assert kept["sha256"] == hashlib.sha256(content).hexdigest()
        self.documents.append({"kind": kind, **kept})

    def application_body(self, **changes: Any) -> dict[str, Any]:
        """The body of an application."""
        producer = self.story["producer"]
        return {
            "producer": {name: producer[name] for name in ("bin", "name", "registration_number")},
            "contacts": {name: self.story["contacts"][name] for name in ("address", "email", "telephone")},
            "activity": {name: producer[name] for name in ("oked_primary", "oked_secondary", "kato")},
            "product": self.story["product"],
            "reporting_year": self.story["report"]["reporting_year"],
            "documents": self.documents,
            "language": self.story["contacts"]["language"],
            "consent_to_data_processing": True,
            **changes,
        }

    def apply(self, **changes: Any) -> Any:
        """File the application, or a reapplication."""
        return self.producer.done("register", "/v1/applications", self.application_body(**changes))

    # --- waiting for what follows --------------------------------------------------------------------

    def application(self, application_id: str, status: str) -> Any:
        """The application once it has a status."""
        return self.world.eventually(
            lambda: self._when(self.producer, f"/v1/applications/{application_id}", status),
            f"application {status}",
        )

    def included_entry(self, application_id: str) -> Any:
        """The entry that an application led to."""
        application = self.application(application_id, "included")
        return self.entry(application["product"]["product_id"], "included")

    def entry(self, entry_id: str, status: str) -> Any:
        """The entry once it has a status."""
        return self.world.eventually(
            lambda: self._when(self.world.public(), f"/v1/entries/{entry_id}", status), f"entry {status}"
        )

    def _when(self, who: Person, path: str, status: str) -> Any:
        answer = who.request("GET", "register", path)
        if answer.status_code != 200 or answer.json()["status"] != status:
            return None
        return answer.json()

    def notification(self, **wanted: str | int) -> Any:
        """The newest notification about this product with these values."""

        def look() -> Any:
            found = self.industry.get("register", "/v1/notifications", limit=500)["items"]
            fitting = [
                one
                for one in found
                if one["producer"]["bin"] == self.bin and all(one.get(k) == v for k, v in wanted.items())
            ]
            return fitting[-1] if fitting else None

        return self.world.eventually(look, f"notification {wanted}")

    def case(self, **wanted: str) -> Any:
        """The newest case on this product with these values."""

        def look() -> Any:
            found = self.informatization.get(
                "verification", "/v1/cases", bin=self.bin, order="opening", limit=500
            )["items"]
            fitting = [one for one in found if all(one.get(k) == v for k, v in wanted.items())]
            return fitting[-1] if fitting else None

        return self.world.eventually(look, f"case {wanted}")

    def message(self, template: str) -> Any:
        """A message of a template in the producer's account."""

        def look() -> Any:
            page = self.producer.get("notifications", f"/v1/accounts/{self.bin}/messages", limit=500)
            return next((one for one in page["items"] if one["template"] == template), None)

        return self.world.eventually(look, f"message {template}")

    def origin(self, on: str) -> Any:
        """The answer to the question the register exists for."""
        product = self.story["product"]["name"]["ru"]
        return self.world.public().get("register", "/v1/origin-checks", bin=self.bin, product=product, on=on)

    # --- the officers' steps -------------------------------------------------------------------------

    def conclude(
        self, case: dict[str, Any], body: dict[str, Any], *, by: Person | None = None
    ) -> httpx.Response:
        """An officer concludes a case."""
        officer = by or self.informatization
        path = f"/v1/cases/{case['case_id']}"
        version = officer.get("verification", path)["version"]
        return officer.post("verification", f"{path}/conclusion", body, if_match=f'"{version}"')

    def accept(self, notification: dict[str, Any]) -> httpx.Response:
        """The industry authority accepts a notification."""
        path = f"/v1/notifications/{notification['notification_id']}"
        etag = self.industry.request("GET", "register", path).headers["etag"]
        return self.industry.post("register", f"{path}/acceptance", {}, if_match=etag)


def included(world: World, story: str, **changes: Any) -> tuple[Life, Any]:
    """A producer of an example whose product is in the register."""
    life = Life(world, {**stories()[story], **changes})
    life.upload_and_list()
    application = life.apply()
    return life, life.included_entry(application["application_id"])


def again(story: str, number: str, bin_: str) -> dict[str, Any]:
    """An example's story for another producer and listing."""
    told = stories()[story]
    return {
        "producer": {**told["producer"], "bin": bin_},
        "trusted_software": {**told["trusted_software"], "reference": number},
    }


def confirmed(world: World, story: str, **changes: Any) -> tuple[Life, Any]:
    """A producer whose confirmation an officer concluded; the inclusion notification waits for review."""
    life = Life(world, {**stories()[story], **changes})
    life.upload_and_list()
    life.apply()
    assert life.conclude(life.case(kind="confirmation"), {"result": "confirmed"}).status_code == 201
    return life, life.notification(status="received")
