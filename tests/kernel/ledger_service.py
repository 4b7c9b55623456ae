"""The ledger as a service over HTTP: every kind of operation that the kernel's edge knows, and no law.

Run as a process: `python -m tests.kernel.ledger_service URL VAR`. Annotations are evaluated here, not
postponed: the routes' dependencies are local to the function that makes them.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response
from joserfc.jwk import OKPKey
from pydantic import ConfigDict
from starlette.testclient import TestClient

from services.kernel.clock import Clock, FixedClock
from services.kernel.errors import Unavailable
from services.kernel.feed.reflecting import reflecting
from services.kernel.feed.serving import journal_router
from services.kernel.http.answering import answered
from services.kernel.http.application import ServiceHttp, create_application
from services.kernel.http.forms import Form, OfficialTextForm, ShortText
from services.kernel.http.rates import Rate
from services.kernel.http.requests import Caller, Commanding, CommandRequest, Deciding, Edge, Reading
from services.kernel.http.responses import CursorParameter, Cursors, Limit, Page, Representation, page, read
from services.kernel.identity.tokens import TokenIssuer, TokenVerifier
from services.kernel.journal.aggregate import Act
from services.kernel.journal.events import new_stream_id
from services.kernel.journal.journal import Journal, Work
from services.kernel.readiness import StoreAnswers
from services.kernel.runtime import ServingLock, actor_ids, edge_of, legal_clock, open_database, serve
from services.kernel.settings import ServiceSettings
from services.kernel.telemetry import configure_logging
from services.kernel.vault import Vault, seal
from tests.kernel.journal.ledger import LEDGERS, NOON, PERSONAL, Ledger, ledger_journal, new_journal

BIN: Final = "181240006529"
IIN: Final = "660427402182"
LARGER: Final = "/v1/scans"
PROBLEMS: Final = Path(__file__).with_name("ledger_problems.json")


class LedgerForm(Form):
    """A ledger to open; `email` is personal and goes to the vault."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"owner": "Dala"}]})

    owner: ShortText
    email: ShortText | None = None
    remark: OfficialTextForm | None = None


