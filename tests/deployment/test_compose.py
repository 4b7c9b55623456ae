"""docker-compose.yml and the Dockerfile, judged as files: nothing here needs a container engine."""

from __future__ import annotations

import importlib.util
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from deploy.make_secrets import make_secrets

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVICES = ("register", "verification", "notifications")
APIS = SERVICES
SEALED = ("register", "verification")
SIGNER_FOLDER = "/var/lib/tizilim-signer"
WORKERS = tuple(f"{service}-worker" for service in SERVICES)
JOBS = ("privileges", *(f"migrate-{service}" for service in SERVICES))
# fmt: off
KNOWN_KEYS = frozenset({
    "build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "init",
    "logging", "networks", "ports", "read_only", "restart", "secrets", "security_opt", "shm_size",
    "stop_grace_period", "tmpfs", "user", "volumes",
})
# fmt: on


def without_the_signer(value: Any) -> Any:
    """A part of a container without what only the sealer has."""
    if isinstance(value, dict):
        return {name: kept for name, kept in value.items() if "_LOG_SIGN" not in name}
    if isinstance(value, list):
        return [kept for kept in value if "signer" not in kept and "_log_signing_key" not in kept]
    return value


def settings_class(service: str) -> type[BaseSettings]:
    """The one settings class of a service."""
    module = import_module(f"services.{service}.settings")
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == module.__name__
    ]
    assert len(classes) == 1, f"services.{service}.settings describes one settings class"
    return classes[0]


def known_settings(service: str) -> set[str]:
    """Every environment name that a service's settings class reads."""
    return {f"TIZILIM_{service}_{field}".upper() for field in settings_class(service).model_fields}


