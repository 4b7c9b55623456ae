"""The extract as a document: order 327 Appendix 2 in Kazakh and Russian, PDF/A, sealed, always the same."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pypdf
import pytest
from asn1crypto import keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pypdf.generic import DictionaryObject, NameObject, NumberObject, TextStringObject

from services.kernel.contract import OfficialText
from services.kernel.errors import Unavailable
from services.register.adapters.extract_sheet import SheetLanguage
from services.register.adapters.given_pdf import judged
from services.register.adapters.seals import (
    Seal,
    SealKey,
    SealUnusable,
    development_seal_key,
    former_certificates,
    open_seal_key,
)
from services.register.adapters.typesetting import Typesetter
from services.register.domain.extract import (
    FORM,
    ExtractContent,
    ExtractFile,
    ExtractProducer,
    ExtractProduct,
)
from tests.register.api.conftest import Api
from tests.register.given import BIN
from tests.register.pdfa import breaches

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
RECORDED = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
LETTERS = "ӘәҒғҚқҢңӨөҰұҮүҺһІі"
CODE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
TYPESETTER = Typesetter()


def product(number: int, **changes: Any) -> ExtractProduct:
    values: dict[str, Any] = {
        "product_id": f"p{number}",
        "registration_number": f"{number:010d}",
        "included_on": "2026-03-02",
        "name": OfficialText(kk=f"Есеп {LETTERS} {number}", ru=f"Учёт «Ёлка» {number}"),
        "oked": ("62011", "62020"),
        "tn_ved": "8523499900",
        "kpved": "62.01.29",
        "ens_tru": "620129.000.000001",
        "capacity_per_year": "1000",
    }
    return ExtractProduct(**{**values, **changes})


def file(*products: ExtractProduct) -> ExtractFile:
    content = ExtractContent(
        id="urn:kz:register:extract:0199f000-0000-7000-8000-000000000001",
        form=FORM,
        code=CODE,
        verification_url=f"https://register.example/v1/extracts/verification/{CODE}",
        issued_on="2026-03-02",
        valid_at="2026-03-02T07:00:00.250000Z",
        known_at=41,
        producer=ExtractProducer(
            producer_id="x",
            kind="legal_entity",
            bin=BIN,
            name=OfficialText(kk=f"«{LETTERS}» ЖШС", ru="ТОО «Дала»"),
            state_registration_number="GU-2018-001",
        ),
        products=products or (product(1),),
    )
    return ExtractFile(
        extract_id="e", number="0000000042", position=42, content=content, digest="d", record="{}"
    )


def text_of(pdf: bytes) -> str:
    """Everything that the pages say, line breaks and places to break at apart."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages)).replace("\u200b", "")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SealKey:
    return development_seal_key(tmp_path_factory.mktemp("seal"), NOW)


def validated(pdf: bytes, certificate: x509.Certificate) -> PdfSignatureStatus:
    """What the library that knows nothing of us finds about the one signature of a document."""
    trusted = asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return validate_pdf_signature(signature, ValidationContext(trust_roots=[trusted]))


def test_in_kazakh_every_column_of_appendix_2_is_there_and_every_letter_intact() -> None:
    text = text_of(TYPESETTER.pdf(file(), "kk", RECORDED))
    assert "Қазақстандық тауар өндірушілердің тізілімінен үзінді көшірме" in text
    assert f"Есеп {LETTERS} 1" in text
    assert f"«{LETTERS}» ЖШС" in text
    for said in ("2026 жылғы 2 наурыз", "№ 0000000042", BIN, "GU-2018-001", "02.03.2026 12:00:00.25 UTC+5"):
        assert said in text
    for column in ("ЭҚЖЖ", "ЕАЭО СЭҚ ТН", "ЭҚТӨЖ", "ТЖҚ БНА", "АГСК-3", "оқшаулау", "ЕІҚ"):
        assert column in text


def test_in_russian_the_form_has_the_orders_own_words() -> None:
    text = text_of(TYPESETTER.pdf(file(), "ru", RECORDED))
    for said in (
        "Выписка из реестра казахстанских товаропроизводителей",
        "2 марта 2026 года",
        "Регистрационный номер № 0000000042",
        "Дата включения в реестр: 2 марта 2026 года",
        "ТОО «Дала»",
        "Регистрационный номер свидетельства о государственной регистрации",
        "Наименование производимого товара казахстанского происхождения",
        "Учёт «Ёлка» 1",
        "62011, 62020 8523499900 62.01.29 620129.000.000001",
    ):
        assert said in text
    for column in ("ОКЭД", "ТН ВЭД ЕАЭС", "КПВЭД", "ЕНС ТРУ", "АГСК-3", "Уровень", "ДВЦ"):
        assert column in text