class LineForm(Form):
    """A line to write."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "first"}]})

    text: ShortText


class LedgerView(Representation):
    """A ledger as the API shows it."""

    id: UUID
    owner: str
    lines: int


def presented(ledger: Ledger) -> LedgerView:
    return LedgerView(id=ledger.id, owner=ledger.owner, lines=ledger.lines)


def opening(form: LedgerForm, act: Act, vault: Vault, work: Work) -> Ledger:
    ledger = Ledger(new_stream_id())
    ledger.open(act, form.owner)
    work.save(ledger)
    work.answer_with(ledger)
    if form.email is not None:
        work.write(vault.keeping(0, str(ledger.id), seal({"email": form.email})))
    return ledger


def writing(ledger_id: UUID, form: LineForm, command: CommandRequest, work: Work) -> Ledger:
    ledger = work.load(Ledger, ledger_id)
    command.require_version(ledger.version)
    ledger.write(command.act, form.text)
    work.save(ledger)
    work.answer_with(ledger)
    return ledger


def commands(journal: Journal, vault: Vault) -> APIRouter:
    router = APIRouter(tags=["ledgers"])
    may_open, may_write = Commanding("producer"), Deciding("industry_officer")

    @router.post("/v1/ledgers", operation_id="open_ledger", status_code=201, response_model=LedgerView)
    def open_ledger(form: LedgerForm, command: Annotated[CommandRequest, Depends(may_open)]) -> Response:
        outcome = journal.transact(
            lambda work: opening(form, command.act, vault, work), answer=command.answer
        )
        return answered(journal, outcome, Ledger, command, presented, "/v1/ledgers/{id}")

    @router.post(
        "/v1/ledgers/{ledger_id}/lines",
        operation_id="write_line",
        status_code=201,
        response_model=LedgerView,
    )
    def write_line(
        ledger_id: UUID, form: LineForm, command: Annotated[CommandRequest, Depends(may_write)]
    ) -> Response:
        outcome = journal.transact(
            lambda work: writing(ledger_id, form, command, work),
            answer=command.answer,
            attempts=1,
        )
        return answered(journal, outcome, Ledger, command, presented, "/v1/ledgers/{id}")

    @router.post(LARGER, operation_id="measure_scan", status_code=200)
    async def measure_scan(request: Request, caller: Annotated[Caller, Depends(may_measure)]) -> int:
        return len(await request.body())

    return router


may_measure = Reading("public")


def queries(journal: Journal, cursors: Cursors) -> APIRouter:
    router = APIRouter(tags=["ledgers"])
    anyone, auditors, reflected = Reading("public"), Reading("auditor"), reflecting(journal)

    @router.get("/v1/ledgers", operation_id="list_ledgers", response_model=Page[LedgerView])
    def list_ledgers(
        request: Request,
        caller: Annotated[Caller, Depends(auditors)],
        limit: Limit = 50,
        cursor: CursorParameter = None,
        bin: str | None = None,  # noqa: A002  # a parameter that holds a number no log may show
    ) -> Response:
        filters = {"bin": bin}
        query = sa.select(LEDGERS).order_by(LEDGERS.c.owner).limit(limit + 1)
        if cursor is not None:
            query = query.where(LEDGERS.c.owner > cursors.read(request, cursor, filters)[0])
        with journal.database.read() as connection:
            rows = connection.execute(query).all()
        items = [LedgerView(id=row.id, owner=row.owner, lines=row.lines) for row in rows[:limit]]
        following = cursors.write(request, [items[-1].owner], filters) if len(rows) > limit else None
        return page(request, items, Page[LedgerView], next_cursor=following)

    @router.get(
        "/v1/ledgers/{ledger_id}",
        operation_id="read_ledger",
        response_model=LedgerView,
        dependencies=[Depends(reflected)],
    )
    def read_ledger(
        ledger_id: UUID, request: Request, caller: Annotated[Caller, Depends(anyone)]
    ) -> Response:
        ledger = journal.load(Ledger, ledger_id)
        return read(request, presented(ledger), version=ledger.version, public=True)

    @router.get("/v1/accidents/{kind}", operation_id="have_accident")
    def have_accident(kind: str, caller: Annotated[Caller, Depends(anyone)]) -> Response:
        if kind == "statement":
            with journal.database.read() as connection:
                connection.execute(
                    sa.text("SELECT secret_column FROM nowhere WHERE bin = :bin"), {"bin": BIN}
                )
        if kind == "file":
            Path("/no/such/place/secret.key").read_text()
        if kind == "store":
            raise Unavailable("store_unavailable")
        raise RuntimeError(f"the vault held {IIN}")

    return router


def ledger_app(
    journal: Journal, edge: Edge, *, lock: ServingLock | None = None, watched: bool = False
) -> FastAPI:
    """The application over a journal; `watched` also notices what other processes write."""
    vault = PERSONAL
    held = [lock.acquire] if lock else []
    freed = [lock.release] if lock else []
    return create_application(
        ServiceHttp(
            name="ledger",
            title="Ledgers",
            description="A service for tests.",
            edge=edge,
            routers=(
                commands(journal, vault),
                queries(journal, Cursors(edge.body_key)),
                journal_router(journal, "auditor", "service", vault=vault),
            ),
            problem_files=(PROBLEMS,),
            checks={"store": StoreAnswers(journal.database)},
            larger_bodies={LARGER: 200_000},
            on_start=[*held, *([journal.start] if watched else [])],
            on_stop=[*([journal.watcher.stop] if watched else []), *freed],
        )
    )


@dataclass
class LedgerService:
    """The application with a client and tokens for every role."""

    app: FastAPI
    client: TestClient
    journal: Journal
    issuer: TokenIssuer

    def headers(self, role: str | None, subject: str | None = None, **more: str) -> dict[str, str]:
        """Headers of a caller; underscores in names stand for hyphens."""
        given = {name.replace("_", "-"): value for name, value in more.items()}
        if role is not None:
            token = self.issuer.token(subject=subject or f"a-{role}", roles=[role])
            given["Authorization"] = f"Bearer {token}"
        return given

    def get(self, path: str, role: str | None = None, headers: Mapping[str, str] | None = None) -> Any:
        return self.client.get(path, headers={**self.headers(role), **(headers or {})})

    def post(
        self, path: str, json: Any, role: str | None = "producer", key: str | None = None, **headers: str
    ) -> Any:
        given = self.headers(role, **headers)
        return self.client.post(path, json=json, headers={"Idempotency-Key": key or uuid4().hex, **given})

    def raw(self, content: Any, **headers: str) -> Any:
        """`POST /v1/ledgers` with these bytes."""
        given = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}
        given |= self.headers("producer", **headers)
        return self.client.post("/v1/ledgers", content=content, headers=given)

    def opened(self, owner: str = "owner", **more: Any) -> dict[str, Any]:
        answer = self.post("/v1/ledgers", {"owner": owner, **more})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def write(self, ledger: str, text: str, version: int, key: str | None = None) -> Any:
        return self.post(
            f"/v1/ledgers/{ledger}/lines", {"text": text}, "industry_officer", key, If_Match=f'"{version}"'
        )


@contextmanager
def ledger_service(
    url: str, clock: Clock | None = None, *, watched: bool = False, body_key: bytes = b"k" * 32
) -> Iterator[LedgerService]:
    """The service in this process on a fresh or used database."""
    issuer = TokenIssuer(
        "urn:test", OKPKey.generate_key("Ed25519", auto_kid=True), audience="urn:tizilim:ledger"
    )
    edge = Edge(
        TokenVerifier({issuer.issuer: issuer.public_keys()}, audiences=["urn:tizilim:ledger"]),
        clock or FixedClock(NOON),
        body_key,
        Rate(0, 1),
        lambda principal: hashlib.sha256(principal.encode()).hexdigest()[:32],
    )
    with ledger_journal(url, clock) as journal:
        app = ledger_app(journal, edge, watched=watched)
        with TestClient(app, raise_server_exceptions=False) as client:
            yield LedgerService(app, client, journal, issuer)


def main() -> None:
    """Serve until SIGINT or SIGTERM, as the real services do."""
    url, var = sys.argv[1:]
    settings = ServiceSettings(var=Path(var), database_url=url, _env_file=None)
    configure_logging("ledger")
    clock = legal_clock(settings)
    database = open_database("ledger", settings)
    database.open()
    journal = new_journal(database, clock)
    app = ledger_app(
        journal,
        edge_of("ledger", settings, clock, actor_ids(database)),
        lock=ServingLock(database),
        watched=True,
    )
    serve(app, settings, on_exit=[journal.signal.close])


if __name__ == "__main__":
    main()
