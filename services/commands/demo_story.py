"""One producer's life in the register, each step done over HTTP, told in a line and held to its outcome."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from services.commands.demo_people import Cast, Person, StepFailed, expect


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

    def upload(self) -> None:
        """Upload the localisation report and the documents."""
        report = json.dumps(self._told["report"], ensure_ascii=False)
        given = [{"kind": "localisation_report", "media_type": "application/json", "text": report}]
        for document in given + self._told["documents"]:
            content = document["text"].encode()
            kept = self._producer.send("verification", "/v1/documents", content, document["media_type"])
            expect(kept["sha256"], hashlib.sha256(content).hexdigest(), "the digest of an upload")
            self._documents.append({"kind": document["kind"], **kept})
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
        expect(self._application["status"], "filed", "the application")
        print(f"  application No. {self._application['number']} filed")

    def reapply(self, rectified: dict[str, str]) -> None:
        """File a reapplication that names what it follows."""
        self.apply(follows=self._application["application_id"], rectified=rectified)

    def appeal(self, grounds: str, *, in_time: bool, term_ends_on: str) -> None:
        """Appeal the notification behind the exclusion; its term is law 86-VII art. 51-2(5)'s."""
        shown = self._producer.post(
            "register", f"/v1/entries/{self._entry_id}/appeals", {"grounds": grounds, "language": "kk"}
        ).json()
        newest = shown["appeals"][-1]
        expect(newest["in_time"], in_time, "whether the appeal came in time")
        expect(newest["term_ends_on"], term_ends_on, "the last day of an appeal")
        when = "in time" if newest["in_time"] else "too late"
        print(f"  appeal filed {when}: the term ends on {newest['term_ends_on']}")

    @property
    def _entry_id(self) -> str:
        product: dict[str, str] = self._application["product"]
        return product["product_id"]

    def list_as_trusted(self) -> None:
        """The product enters the register of trusted software."""
        self._list(self._told["trusted_software"])

    def relist(self, day: str) -> None:
        """The product enters it again."""
        self._list({"reference": f"{self._told['trusted_software']['reference']}-2", "listed_on": day})

    def _list(self, listing: dict[str, str]) -> None:
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
        expect(shown["result"], body["result"], f"the result of the case of {kind}")
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

    def accept(self, outcome: str, kind: str | None = None) -> None:
        """The industry authority accepts the newest notification, unless that step is automatic here."""
        found = self._notification(kind)
        if found["status"] == "received":
            path = f"/v1/notifications/{found['notification_id']}"
            etag = self._cast.industry.etag("register", path)
            found = self._cast.industry.post("register", f"{path}/acceptance", {}, if_match=etag).json()
        self._handled.add((found["notification_id"], found["revision"]))
        expect(found["outcome"], outcome, "what the notification led to")
        print(f"  the industry authority: {outcome.replace('_', ' ')}")

    def return_for_rework(self, remarks: dict[str, str], rework_until: str) -> bool:
        """Return the notification with remarks; False where review is automatic and it is settled."""
        found = self._notification()
        if found["status"] != "received":
            print("  review is automatic here, so there is nothing to return")
            return False
        path = f"/v1/notifications/{found['notification_id']}"
        etag = self._cast.industry.etag("register", path)
        body = {"remarks": remarks}
        shown = self._cast.industry.post("register", f"{path}/return", body, if_match=etag).json()
        self._handled.add((found["notification_id"], found["revision"]))
        expect(shown["returned"]["rework_term"]["due_on"], rework_until, "the last day of the rework")
        print(f"  returned; rework until {rework_until}")
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
        included = self._cast.public.get("register", "/v1/entries", status="included", limit=500)["items"]
        self._cast.informatization.post("verification", "/v1/monitoring-rounds", {"quarter": quarter})

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
        expect(shown["conforming"], len(included), f"how many entries conform in {quarter}")
        print(f"  monitoring of {quarter}: {shown['conforming']} entries conform")

    def show_origin(self, day: str, *, equated: bool) -> None:
        """Answer the question the register exists for."""
        product = self._told["product"]["name"]["ru"]
        shown = self._cast.public.get("register", "/v1/origin-checks", bin=self.bin, product=product, on=day)
        here, trusted = shown["in_register"]["holds"], shown["in_trusted_register"]["holds"]
        expect((shown["equated"], here, trusted), (equated, equated, equated), f"the origin on {day}")
        print(
            f"  of Kazakhstani origin on {day}? {_yes(equated)}"
            f" (in the register: {_yes(here)}, in the trusted register: {_yes(trusted)})"
        )

    def show_extract(self) -> None:
        """Take the producer's extract, and ask what anybody is told who is shown it."""
        extract = self._producer.post("register", "/v1/extracts", {"producer": self.bin}).json()
        pdf = self._producer.take("register", f"/v1/extracts/{extract['extract_id']}?format=pdf")
        shown = self._cast.public.send("register", "/v1/extracts/verification", pdf, "application/pdf")
        expect(shown["outcome"], "genuine", "what the holder of the extract is told")
        print(
            f"  extract No. {extract['number']}, {len(pdf) // 1024} KiB of PDF/A under a seal;"
            f" everybody who holds it is told: {shown['outcome']}"
        )
        print(f"  its QR code opens {extract['content']['verification_url']}")

    def show_judgement(self, *not_met: str) -> None:
        """Show which criteria were not met."""
        page = self._cast.informatization.get("verification", "/v1/cases", bin=self.bin, order="opening")
        path = f"/v1/cases/{page['items'][-1]['case_id']}"
        judged = self._cast.informatization.get("verification", path)["judgement"]["criteria"]
        failed = [outcome for outcome in judged if not outcome["passed"]]
        expect([outcome["criterion"] for outcome in failed], list(not_met), "the criteria not met")
        for outcome in failed:
            print(f"  not met: {outcome['criterion']}. {outcome['reason']['en']}")

    def show_late_dismissal(self) -> None:
        """Show that the late appeal was recorded and dismissed as late."""
        shown = self._cast.until(
            lambda: next((one for one in self._entry()["appeals"] if one["outcome"] != "pending"), None),
            "the late appeal to be dismissed",
        )
        expect(shown["outcome"], "dismissed", "the outcome of the late appeal")
        ended = shown["term_ends_on"]
        print(f"  the appeal of {shown['filed_on']} is {shown['outcome']}: its term ended on {ended}")

    def _entry(self) -> dict[str, Any]:
        found: dict[str, Any] = self._cast.public.get("register", f"/v1/entries/{self._entry_id}")
        return found

    def show_messages(self, expected: Collection[str]) -> None:
        """Show what the producer finds in its account, `expected` templates among it."""
        path = f"/v1/accounts/{self.bin}/messages"

        def look() -> list[dict[str, Any]] | None:
            page: list[dict[str, Any]] = self._producer.get("notifications", path)["items"]
            return page if {one["template"] for one in page}.issuperset(expected) else None

        found = self._cast.until(look, f"the messages {', '.join(expected)}")
        print("  in the producer's account, newest first:")
        for message in found:
            print(f"    {message['texts']['kk']['subject']}  |  {message['texts']['ru']['subject']}")

    def ends(self, *statuses: str) -> None:
        """The public list shows the producer's entries in these states, and no others."""
        shown = self._cast.public.get("register", "/v1/entries", bin=self.bin)["items"]
        expect([entry["status"] for entry in shown], list(statuses), "the producer's entries in the end")
        print(f"  in the public list: {', '.join(statuses) or 'nothing'}")


def _yes(holds: bool) -> str:
    """In words."""
    return "yes" if holds else "no"