def test_each_inclusion_day_names_its_rows_and_long_names_and_many_rows_are_whole() -> None:
    long = OfficialText(kk="Ұ" * 300, ru="Щ" * 300)
    many = [product(number, included_on="2026-04-05", name=long) for number in range(2, 14)]
    pdf = TYPESETTER.pdf(file(product(1), *many), "ru", RECORDED)
    text = text_of(pdf)
    assert "2 марта 2026 года (№ 1); 5 апреля 2026 года (№ 2, 3," in text
    assert text.replace(" ", "").count("Щ" * 300) == 12
    pages = len(pypdf.PdfReader(io.BytesIO(pdf)).pages)
    assert pages > 2
    assert f"{pages} / {pages}" in text
    assert text.count("Наименование производимого товара") == pages


def test_markup_in_a_name_is_a_name() -> None:
    hostile = '#pdf.attach("x") $x$ *b* _i_ `c` @ref <label> \\ [] {} // --'
    name = OfficialText(kk=hostile, ru=hostile)
    text = text_of(TYPESETTER.pdf(file(product(1, name=name)), "ru", RECORDED))
    assert re.sub(r"\s", "", hostile) in re.sub(r"\s", "", text)


def test_the_same_extract_gives_the_same_bytes_from_any_typesetter() -> None:
    first = TYPESETTER.pdf(file(), "kk", RECORDED)
    assert Typesetter().pdf(file(), "kk", RECORDED) == first
    assert TYPESETTER.pdf(file(), "ru", RECORDED) != first


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_a_document_is_pdf_a_3b_and_stays_so_under_its_seal(key: SealKey, language: SheetLanguage) -> None:
    """ISO 19005-3; what custom metadata are is said by extension schemas (6.6.2.3)."""
    plain = TYPESETTER.pdf(file(product(1), product(2)), language, RECORDED)
    sealed = Seal(key).sealed(plain)
    assert sealed.startswith(plain)
    for pdf in (plain, sealed):
        assert breaches(pdf) == []
        root: Any = pypdf.PdfReader(io.BytesIO(pdf)).trailer["/Root"]
        assert "<pdfaExtension:schemas>" in root["/Metadata"].get_data().decode()
        assert root["/AF"][0].get_object()["/AFRelationship"] == "/Source"
    (field,) = (annotation.get_object() for annotation in _annotations(sealed, "/Widget"))
    assert [float(edge) for edge in field["/Rect"]] == [0, 0, 0, 0]


def _script(writer: pypdf.PdfWriter) -> None:
    script = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("print()")}
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(script)


def _attachment(writer: pypdf.PdfWriter) -> None:
    writer.add_attachment("more.txt", b"more")


def _unembedded(writer: pypdf.PdfWriter) -> None:
    page: Any = writer.pages[0]
    for font in page["/Resources"]["/Font"].values():
        del font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()["/FontFile3"]


def _unmarked(writer: pypdf.PdfWriter) -> None:
    xmp: Any = writer.root_object["/Metadata"]
    xmp.set_data(xmp.get_data().replace(b"<pdfaid:part>3", b"<pdfaid:part>2"))


def _uncoloured(writer: pypdf.PdfWriter) -> None:
    del writer.root_object["/OutputIntents"]


def _hidden(writer: pypdf.PdfWriter) -> None:
    page: Any = writer.pages[0]
    page["/Annots"][0].get_object()[NameObject("/F")] = NumberObject(0b110)


