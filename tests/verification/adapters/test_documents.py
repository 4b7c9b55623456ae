"""Documents in a folder and in a bucket: whole or not there, altered is noticed, infected is never kept."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from services.kernel.contract import DocumentRef
from services.kernel.database import Database
from services.kernel.errors import Invalid, Unavailable
from services.verification.adapters.document_backends import DocumentBackend, DocumentFolder
from services.verification.adapters.document_bucket import Bucket, DocumentBucket
from services.verification.adapters.document_content import DOCX, XLSX
from services.verification.adapters.documents import DocumentStore, KeptDocument
from services.verification.adapters.filings import Filing
from services.verification.adapters.malware import Clamd, parse_address
from tests.prepared import migrate
from tests.verification.acting import BIN
from tests.verification.adapters.stores import MALWARE, bucket_at, clamd, client_at, s3_server

TEXT = "text/plain"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate("verification", database)
    yield database
    database.close()


@pytest.fixture(params=["folder", "bucket"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> DocumentBackend:
    if request.param == "folder":
        return DocumentFolder(tmp_path / "kept")
    return bucket_at(request.getfixturevalue("s3"), f"evidence-{uuid4().hex}")


@pytest.fixture
def store(database: Database, backend: DocumentBackend, tmp_path: Path) -> DocumentStore:
    made = DocumentStore(tmp_path / "in", database, backend=backend)
    made.prepare()
    return made


def keep(store: DocumentStore, content: bytes, media_type: str = TEXT, by: str = BIN) -> KeptDocument:
    draft = store.draft(media_type)
    try:
        draft.write(content)
        return store.keep(draft, Filing(by, "p"))
    finally:
        draft.discard()


def overwrite(backend: DocumentBackend, sha256: str, content: bytes, folder: Path) -> None:
    changed = folder / uuid4().hex
    changed.write_bytes(content)
    if isinstance(backend, DocumentBucket):
        name, key = backend._bucket.name, backend._key(sha256)
        backend._client.put_object(Bucket=name, Key=key, Body=content)
    else:
        backend.put(changed, sha256, replace=True)


def fault_of(store: DocumentStore, database: Database, kept: KeptDocument) -> str | None:
    named = DocumentRef(kind="contracts", media_type=kept.media_type, size=kept.size, sha256=kept.sha256)
    with database.read() as connection:
        return store.faults(connection, [named], [BIN]).get(kept.sha256)


@pytest.mark.parametrize("size", [1, 9 * 1024 * 1024], ids=["small", "in parts"])
def test_a_document_is_kept_under_its_digest_and_read_back(
    store: DocumentStore, database: Database, size: int
) -> None:
    content = b"a" * size
    kept = keep(store, content)
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert keep(store, content) == kept
    assert store.read(kept.sha256) == content
    assert b"".join(store.stream(kept)) == content
    assert fault_of(store, database, kept) is None


def test_an_altered_document_is_noticed_and_healed_by_the_same_content(
    store: DocumentStore, backend: DocumentBackend, database: Database, tmp_path: Path
) -> None:
    kept = keep(store, b"ten million tenge")
    assert fault_of(store, database, kept) is None
    overwrite(backend, kept.sha256, b"one million tenge", tmp_path)
    assert fault_of(store, database, kept) == "altered"
    assert store.read(kept.sha256) is None
    with pytest.raises(Unavailable, match="document_damaged"):
        b"".join(store.stream(kept))
    keep(store, b"ten million tenge")
    assert fault_of(store, database, kept) is None


def test_a_document_counts_only_for_those_who_uploaded_it(store: DocumentStore, database: Database) -> None:
    assert fault_of(store, database, KeptDocument("0" * 64, TEXT, 5)) == "not_filed"
    assert store.read("0" * 64) is None
    foreign = keep(store, b"a,b", "text/csv", by="151040025562")
    assert fault_of(store, database, foreign) == "not_filed"
    own = keep(store, b"a,b")
    assert own == keep(store, b"a,b", "text/csv") == KeptDocument(foreign.sha256, TEXT, 3)
    assert fault_of(store, database, own) is None
    assert fault_of(store, database, KeptDocument(own.sha256, TEXT, 4)) == "missing"


def test_a_put_in_the_folder_leaves_the_first(tmp_path: Path) -> None:
    folder = DocumentFolder(tmp_path / "kept")
    for content in (b"first", b"second"):
        path = tmp_path / uuid4().hex
        path.write_bytes(content)
        folder.put(path, "a" * 64, replace=False)
    assert b"".join(folder.stream("a" * 64)) == b"first"


def test_a_conditional_put_in_the_bucket_leaves_the_first(s3: str, tmp_path: Path) -> None:
    name = f"evidence-{uuid4().hex}"
    backend = bucket_at(s3, name)
    for size in (3, 9 * 1024 * 1024):
        content = b"x" * size
        sha256 = hashlib.sha256(content).hexdigest()
        path = tmp_path / sha256
        path.write_bytes(content)
        backend.put(path, sha256, replace=False)
        before = backend.standing(sha256)
        backend.put(path, sha256, replace=False)
        assert backend.standing(sha256) == before
    assert client_at(s3).list_multipart_uploads(Bucket=name).get("Uploads", []) == []


def test_a_bucket_that_is_not_there_is_a_503(database: Database, s3: str, tmp_path: Path) -> None:
    nowhere = DocumentBucket(Bucket("no-such-bucket", s3, "us-east-1"), client_at(s3))
    store = DocumentStore(tmp_path, database, backend=nowhere)
    store.prepare()
    with pytest.raises(Unavailable, match="document_store_unavailable"):
        keep(store, b"text")


def test_an_infected_document_is_refused_and_nothing_is_kept(
    database: Database, backend: DocumentBackend, tmp_path: Path
) -> None:
    with clamd() as address:
        store = DocumentStore(tmp_path / "in", database, backend=backend, scanner=Clamd(address))
        store.prepare()
        clean = keep(store, b"clean")
        with pytest.raises(Invalid, match="document_infected"):
            keep(store, b"before " + MALWARE)
    sha256 = hashlib.sha256(b"before " + MALWARE).hexdigest()
    assert backend.standing(sha256) is None
    with database.read() as connection:
        assert set(store.find(connection, [sha256, clean.sha256], [BIN])) == {clean.sha256}
    assert list((tmp_path / "in" / "incoming").iterdir()) == []


@pytest.mark.parametrize("reply", [b"INSTREAM size limit exceeded. ERROR\x00", b"", b"\xff\x00"])
def test_a_scanner_without_a_verdict_is_a_503(sqlite_url: str, tmp_path: Path, reply: bytes) -> None:
    database = Database(sqlite_url)
    migrate("verification", database)
    with clamd(reply) as address:
        store = DocumentStore(tmp_path, database, scanner=Clamd(address, seconds=5))
        store.prepare()
        with pytest.raises(Unavailable, match="document_scanner_unavailable"):
            keep(store, b"text")
    with pytest.raises(Unavailable, match="document_scanner_unavailable"):
        keep(store, b"text")
    assert store.read(hashlib.sha256(b"text").hexdigest()) is None
    database.close()


@pytest.mark.parametrize(
    "address", ["", "tcp://host", "tcp://:1", "unix:relative", "http://a:1", "tcp://a:x"]
)
def test_a_scanners_address_is_checked(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        parse_address(address)


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, "<x/>")
    return file.getvalue()


WORKBOOK = archive("[Content_Types].xml", "xl/workbook.xml")
LETTER = archive("[Content_Types].xml", "word/document.xml")


@pytest.mark.parametrize(
    ("content", "media_type", "taken"),
    [
        (WORKBOOK, XLSX, True),
        (LETTER, DOCX, True),
        (archive("a.txt"), "application/zip", True),
        (archive("a.txt"), XLSX, False),
        (LETTER, XLSX, False),
        (WORKBOOK, "application/zip", False),
        (WORKBOOK[:-10], XLSX, False),
        (b"PK\x03\x04 no archive", "application/zip", False),
        (archive(*(f"{number:0>100}" for number in range(9_000))), "application/zip", False),
        (b"%PDF-1.7 ...", "application/pdf", True),
        (b"%PDF-1.7 ...", "text/csv", False),
        (b"text", "application/pdf", False),
        (b"a,b\n" + b"\xff" * 9_000, "text/csv", False),
        (b"a" * 9_000 + b"\xd0", "text/plain", False),
        (b"\x00", "text/plain", False),
        (b"[]", "application/json", True),
        (b"text", "application/json", False),
        (b"\x89PNG\r\n\x1a\n", "image/png", True),
        (b"\xff\xd8\xff", "image/png", False),
    ],
)
def test_a_document_is_what_its_media_type_says(
    sqlite_url: str, tmp_path: Path, content: bytes, media_type: str, taken: bool
) -> None:
    database = Database(sqlite_url)
    migrate("verification", database)
    store = DocumentStore(tmp_path, database)
    store.prepare()
    if taken:
        assert keep(store, content, media_type).media_type == media_type
    else:
        with pytest.raises(Invalid, match="document_content_mismatch"):
            keep(store, content, media_type)
    database.close()


def test_a_zip_bomb_is_kept_as_it_is_and_never_unpacked(sqlite_url: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bomb", b"\x00" * (200 * 1024 * 1024))
    database = Database(sqlite_url)
    migrate("verification", database)
    store = DocumentStore(tmp_path, database)
    store.prepare()
    assert keep(store, file.getvalue(), "application/zip").size < 1024 * 1024
    database.close()
