"""Who holds an extract learns whether it is genuine, altered or no longer true; any bytes get an answer."""

from __future__ import annotations

import io
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pypdf
import pytest
import sqlalchemy as sa
from pyhanko.pdf_utils import generic
from pyhanko.sign import signers

from services.kernel.clock import set_simulated_clock
from services.kernel.contract import OfficialText
from services.kernel.journal.events import new_stream_id
from services.proof.checkpoints import Trust
from services.proof.extracts import verify_extract
from services.proof.notes import VerifierKey
from services.proof.refusals import ContentAltered
from services.register.adapters.given_pdf import judged
from services.register.adapters.incremental import update_of
from services.register.adapters.seals import Seal, open_seal_key, self_signed
from services.register.adapters.typesetting import Typesetter
from services.register.api import extract_verification
from services.register.api.extract_verification import MAX_GIVEN_BYTES
from services.register.api.extracts import VERIFIED_AT_ONCE, ExtractOffice
from services.register.api.judging import Judge, Verdict
from services.register.domain.entry import Entry
from services.register.domain.extract import ExtractContent, ExtractFile
from services.register.domain.updating import Given
from services.register.schema import VAULT
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from tests.register.api.conftest import Api, serve
from tests.register.given import BIN, IIN, NOON

PATH = "/v1/extracts/verification"


def issued(api: Api, number: str = BIN, **body: Any) -> dict[str, Any]:
    answer = api.post("/v1/extracts", {"producer": number, **body}, role="industry_officer")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def pdf_of(api: Api, extract: dict[str, Any]) -> bytes:
    answer = api.get(f"/v1/extracts/{extract['extract_id']}", role="industry_officer", format="pdf")
    assert answer.status_code == 200, answer.text
    return answer.content


def shown(api: Api, given: bytes | dict[str, Any], kind: str | None = None) -> dict[str, Any]:
    """The verdict on a file, asked for without a token."""
    content = given if isinstance(given, bytes) else json.dumps(given, ensure_ascii=False).encode()
    media_type = kind or ("application/pdf" if isinstance(given, bytes) else "application/json")
    answer = api.client.post(PATH, content=content, headers={"Content-Type": media_type})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def result(api: Api, given: bytes | dict[str, Any], kind: str | None = None) -> tuple[str, str | None]:
    found = shown(api, given, kind)
    return found["outcome"], found.get("reason")


# --- true, and true then ------------------------------------------------------------------------------------


def test_a_genuine_extract_is_genuine_in_every_form(both: Api) -> None:
    entry = both.desk.include()
    extract = issued(both)
    by_code = both.get(f"{PATH}/{extract['content']['code']}").json()
    for found in (shown(both, extract), shown(both, pdf_of(both, extract)), by_code):
        assert (found["outcome"], found["changes"], found["differs"]) == ("genuine", [], [])
        assert found["extract"]["number"] == extract["number"]
        assert found["says"]["products"] == extract["content"]["products"]
        assert found["says"]["producer"]["bin"] == BIN
        assert found["known_at"] == both.head()
    assert by_code["says"]["products"][0]["product_id"] == str(entry.id)


def test_what_changed_since_is_named(both: Api, tmp_path: Path) -> None:
    first, second = both.desk.include(name="Есеп"), both.desk.include(name="Қойма")
    extract = issued(both)
    pdf = pdf_of(both, extract)
    both.desk.on("2026-03-10")
    both.desk.exclude(first)
    third = both.desk.include(name="Жаңа")
    set_simulated_clock(tmp_path / "clock.json", both.desk.clock.now())
    for found in (shown(both, extract), shown(both, pdf)):
        assert found["outcome"] == "no_longer_true"
        kinds = {change["product_id"]: change for change in found["changes"]}
        assert kinds.keys() == {str(first.id), str(third.id)}
        excluded = kinds[str(first.id)]
        assert (excluded["kind"], excluded["ground"]) == ("excluded", "software_monitoring")
        assert excluded["on"] == "2026-03-10"
        assert kinds[str(third.id)]["kind"] == "included_since"
    assert str(second.id) not in {change["product_id"] for change in found["changes"]}