@pytest.mark.parametrize(
    ("spoil", "clause"),
    [
        (_script, "6.5"),
        (_attachment, "6.8"),
        (_unembedded, "6.2.11.4"),
        (_unmarked, "6.6.4"),
        (_uncoloured, "6.2.3"),
        (_hidden, "6.3.2"),
        (lambda writer: writer.encrypt("x", ""), "6.1.3"),
    ],
)
def test_a_clause_that_is_broken_is_found(spoil: Callable[[pypdf.PdfWriter], None], clause: str) -> None:
    """Else that none was found would say nothing."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(TYPESETTER.pdf(file(), "kk", RECORDED)))
    spoil(writer)
    spoiled = io.BytesIO()
    writer.write(spoiled)
    assert any(found.startswith(clause) for found in breaches(spoiled.getvalue()))


def _annotations(pdf: bytes, kind: str) -> list[Any]:
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    found = [one for page in pages for one in page.get("/Annots", [])]
    return [one for one in found if one.get_object()["/Subtype"] == kind]


def test_the_extract_itself_is_attached() -> None:
    (attached,) = pypdf.PdfReader(io.BytesIO(TYPESETTER.pdf(file(), "kk", RECORDED))).attachments.values()
    assert msgspec.json.decode(attached[0], type=ExtractFile) == file()


def test_the_seal_is_valid_covers_everything_and_allows_no_change(key: SealKey) -> None:
    found = validated(Seal(key).sealed(TYPESETTER.pdf(file(), "kk", RECORDED)), key.certificate)
    assert found.bottom_line
    assert found.coverage == SignatureCoverageLevel.ENTIRE_FILE
    assert found.docmdp_ok


def certified(name: str, purpose: x509.ObjectIdentifier | None = None) -> tuple[Any, x509.Certificate]:
    """An RSA key and its certificate."""
    private = rsa.generate_private_key(65_537, 2_048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, private.public_key(), 1, NOW - DAY, NOW + DAY)
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return private, builder.sign(private, hashes.SHA256())


def timestamper() -> tuple[DummyTimeStamper, Any]:
    """A time-stamping authority of the test's own, and its certificate."""
    private, certificate = certified("tsa", ExtendedKeyUsageOID.TIME_STAMPING)
    stated = asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
    written = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    stamper = DummyTimeStamper(tsa_cert=stated, tsa_key=keys.PrivateKeyInfo.load(written), fixed_dt=NOW)
    return stamper, stated


def test_a_seal_is_dated_by_the_authority_that_is_set(key: SealKey) -> None:
    stamper, tsa = timestamper()
    seal = Seal(key, timestamps=stamper)
    pdf = seal.sealed(TYPESETTER.pdf(file(), "kk", RECORDED))
    trusted = [asn1.Certificate.load(key.certificate.public_bytes(Encoding.DER)), tsa]
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    found = validate_pdf_signature(signature, ValidationContext(trust_roots=trusted))
    assert found.bottom_line
    assert found.timestamp_validity is not None
    assert found.timestamp_validity.timestamp == NOW
    assert judged(pdf, seal.known).state == "sealed"


def test_an_authority_that_does_not_answer_leaves_the_document_unsealed_and_says_so(key: SealKey) -> None:
    from pyhanko.sign.timestamps.aiohttp_client import HTTPTimeStamper

    seal = Seal(key, timestamps=HTTPTimeStamper("http://127.0.0.1:9/tsa", timeout=1))
    with pytest.raises(Unavailable, match="seal_unavailable"):
        seal.sealed(TYPESETTER.pdf(file(), "kk", RECORDED))


def test_a_key_file_needs_its_password_and_former_certificates_still_count(tmp_path: Path) -> None:
    sealing, password = tmp_path / "seal.p12", tmp_path / "password"
    private, certificate = certified("authority")
    above = [certified("above")[1]]
    protection = BestAvailableEncryption(b"secret")
    sealing.write_bytes(pkcs12.serialize_key_and_certificates(b"s", private, certificate, above, protection))
    password.write_text("secret\n")
    key = open_seal_key(sealing, password, NOW)
    pdf = Seal(key).sealed(TYPESETTER.pdf(file(), "kk", RECORDED))
    former = tmp_path / "former.pem"
    former.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, *above)))
    later = Seal(development_seal_key(tmp_path, NOW), former=former_certificates(former))
    assert judged(pdf, later.known).state == "sealed"
    password.write_text("wrong")
    with pytest.raises(SealUnusable, match="cannot be read"):
        open_seal_key(sealing, password, NOW)
    with pytest.raises(SealUnusable, match="expired"):
        open_seal_key(tmp_path / "extract-seal.p12", None, NOW.replace(year=NOW.year + 11))
    with pytest.raises(SealUnusable, match="cannot be read"):
        former_certificates(sealing)


@pytest.mark.parametrize("ask", ["accept", "format"])
def test_the_document_is_given_by_accept_or_by_format(api: Api, ask: str) -> None:
    api.desk.include()
    path = f"/v1/extracts/{api.post('/v1/extracts', {'producer': BIN}).json()['extract_id']}"
    answer: httpx2.Response
    if ask == "accept":
        headers = {"Accept": "application/pdf", "Accept-Language": "ru"}
        answer = api.get(path, role="producer", headers=headers)
    else:
        answer = api.get(path, role="producer", format="pdf", language="ru")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert "Система Есеп" in text_of(answer.content)
    extract = api.get(path, role="producer").json()
    (attached,) = pypdf.PdfReader(io.BytesIO(answer.content)).attachments.values()
    extract.pop("proof", None)
    assert json.loads(attached[0]) == extract
    assert api.get(path, role="producer", format="doc").status_code == 422
