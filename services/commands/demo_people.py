"""The people of the demo and what each of them does over HTTP, told as it happens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import httpx

from services.commands.registry import Installation
from services.kernel.identity.tokens import TokenIssuer, development_issuer

PATIENCE_SECONDS: Final = 30.0
PDF: Final = {"Content-Type": "application/pdf"}
OK: Final = frozenset({200, 201})


class StepFailed(RuntimeError):
    """A step of the story did not go as told."""


class Person:
    """Someone with a role, who calls the services over HTTP."""

    def __init__(
        self,
        stage: Installation,
        issuer: TokenIssuer,
        role: str | None,
        subject: str,
        producer: str | None = None,
    ) -> None:
        self._stage = stage
        self.bins: set[str] = set()
        """Of the producers whose stories were begun: officers conclude what concerns these alone."""
        self._issuer = issuer
        self._role = role
        self._subject = subject
        self._producer = producer
        self._http = httpx.Client(trust_env=False, timeout=30)

    def request(self, method: str, service: str, path: str, **given: Any) -> httpx.Response:
        """Any request, with a fresh token."""
        headers = dict(given.pop("headers", {}))
        if self._role is not None:
            token = self._issuer.token(subject=self._subject, roles=[self._role], producer=self._producer)
            headers["Authorization"] = f"Bearer {token}"
        return self._http.request(method, self._stage.url(service) + path, headers=headers, **given)

    def get(self, service: str, path: str, **parameters: Any) -> Any:
        """A read. Raises `StepFailed`."""
        answer = self.request("GET", service, path, params=parameters)
        if answer.status_code not in OK:
            raise StepFailed(f"GET {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def post(
        self, service: str, path: str, body: Mapping[str, Any], *, if_match: str | None = None
    ) -> httpx.Response:
        """A command with a key of its own. Raises `StepFailed`."""
        headers = {"Idempotency-Key": uuid4().hex}
        if if_match is not None:
            headers["If-Match"] = if_match
        answer = self.request("POST", service, path, json=body, headers=headers)
        if answer.status_code not in OK:
            raise StepFailed(f"POST {path}: {answer.status_code} {answer.text}")
        print(f"  POST {service}{path}  -> {answer.status_code}")
        return answer


class Cast:
    """Everyone who appears in more than one story."""

    def __init__(self, stage: Installation) -> None:
        self._stage = stage
        self.bins: set[str] = set()
        """Of the producers whose stories were begun: officers conclude what concerns these alone."""
        self._issuer = development_issuer(stage.var)
        self.integrator = self.person("integrator", "procurement-platform")
        self.industry = self.person("industry_officer", "industry-officer-aigerim")
        self.informatization = self.person("informatization_officer", "informatization-officer-daniyar")
        self.appeals = self.person("informatization_officer", "informatization-officer-saule")
        self.public = self.person(None, "public")

    def person(self, role: str | None, subject: str, producer: str | None = None) -> Person:
        """Someone with a role."""
        return Person(self._stage, self._issuer, role, subject, producer)

    @staticmethod
    def until(look: Callable[[], Any], what: str) -> Any:
        """Look again until something is found. Raises `StepFailed`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            if time.monotonic() > deadline:
                raise StepFailed(f"waited {PATIENCE_SECONDS:.0f} s for {what}")
            time.sleep(0.05)
        return found