def test_a_product_included_later_leaves_an_extract_true(api: Api) -> None:
    api.desk.include(name="Есеп")
    extract = issued(api)
    api.desk.include(name="Қойма")
    found = shown(api, extract)
    assert (found["outcome"], [change["kind"] for change in found["changes"]]) == (
        "genuine",
        ["included_since"],
    )


def test_a_corrected_exclusion_makes_an_extract_true_again(api: Api, tmp_path: Path) -> None:
    entry = api.desk.include()
    extract = issued(api)
    api.desk.on("2026-03-10")
    wrong = api.desk.notify("monitoring", "exclude", entry, quarter="2026-Q1")
    api.desk.accept(wrong)
    set_simulated_clock(tmp_path / "clock.json", api.desk.clock.now())
    assert result(api, extract)[0] == "no_longer_true"
    excluded = api.desk.journal.load(Entry, entry.id)
    api.desk.accept(api.desk.notify("monitoring", "conforms", excluded, corrects=wrong.notification_id))
    assert "EntryCorrected" in api.desk.kinds()
    assert result(api, extract)[0] == "genuine"


def test_a_producer_transformed_since_is_named_art_51_6(api: Api) -> None:
    api.desk.include()
    extract = issued(api)
    renamed = TransformProducer(
        bin=BIN, on=NOON.date(), reference="R", new_name=OfficialText(kk="«Жаңа» ЖШС", ru="ТОО «Новая»")
    )
    transform_producer(api.desk.journal, renamed, api.desk.act())
    found = shown(api, extract)
    assert found["outcome"] == "no_longer_true"
    assert [(change["kind"], change["fields"]) for change in found["changes"]] == [
        ("producer_changed", ["name"])
    ]


def test_what_a_producer_brought_up_to_date_since_is_named_para_26(api: Api) -> None:
    """Its contacts stand in no extract; of an individual too, while it is published."""
    entry, other = api.desk.include(), api.desk.include(IIN, "Карта")
    extract, own = issued(api), issued(api, IIN)
    api.desk.update(entry, Given(email="new@dala.example"))
    assert result(api, extract)[0] == "genuine"
    api.desk.update(entry, Given(capacity_per_year="7", registration_number="GU-9"))
    api.desk.update(other, Given(name=OfficialText(kk="Асан", ru="Асан")), IIN)
    changes = [(change["kind"], change["fields"]) for change in shown(api, extract)["changes"]]
    assert changes == [
        ("producer_changed", ["state_registration_number"]),
        ("data_changed", ["capacity_per_year"]),
    ]
    assert [change["fields"] for change in shown(api, own)["changes"]] == [["name"]]


# --- altered ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A register that issued one extract, and that extract in both forms; nothing here changes them."""

    api: Api
    extract: dict[str, Any]
    pdf: bytes

    @property
    def seal(self) -> Seal:
        office: ExtractOffice = self.api.client.app.state.extracts  # type: ignore[attr-defined]
        return office.seal

    @property
    def unsealed(self) -> bytes:
        return self.pdf[: self.pdf.index(b"%%EOF") + 6]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("one")
    for api in serve(f"sqlite:///{folder / 'register.db'}", folder):
        api.desk.include()
        extract = issued(api)
        yield Shown(api, extract, pdf_of(api, extract))