def test_there_is_a_database_an_api_a_worker_and_a_migration_job_for_each_service() -> None:
    assert set(CONTAINERS) == {"postgres", *APIS, *WORKERS, *JOBS}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_uses_only_keys_of_the_compose_specification(name: str) -> None:
    assert set(CONTAINERS[name]) <= KNOWN_KEYS


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_no_root_and_can_write_nowhere_but_in_its_volumes(name: str) -> None:
    container = CONTAINERS[name]
    user, group = container["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in container


@pytest.mark.parametrize("name", [*APIS, *WORKERS])
def test_a_running_process_is_healthy_when_its_service_is_ready(name: str) -> None:
    service = name.removesuffix("-worker")
    setting, host = ("WORKER_PORT", "127.0.0.1") if name in WORKERS else ("PORT", service)
    port = CONTAINERS[service]["environment"][f"TIZILIM_{service.upper()}_{setting}"]
    check = CONTAINERS[name]["healthcheck"]
    assert f"http://{host}:{port}/readyz" in " ".join(check["test"])
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


def test_the_database_is_healthy_only_once_its_roles_are_made() -> None:
    assert "127.0.0.1" in CONTAINERS["postgres"]["healthcheck"]["test"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_after_the_migrations_and_their_privileges(service: str) -> None:
    assert CONTAINERS["privileges"]["depends_on"][f"migrate-{service}"] == {
        "condition": "service_completed_successfully"
    }
    for name in (service, f"{service}-worker"):
        assert CONTAINERS[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "privileges": {"condition": "service_completed_successfully"},
        }


@pytest.mark.parametrize("service", SERVICES)
def test_an_api_and_its_worker_share_one_configuration(service: str) -> None:
    api, worker = CONTAINERS[service], CONTAINERS[f"{service}-worker"]
    assert api["command"] == ["python", "-m", f"services.{service}.main"]
    assert worker["command"] == ["python", "-m", f"services.{service}.worker"]
    for key in ("environment", "secrets", "volumes", "image"):
        assert without_the_signer(api[key]) == api[key], "an API knows nothing of the signing key"
        assert without_the_signer(worker[key]) == api[key]


@pytest.mark.parametrize("service", SEALED)
def test_only_the_sealing_worker_has_the_signing_key_and_the_signers_memory(service: str) -> None:
    for name, container in CONTAINERS.items():
        seals = name == f"{service}-worker"
        mounted = [volume.split(":") for volume in container.get("volumes", ())]
        assert (f"{service}_log_signing_key" in container.get("secrets", ())) is seals
        assert ([f"{service}-signer", SIGNER_FOLDER] in mounted) is seals
    environment = CONTAINERS[f"{service}-worker"]["environment"]
    assert environment[f"TIZILIM_{service.upper()}_LOG_SIGNER_FOLDER"] == SIGNER_FOLDER


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_password_stands_in_the_file(name: str) -> None:
    for setting, value in CONTAINERS[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|DATABASE_URL|_KEY(?!S)|ISSUERS", setting):
            assert str(value).startswith("/run/secrets/"), f"{setting} is not a secret file"
        assert "$" not in str(value), f"{setting} would come from whoever starts it"
    assert not re.search(r"://[^/\s]*:[^/\s]*@", TEXT)


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_secret_named_is_mounted_and_every_secret_mounted_is_defined(name: str) -> None:
    container = CONTAINERS[name]
    mounted = set(container.get("secrets", ()))
    named = {
        Path(value).name
        for value in container.get("environment", {}).values()
        if str(value).startswith("/run/secrets/")
    }
    assert named <= mounted <= set(COMPOSE["secrets"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_serving_process_never_sees_the_owner_of_its_schema_or_a_neighbours_secret(service: str) -> None:
    own = {name for name in CONTAINERS[service]["secrets"] if name != "trusted_issuers"}
    assert all(name.startswith(f"{service}_") for name in own)
    assert f"{service}_owner_database_url" not in own


def test_the_secret_files_are_the_ones_that_the_tool_makes(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "secrets", "postgres:5432")
    assert set(made) == set(COMPOSE["secrets"])
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} == set(made)
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def test_secrets_that_exist_are_never_made_again(tmp_path: Path) -> None:
    make_secrets(tmp_path, "postgres:5432")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert make_secrets(tmp_path, "postgres:5432") == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_secrets_differ_from_one_deployment_to_the_next(tmp_path: Path) -> None:
    for deployment in ("one", "two"):
        make_secrets(tmp_path / deployment, "postgres:5432")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() != (tmp_path / "two" / path.name).read_bytes()


def test_trusted_issuers_hold_no_private_key(tmp_path: Path) -> None:
    make_secrets(tmp_path, "postgres:5432")
    text = (tmp_path / "trusted_issuers").read_text()
    for service in SERVICES:
        assert yaml.safe_load((tmp_path / f"{service}_client_key").read_text())["d"] not in text


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_one_that_the_service_reads(service: str) -> None:
    if importlib.util.find_spec(f"services.{service}.settings") is None:
        pytest.fail(f"services/{service}/settings.py is missing")
    known = known_settings(service)
    for name in (service, f"{service}-worker", f"migrate-{service}"):
        assert set(CONTAINERS[name]["environment"]) <= known


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_would_start_with_its_settings_and_reach_its_neighbours(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In production mode, its secrets in place; a loopback address would be the container itself."""
    make_secrets(tmp_path, "postgres:5432")
    for name, value in CONTAINERS[service]["environment"].items():
        monkeypatch.setenv(name, str(value).replace("/run/secrets", str(tmp_path)))
    monkeypatch.chdir(tmp_path)  # where no .env of a developer lies
    settings = settings_class(service)()
    values = settings.model_dump()
    assert values["environment"] == "production"
    assert values["workers"] == "separate"
    neighbours = {name: url for name, url in values.items() if name in ("register_url", "verification_url")}
    assert neighbours
    for name, url in neighbours.items():
        neighbour = name.removesuffix("_url")
        port = CONTAINERS[neighbour]["environment"][f"TIZILIM_{neighbour.upper()}_PORT"]
        assert url == f"http://{neighbour}:{port}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_port_is_published_on_loopback_unless_said_otherwise(service: str) -> None:
    port = CONTAINERS[service]["environment"][f"TIZILIM_{service.upper()}_PORT"]
    assert CONTAINERS[service]["ports"] == [f"${{TIZILIM_LISTEN:-127.0.0.1}}:{port}:{port}"]


def test_the_database_is_reached_by_no_network_outside() -> None:
    assert "ports" not in CONTAINERS["postgres"]
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert CONTAINERS["postgres"]["networks"] == ["database"]


def test_every_network_and_volume_named_is_defined() -> None:
    for container in CONTAINERS.values():
        assert set(container["networks"]) <= set(COMPOSE["networks"])
        for volume in container.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_file(), source


def test_the_image_installs_by_hash_and_runs_as_no_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes -r requirements.lock" in dockerfile
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert not re.search(r"^(ADD|RUN .*curl)", dockerfile, re.MULTILINE)


def test_the_image_builder_is_sent_everything_the_dockerfile_copies_and_no_secret() -> None:
    sent = {
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == sent
    assert "deploy" not in sent