class Story:
    """One producer's life, each step told in a line."""

    def __init__(self, cast: Cast, told: dict[str, Any]) -> None:
        self._cast = cast
        self._told = told
        self.bin: str = told["producer"]["bin"]
        cast.bins.add(self.bin)
        self._producer = cast.person("producer", f"producer-{self.bin}", self.bin)
        self._documents: list[dict[str, Any]] = []
        self._application: dict[str, Any] = {}
        self._handled: set[tuple[str, int]] = set()
        self._cases: set[str] = set()

    # --- the producer --------------------------------------------------------------------------------

    def upload(self) -> None:
        """Upload the localisation report and the documents."""
        report = json.dumps(self._told["report"], ensure_ascii=False)
        given = [{"kind": "localisation_report", "media_type": "application/json", "text": report}]
        for document in given + self._told["documents"]:
            answer = self._producer.request(
                "POST",
                "verification",
                "/v1/documents",
                content=document["text"].encode(),
                headers={"Content-Type": document["media_type"]},
            )
            if answer.status_code != 201:
                raise StepFailed(f"upload: {answer.status_code} {answer.text}")
            self._documents.append({"kind": document["kind"], **answer.json()})
        print(f"  {len(self._documents)} documents uploaded; from here on only their digests are named")

    def apply(self, **changes: Any) -> None:
        """File the application."""
        producer, contacts = self._told["producer"], self._told["contacts"]
        body = {
            "producer": {name: producer[name] for name in ("bin", "name", "registration_number")},
            "contacts": {name: contacts[name] for name in ("address", "email", "telephone")},
            "activity": {name: producer[name] for name in ("oked_primary", "oked_secondary", "kato")},
            "product": self._told["product"],
            "reporting_year": self._told["report"]["reporting_year"],
            "documents": self._documents,
            "language": contacts["language"],
            "consent_to_data_processing": True,
            **changes,
        }
        self._application = self._producer.post("register", "/v1/applications", body).json()
        print(f"  application No. {self._application['number']} filed")

    def reapply(self, rectified: dict[str, str]) -> None:
        """File a reapplication that names what it follows."""
        self.apply(follows=self._application["application_id"], rectified=rectified)

    def appeal(self, grounds: str) -> None:
        """Appeal the notification behind the exclusion."""
        shown = self._producer.post(
            "register", f"/v1/entries/{self._entry_id}/appeals", {"grounds": grounds, "language": "kk"}
        ).json()
        newest = shown["appeals"][-1]
        when = "in time" if newest["in_time"] else "too late"
        print(f"  appeal filed {when}: the term ends on {newest['term_ends_on']}")

    @property
    def _entry_id(self) -> str:
        product: dict[str, str] = self._application["product"]
        return product["product_id"]

    # --- the officers --------------------------------------------------------------------------------

    def list_as_trusted(self) -> None:
        """The product enters the register of trusted software."""
        self._list(self._told["trusted_software"])

    def relist(self, day: str) -> None:
        """The product enters it again."""
        self._list({"reference": f"{self._told['trusted_software']['reference']}-2", "listed_on": day})

    def _list(self, listing: dict[str, str]) -> None:
        known = self._listing()
        if known is None:
            body = {**listing, "product_name": self._told["product"]["name"], "holder": self.bin}
            self._cast.informatization.post("verification", "/v1/trusted-software", body)

    def _listing(self) -> dict[str, Any] | None:
        found = self._cast.public.get("verification", "/v1/trusted-software", bin=self.bin)["items"]
        return next((one for one in found if "delisted_on" not in one), None)

    def delist(self, day: str, ground: dict[str, str]) -> None:
        """The product leaves the trusted register: this only opens a monitoring case."""
        listing = self._listing()
        if listing is None:
            raise StepFailed("the product is not listed")
        path = f"/v1/trusted-software/{listing['listing_id']}/delisting"
        body = {"delisted_on": day, "ground": ground}
        self._cast.informatization.post("verification", path, body, if_match=f'"{listing["version"]}"')

    def conclude(self, kind: str, body: dict[str, Any], *, unscheduled: bool = False) -> None:
        """An officer concludes the case, unless that step is automatic here."""
        case = self._case(kind, unscheduled=unscheduled)
        if case["status"] == "open":
            self._decide(case, body, self._cast.informatization)
        shown = self._cast.informatization.get("verification", f"/v1/cases/{case['case_id']}")
        print(f"  case of {kind}: {shown['result']}. {shown['reasons'].get('en') or shown['reasons']['ru']}")

    def decide_appeal(self, body: dict[str, Any]) -> None:
        """Another officer decides the appeal than the one who concluded the case."""
        case = self._case("appeal")
        self._decide(case, body, self._cast.appeals)
        print(f"  appeal {body['decision']} by an officer who did not conclude the case")

    def _case(self, kind: str, *, unscheduled: bool = False) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            page = self._cast.informatization.get(
                "verification", "/v1/cases", bin=self.bin, order="opening", limit=500
            )
            fitting = [
                one
                for one in page["items"]
                if one["kind"] == kind
                and one["case_id"] not in self._cases
                and not (unscheduled and one.get("quarter"))
            ]
            return fitting[-1] if fitting else None

        found: dict[str, Any] = self._cast.until(look, f"the {kind} case")
        self._cases.add(found["case_id"])
        return found

    def _decide(self, case: dict[str, Any], body: dict[str, Any], officer: Person) -> None:
        path = f"/v1/cases/{case['case_id']}"
        version = officer.get("verification", path)["version"]
        officer.post("verification", f"{path}/conclusion", body, if_match=f'"{version}"')

    def accept(self, kind: str | None = None) -> None:
        """The industry authority accepts the newest notification, unless that step is automatic here."""
        found = self._notification(kind)
        if found["status"] == "received":
            path = f"/v1/notifications/{found['notification_id']}"
            etag = self._cast.industry.request("GET", "register", path).headers["etag"]
            found = self._cast.industry.post("register", f"{path}/acceptance", {}, if_match=etag).json()
        self._handled.add((found["notification_id"], found["revision"]))
        print(f"  the industry authority: {found['outcome'].replace('_', ' ')}")

    def return_for_rework(self, remarks: dict[str, str]) -> bool:
        """Return the notification with remarks; False where review is automatic and it is settled."""
        found = self._notification()
        if found["status"] != "received":
            print("  review is automatic here, so there is nothing to return")
            return False
        path = f"/v1/notifications/{found['notification_id']}"
        etag = self._cast.industry.request("GET", "register", path).headers["etag"]
        body = {"remarks": remarks}
        shown = self._cast.industry.post("register", f"{path}/return", body, if_match=etag).json()
        self._handled.add((found["notification_id"], found["revision"]))
        print(f"  returned; rework until {shown['returned']['rework_term']['due_on']}")
        return True

    def resubmit(self, answer: dict[str, str]) -> None:
        """The informatization authority answers the remarks and sends the notification again."""
        found = self._cast.until(
            lambda: next(
                iter(
                    self._cast.informatization.get("verification", "/v1/cases", bin=self.bin, state="rework")[
                        "items"
                    ]
                ),
                None,
            ),
            "the case in rework",
        )
        path = f"/v1/notifications/{found['notification_id']}/resubmission"
        body = {"answer_to_remarks": answer}
        self._cast.informatization.post("verification", path, body, if_match=f'"{found["version"]}"')

    def _notification(self, kind: str | None = None) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            page = self._cast.industry.get("register", "/v1/notifications", limit=500)
            fitting = [
                one
                for one in page["items"]
                if one["producer"].get("bin") == self.bin
                and kind in {None, one["kind"]}
                and (one["notification_id"], one["revision"]) not in self._handled
                and one["kind"] + one["result"] != "monitoringconforms"
            ]
            return fitting[-1] if fitting else None

        found: dict[str, Any] = self._cast.until(look, "the notification to be received")
        return found

    def monitor(self, quarter: str) -> None:
        """The quarter's round: a case for every included entry; officers conclude those still open."""
        body = {"quarter": quarter}
        self._cast.informatization.request("POST", "verification", "/v1/monitoring-rounds", json=body)

        def look() -> bool:
            officer = self._cast.informatization
            page = officer.get("verification", "/v1/cases", kind="monitoring", state="open", limit=500)
            for case in page["items"]:
                if case.get("bin") in self._cast.bins:
                    self._decide(case, {"result": "conforms"}, officer)
            shown = officer.get("verification", f"/v1/monitoring-rounds/{quarter}")
            return bool(shown["status"] == "closed")

        self._cast.until(look, "the round to close")
        shown = self._cast.informatization.get("verification", f"/v1/monitoring-rounds/{quarter}")
        print(f"  monitoring of {quarter}: {shown['conforming']} entries conform")

    # --- what everyone sees --------------------------------------------------------------------------

    def show_origin(self, day: str) -> None:
        """Answer the question the register exists for."""
        product = self._told["product"]["name"]["ru"]
        shown = self._cast.public.get("register", "/v1/origin-checks", bin=self.bin, product=product, on=day)
        print(
            f"  of Kazakhstani origin on {day}? {_yes(shown['equated'])}"
            f" (in the register: {_yes(shown['in_register']['holds'])},"
            f" in the trusted register: {_yes(shown['in_trusted_register']['holds'])})"
        )

    def show_extract(self) -> None:
        """Take the producer's extract, and ask what anybody is told who is shown it."""
        extract = self._producer.post("register", "/v1/extracts", {"producer": self.bin}).json()
        pdf = self._producer.request("GET", "register", f"/v1/extracts/{extract['extract_id']}?format=pdf")
        shown = self._cast.public.request(
            "POST", "register", "/v1/extracts/verification", content=pdf.content, headers=PDF
        ).json()
        print(
            f"  extract No. {extract['number']}, {len(pdf.content) // 1024} KiB of PDF/A under a seal;"
            f" everybody who holds it is told: {shown['outcome']}"
        )
        print(f"  its QR code opens {extract['content']['verification_url']}")

    def show_judgement(self) -> None:
        """Show which criteria were not met."""
        page = self._cast.informatization.get("verification", "/v1/cases", bin=self.bin, order="opening")
        path = f"/v1/cases/{page['items'][-1]['case_id']}"
        for outcome in self._cast.informatization.get("verification", path)["judgement"]["criteria"]:
            if not outcome["passed"]:
                print(f"  not met: {outcome['criterion']}. {outcome['reason']['en']}")

    def show_late_dismissal(self) -> None:
        """Show that the late appeal was recorded and dismissed as late."""
        shown = self._cast.until(
            lambda: next((one for one in self._entry()["appeals"] if one["outcome"] != "pending"), None),
            "the late appeal to be dismissed",
        )
        ended = shown["term_ends_on"]
        print(f"  the appeal of {shown['filed_on']} is {shown['outcome']}: its term ended on {ended}")

    def _entry(self) -> dict[str, Any]:
        found: dict[str, Any] = self._cast.public.get("register", f"/v1/entries/{self._entry_id}")
        return found

    def show_messages(self) -> None:
        """Show what the producer finds in its account."""
        path = f"/v1/accounts/{self.bin}/messages"
        self._cast.until(
            lambda: any(
                one["template"] == "included" for one in self._producer.get("notifications", path)["items"]
            ),
            "the message of the inclusion",
        )
        print("  in the producer's account, newest first:")
        for message in self._producer.get("notifications", path)["items"]:
            print(f"    {message['texts']['kk']['subject']}  |  {message['texts']['ru']['subject']}")


def _yes(holds: bool) -> str:
    """In words."""
    return "yes" if holds else "no"