def _first(extract: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = extract["content"]["products"][0]
    return found


@pytest.mark.parametrize(
    ("alter", "differs"),
    [
        (lambda e: _first(e).update(capacity_per_year="1001"), "/content/products/0/capacity_per_year"),
        (lambda e: e["content"]["producer"].update(bin="971240001315"), "/content/producer/bin"),
        (lambda e: e["content"]["products"].append(_first(e)), "/content/products"),
        (lambda e: e["content"].update(code="A" * 32), "/content"),
        (lambda e: e["content"].update(known_at=1.5), "/content/known_at"),
        (lambda e: e["content"].update(known_at=True), "/content/known_at"),
        (lambda e: e.update(number="0000000009"), "/number"),
        (lambda e: e.update(digest="0" * 64), "/digest"),
        (lambda e: e.update(record=e["record"] + " "), "/record"),
        (lambda e: e.update(note="also true"), "/note"),
    ],
)
def test_an_altered_json_says_where(
    one: Shown, alter: Callable[[dict[str, Any]], object], differs: str
) -> None:
    extract = deepcopy(one.extract)
    alter(extract)
    found = shown(one.api, extract)
    reason = "content_differs" if differs.startswith("/content") else "record_differs"
    assert (found["outcome"], found["reason"], found["differs"]) == ("altered", reason, [differs])
    assert "says" not in found


def test_a_file_without_its_content_or_with_a_member_twice_is_altered(one: Shown) -> None:
    without = {name: value for name, value in one.extract.items() if name != "content"}
    assert result(one.api, {**without, "content": {"id": one.extract["content"]["id"]}})[0] == "altered"
    right = json.dumps(one.extract, ensure_ascii=False)
    doubled = right.replace('{"extract_id"', '{"number": "0000000099", "extract_id"', 1)
    assert result(one.api, doubled.encode(), "application/json") == ("altered", "unreadable")


def test_one_changed_digit_anywhere_in_a_pdf_is_found(one: Shown) -> None:
    """Whatever byte it is: text, metadata, attachment, the seal's own frame, the id itself."""
    pdf, seal = one.pdf, one.pdf.index(b"/Contents <")
    places = [*range(9, len(pdf), 997), *range(seal, seal + 2_400, 37), len(pdf) - 7]

    places += random.Random(327).sample(range(8, len(pdf)), 60)
    for place in places:
        altered = bytearray(pdf)
        altered[place] ^= 1 + place % 7
        assert judged(bytes(altered), one.seal.known).state != "sealed", place
    at = pdf.index(one.extract["extract_id"].encode()) + 30
    digit = b"1" if pdf[at : at + 1] != b"1" else b"2"
    for changed in (
        pdf[:at] + digit + pdf[at + 1 :],
        pdf[:5_000] + bytes([pdf[5_000] ^ 1]) + pdf[5_001:],
    ):
        found = shown(one.api, changed)
        assert (found["outcome"], found["reason"]) == ("altered", "seal_broken")
        assert found["extract"]["number"] == one.extract["number"]


def with_proof(one: Shown) -> bytes:
    """The JSON form once its record is sealed into the log, which takes about half a second."""
    path = f"/v1/extracts/{one.extract['extract_id']}"
    for _ in range(400):
        answer = one.api.get(path, role="industry_officer")
        if "proof" in answer.json():
            return answer.content
        time.sleep(0.025)
    raise AssertionError("the record was not sealed")


def test_the_json_form_proves_itself_offline_and_an_altered_proof_is_found(one: Shown) -> None:
    raw = with_proof(one)
    trust = Trust(VerifierKey.parse(one.api.get("/v1/journal/log/key").text))
    verified = verify_extract(raw, trust)
    assert (verified.position, verified.issued["data"]["number"]) == (
        one.extract["position"],
        one.extract["number"],
    )
    extract = json.loads(raw)
    assert result(one.api, extract) == ("genuine", None)
    proof = extract["proof"]
    for wrong in (proof + "\n", proof.replace("index ", "index 1"), proof[:-20], 7, altered_digit(proof)):
        assert result(one.api, {**extract, "proof": wrong}) == ("altered", "proof_wrong")
    _first(extract)["capacity_per_year"] = "1001"
    with pytest.raises(ContentAltered):
        verify_extract(json.dumps(extract).encode(), trust)


def altered_digit(proof: str) -> str:
    """The proof with one letter of its last signature changed."""
    at = proof.rindex(" ") + 12
    return proof[:at] + ("A" if proof[at] != "A" else "B") + proof[at + 1 :]


def sealed_by(folder: Path, pdf: bytes, *, certify: bool) -> bytes:
    """A document with somebody else's seal behind it."""
    file = folder / "foreign.p12"
    file.write_bytes(self_signed("somebody else", datetime.now(UTC), None))
    if certify:
        return Seal(open_seal_key(file, None, datetime.now(UTC))).sealed(pdf)
    signer: Any = signers.SimpleSigner.load_pkcs12(str(file))  # type: ignore[no-untyped-call]
    metadata = signers.PdfSignatureMetadata(field_name="Other", md_algorithm="sha256")
    return bytes(signers.PdfSigner(metadata, signer=signer).sign_pdf(update_of(pdf)).getvalue())


def test_what_is_appended_after_the_seal_is_found(one: Shown) -> None:
    update: Any = update_of(one.pdf)
    update.add_object(generic.pdf_name("/Added"))
    added = io.BytesIO()
    update.write(added)
    for appended in (one.pdf + b"\n", one.pdf + one.pdf, added.getvalue()):
        assert result(one.api, appended) == ("altered", "appended_after_seal")


def test_a_document_without_our_seal_is_not_genuine_whoever_sealed_it(one: Shown, tmp_path: Path) -> None:
    assert result(one.api, one.unsealed) == ("altered", "not_sealed")
    for certify in (True, False):
        theirs = sealed_by(tmp_path, one.unsealed, certify=certify)
        assert result(one.api, theirs) == ("altered", "seal_foreign")


def test_what_was_never_recorded_is_unknown_though_we_sealed_it(one: Shown) -> None:
    other = f"urn:kz:register:extract:{new_stream_id()}"
    content = msgspec.convert({**one.extract["content"], "id": other}, ExtractContent)
    file = msgspec.convert({**one.extract, "content": content}, ExtractFile)
    pdf = one.seal.sealed(Typesetter().pdf(file, "kk", NOON))
    assert result(one.api, pdf)[0] != "genuine"
    assert result(one.api, {"content": {**one.extract["content"], "id": other}}) == (
        "unknown",
        "not_issued_here",
    )
    assert result(one.api, one.seal.sealed(plain_pdf())) == ("unknown", "not_an_extract")


def plain_pdf() -> bytes:
    """A document that is no extract."""
    written = io.BytesIO()
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(written)
    return written.getvalue()


# --- anything at all ----------------------------------------------------------------------------------------

PDF, JSON = "application/pdf", "application/json"
NAMED = b'{"content": {"id": "urn:kz:register:extract:0199f000-0000-7000-8000-000000000001"}}'
HOSTILE = {
    "nothing": (b"", PDF, "unreadable"),
    "garbage": (b"garbage" * 1_000, PDF, "unreadable"),
    "thousands of objects": (b"%PDF-1.7\n" + b"1 0 obj <</A 1 0 R>> endobj\n" * 100_000, PDF, "not_sealed"),
    "encrypted": (b"%PDF-1.7\ntrailer <</Encrypt 5 0 R>>", PDF, "encrypted"),
    "thousands of seals": (b"%PDF-1.7\n" + b"/ByteRange [0 10 20 99999]" * 50_000, PDF, "seal_broken"),
    "a seal out of place": (b"%PDF-1.7\n/ByteRange [0 900000000 999999999 999999999]", PDF, "not_sealed"),
    "an empty seal": (b"%PDF-1.7\n<00>/ByteRange [0 9 13 30]" + b"x" * 99, PDF, "seal_broken"),
    "a deep seal": (
        b"%PDF-1.7\n<" + b"3080" * 30_000 + b">/ByteRange [0 9 120011 20]".ljust(99),
        PDF,
        "seal_broken",
    ),
    "deep JSON": (b"[" * 200_000, JSON, "unreadable"),
    "no number": (b'{"content": NaN}', JSON, "unreadable"),
    "a number without end": (b'{"content": ' + b"9" * 100_000 + b"}", JSON, "unreadable"),
    "half a letter": (b'{"\\ud800": 1}', JSON, "unreadable"),
    "no text": (b'{"content": "\xff"}', JSON, "unreadable"),
    "an extract of nobody": (NAMED, JSON, "not_issued_here"),
    "an empty object": (b"{}", JSON, "not_an_extract"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_get_a_clear_answer(one: Shown, name: str) -> None:
    content, kind, reason = HOSTILE[name]
    assert result(one.api, content, kind) == ("unknown", reason)


def test_what_is_too_large_or_of_another_kind_is_refused(one: Shown) -> None:
    headers = {"Content-Type": PDF}
    large = b"%PDF-" + bytes(MAX_GIVEN_BYTES)
    for content in (large, iter([large])):
        answer: httpx2.Response = one.api.client.post(PATH, content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    answer = one.api.client.post(PATH, content=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


# --- the code -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"),
    [("kk", "Үзінді көшірме түпнұсқа"), ("ru", "Выписка подлинная"), ("en", "The extract is genuine")],
)
def test_the_code_opens_a_page_in_each_language_that_runs_nothing(api: Api, language: str, said: str) -> None:
    api.desk.include(name="<script>")
    extract = issued(api)
    address = extract["content"]["verification_url"]
    assert address == f"http://127.0.0.1:8001{PATH}/{extract['content']['code']}"
    headers = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": language}
    page = api.get(address.removeprefix("http://127.0.0.1:8001").lower(), headers=headers)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-language"] == language
    assert said in page.text
    assert extract["number"] in page.text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["referrer-policy"] == "no-referrer"


def test_a_code_that_opens_nothing_is_not_found_and_public_numbers_are_no_codes(one: Shown) -> None:
    api, extract = one.api, one.extract
    public = json.loads(extract["record"])["data"]
    guesses = ("A" * 32, extract["extract_id"], extract["number"], public["code_sha256"])
    for guess in guesses:
        answer = api.get(f"{PATH}/{guess}")
        assert (answer.status_code, answer.json()["code"]) == (404, "extract_unknown")
        page = api.get(f"{PATH}/{guess}", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_an_individual_is_shown_to_the_public_only_while_in_the_register(api: Api, tmp_path: Path) -> None:
    entry = api.desk.include(IIN)
    extract = issued(api, IIN)
    code = f"{PATH}/{extract['content']['code']}"
    assert api.get(code).json()["says"]["producer"]["iin"] == IIN
    api.desk.on("2026-03-10")
    api.desk.exclude(entry)
    set_simulated_clock(tmp_path / "clock.json", api.desk.clock.now())
    after = api.get(code)
    assert after.json()["outcome"] == "no_longer_true"
    assert IIN not in after.text
    assert IIN not in api.get(code, headers={"Accept": "text/html"}).text
    with api.desk.journal.database.write() as connection:
        connection.execute(sa.delete(VAULT.table))
    erased = api.get(code).json()
    assert (erased["outcome"], erased["reason"]) == ("unknown", "content_erased")
    assert result(api, extract)[0] == "no_longer_true"


# --- strangers' files hold up nobody else -------------------------------------------------------------------


def test_few_files_are_judged_at_once_and_a_queue_has_its_end(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may send four MiB of PDF; the threads that answer everything else are not theirs."""
    let_go, under_way, most = threading.Event(), [0], [0]

    def judged_late(_judge: Judge, _given: bytes) -> Verdict:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        let_go.wait(20)
        under_way[0] -= 1
        return Verdict(outcome="unknown", known_at=0)

    monkeypatch.setattr(Judge, "json", judged_late)
    monkeypatch.setattr(extract_verification, "WAITING_AT_MOST", 4)
    with ThreadPoolExecutor(6) as strangers:
        asked = [strangers.submit(lambda: shown(api, {})) for _ in range(6)]
        limiter = api.client.app.state.extracts.verifying  # type: ignore[attr-defined]  # the application's own
        while limiter.statistics().tasks_waiting < 4:
            time.sleep(0.01)
        refused = api.client.post(PATH, json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "verification_busy")
        assert api.get("/v1/entries").status_code == 200
        let_go.set()
        assert {one.result()["outcome"] for one in asked} == {"unknown"}
    assert most == [VERIFIED_AT_ONCE]
