"""An erasure whose keys were not destroyed before the loss is done once more, as docs/operations.md says."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
import uvicorn

from services.cli import main
from services.kernel.identity.tokens import development_issuer
from services.register.contract.erasures import PersonalDataErased
from services.register.main import create_app
from services.register.schema import INDIVIDUALS, VAULT
from services.register.settings import RegisterSettings
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application
from services.verification.contract import erasures
from services.verification.contract.events import VERIFICATION_EVENTS
from tests.register.desk import open_desk
from tests.register.given import IIN

SECTION = (
    (Path(__file__).parents[2] / "docs" / "operations.md")
    .read_text()
    .partition("### Erasing once more after a loss\n")[2]
    .partition("\n## ")[0]
)


@contextmanager
def served(url: str, var: Path) -> Iterator[str]:
    """The register over HTTP; its address."""
    settings = RegisterSettings(
        var=var, database_url=url, verification_url="http://127.0.0.1:9", _env_file=None
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_what_the_guide_tells_officers_to_do_erases_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    url = f"sqlite:///{tmp_path / 'register.db'}"
    with open_desk(url) as desk:
        application = desk.file(IIN, "Жоба")
        producer_id = application.filed.producer.producer_id
        withdrawal = WithdrawApplication(application_id=application.id, by=IIN)
        withdraw_application(desk.journal, withdrawal, desk.act("producer"))
        keys = {row["key_id"] for row in desk.rows(VAULT.table)}
        assert main(["backup", "register", str(tmp_path / "copy")]) == 0
        with monkeypatch.context() as dying:
            dying.setattr(VAULT, "destroy_doomed", lambda _database: 0)
            desk.erase(UUID(producer_id))
    for file in tmp_path.glob("register.db*"):
        file.unlink()
    assert main(["restore", str(tmp_path / "copy")]) == 0
    assert "erased again" not in capsys.readouterr().out

    (shell,) = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
    issuer = development_issuer(tmp_path)
    officers = {name: issuer.token(subject=name, roles=["industry_officer"]) for name in ("ONE", "OTHER")}
    with served(url, tmp_path) as register:
        ended = subprocess.run(
            ["sh", "-eu", "-c", shell],
            env={**os.environ, **officers, "REGISTER": register, "PRODUCER_ID": producer_id},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    assert '"erased_on":"' in ended.stdout.splitlines()[-1]
    with open_desk(url) as desk:
        last = desk.events()[-1]
        assert isinstance(last, PersonalDataErased)
        assert (last.producer_id, last.reason) == (producer_id, "purpose_reached")
        assert producer_id not in {row["subject_id"] for row in desk.rows(VAULT.table)}
        assert desk.rows(INDIVIDUALS) == []
        assert desk.journal.database.personal is not None
        assert desk.journal.database.personal.destroyed(keys) == keys


def test_the_guide_names_the_fact_by_which_erasures_are_found() -> None:
    assert VERIFICATION_EVENTS.name_of(erasures.PersonalDataErased) in SECTION
