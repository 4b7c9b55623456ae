"""Settings are checked at start: production refuses what development lives on, and no value is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from services.kernel.database import Database
from services.kernel.settings import ServiceSettings, settings_or_exit

PASSWORD = "correct-horse"


def production(tmp_path: Path, **changes: Any) -> ServiceSettings:
    given: dict[str, Any] = {
        "environment": "production",
        "trusted_issuers": tmp_path / "issuers.json",
        "client_key": tmp_path / "client.jwk",
        "idempotency_secret_file": tmp_path / "secret",
        "personal_wrapping_key_file": tmp_path / "wrapping",
        "personal_keys_url": "sqlite:////keys/personal.db",
        "database_url": f"postgresql+psycopg://register:{PASSWORD}@db/register",
    }
    return ServiceSettings(_env_file=None, **given | changes)


class PrefixedSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TIZILIM_LEDGER_")

    folders: frozenset[str] = frozenset()


@pytest.mark.parametrize("name", ["ENVIROMENT", "environment_", "RATE_PER_SECONDS"])
def test_a_misspelt_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Else a production that meant to be one would trust development's keys without a word."""
    monkeypatch.setenv("TIZILIM_LEDGER_VAR", "/data")
    monkeypatch.setenv("TIZILIM_OTHER_ENVIROMENT", "production")
    assert PrefixedSettings(_env_file=None).var == Path("/data")
    monkeypatch.setenv(f"TIZILIM_LEDGER_{name}", PASSWORD)
    with pytest.raises(ValidationError, match=f"there is no setting TIZILIM_LEDGER_{name}") as refused:
        PrefixedSettings(_env_file=None)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RATE_BURST", "-17", "TIZILIM_LEDGER_RATE_BURST: Input should be greater than or equal to 1"),
        ("LOG_LEVEL", "LOUD17", "TIZILIM_LEDGER_LOG_LEVEL: Input should be 'DEBUG', 'INFO', "),
        ("NOTHING", "17", "there is no setting TIZILIM_LEDGER_NOTHING"),
        ("FOLDERS", "[17", 'error parsing value for field "folders" from source "EnvSettingsSource"'),
        ("ENVIRONMENT", "production", "production needs trusted_issuers, client_key, "),
    ],
)
def test_a_process_with_a_wrong_setting_ends_with_a_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"TIZILIM_LEDGER_{name}", value)
    with pytest.raises(SystemExit) as ended:
        settings_or_exit(PrefixedSettings)
    assert str(ended.value.code).startswith(told)
    assert "\n" not in str(ended.value.code)
    assert "17" not in str(ended.value.code)


def test_a_secret_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is looked into at once where production asks whether it names PostgreSQL."""
    monkeypatch.chdir(tmp_path)
    needed = ("TRUSTED_ISSUERS", "CLIENT_KEY", "IDEMPOTENCY_SECRET_FILE", "PERSONAL_WRAPPING_KEY_FILE")
    for name in (*needed, "PERSONAL_KEYS_URL_FILE", "DATABASE_URL_FILE"):
        monkeypatch.setenv(f"TIZILIM_LEDGER_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("TIZILIM_LEDGER_ENVIRONMENT", "production")
    with pytest.raises(SystemExit, match=r"No such file or directory: .*database_url_file"):
        settings_or_exit(PrefixedSettings)


def test_development_needs_nothing(tmp_path: Path) -> None:
    settings = ServiceSettings(var=tmp_path, _env_file=None)
    assert not settings.production
    assert settings.database("ledger") == f"sqlite:///{tmp_path}/ledger.db"


@pytest.mark.parametrize(
    "missing",
    [
        "trusted_issuers",
        "client_key",
        "idempotency_secret_file",
        "personal_wrapping_key_file",
        "personal_keys_url",
    ],
)
def test_production_names_what_is_missing_and_tells_no_value(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ValidationError, match=f"production needs {missing}") as refused:
        production(tmp_path, **{missing: None})
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("url", [None, "sqlite:////data/register.db", f"mysql://u:{PASSWORD}@db/x", ""])
def test_production_needs_postgresql(tmp_path: Path, url: str | None) -> None:
    with pytest.raises(ValidationError, match="production needs PostgreSQL") as refused:
        production(tmp_path, database_url=url)
    assert PASSWORD not in str(refused.value)


def test_the_keys_of_personal_values_stand_outside_the_database(tmp_path: Path) -> None:
    """Else every backup of the database would hold what it takes to read it."""
    url = f"postgresql+psycopg://register:{PASSWORD}@db/register"
    with pytest.raises(ValidationError, match="outside the database") as refused:
        production(tmp_path, personal_keys_url=url)
    assert PASSWORD not in str(refused.value)


def test_a_secret_file_goes_before_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg://x@db/y\n")
    assert production(tmp_path, database_url_file=file).database("ledger") == "postgresql+psycopg://x@db/y"
    file.write_text("sqlite:///x.db")
    with pytest.raises(ValidationError, match="production needs PostgreSQL"):
        production(tmp_path, database_url_file=file)


@pytest.mark.parametrize(
    ("name", "value"), [("port", 65_536), ("port", "x"), ("threads", 1), ("environment", "test")]
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        ServiceSettings(var=tmp_path, _env_file=None, **{name: value})  # type: ignore[arg-type]


def test_a_data_folder_has_any_name(tmp_path: Path) -> None:
    """What a URL would take for a query, a fragment or an escape is a part of the path."""
    var = tmp_path / "100%41? #1"
    var.mkdir()
    settings = ServiceSettings(var=var, _env_file=None)
    for service in ("register", "verification"):
        with closing(Database(settings.database(service))) as database, database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE one (it)")
    assert {file.name for file in var.glob("*.db")} == {"register.db", "verification.db"}
    assert str(var) in str(sa.make_url(settings.personal_keys("register")).database)
