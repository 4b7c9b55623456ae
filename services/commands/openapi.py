"""`tizilim openapi`: write or check every generated document: OpenAPI, event schemas, problem pages."""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from services.commands.registry import SERVICES, application_of, settings_of
from services.kernel.http.application import problem_page
from services.kernel.journal.events import Envelope, EventRegistry

ROOT: Final = Path(__file__).resolve().parents[2]
PUBLISHERS: Final = ("register", "verification")


def documents() -> dict[Path, str]:
    """Every generated document by its path in the project."""
    found: dict[Path, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for service in SERVICES:
            app = application_of(service, settings_of(service, var=Path(folder), _env_file=None))
            found[Path("openapi") / f"{service}.yaml"] = yaml.safe_dump(
                app.openapi(), allow_unicode=True, sort_keys=False, width=110
            )
            for code in app.state.catalogue.types:
                found[Path("docs/problems") / f"{code}.md"] = problem_page(app.state.catalogue, code)
    for service in PUBLISHERS:
        for registry in vars(import_module(f"services.{service}.contract.events")).values():
            if isinstance(registry, EventRegistry):
                found.update(_schemas(registry))
    found[Path("openapi/rule-set.json")] = _rule_set_schema()
    return found


def _rule_set_schema() -> str:
    """The JSON Schema of rule files and drafts, from the type that reads them."""
    from services.verification.domain.rule_sets import RuleSet

    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "/openapi/rule-set.json",
        **msgspec.json.schema(RuleSet),
    }
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _schemas(registry: EventRegistry) -> dict[Path, str]:
    """JSON Schemas of the published events, where `dataschema` points; former versions' as they were."""
    schemas: dict[Path, str] = {}
    for former in set(registry.readable()) - registry.classes().keys():
        path = Path("openapi/events") / f"{former}.json"
        schemas[path] = (ROOT / path).read_text()
    for name, kind in registry.classes().items():
        schema: dict[str, Any] = msgspec.json.schema(Envelope[kind])  # type: ignore[valid-type]  # built at run time
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"/openapi/events/{name}.json",
            **schema,
        }
        text = json.dumps(schema, ensure_ascii=False, indent=2)
        schemas[Path("openapi/events") / f"{name}.json"] = text + "\n"
    return schemas


def write() -> int:
    """Write all documents; returns how many changed. Pages of problems that no longer exist go."""
    wanted = documents()
    changed = 0
    for path, text in wanted.items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text() != text:
            target.write_text(text)
            changed += 1
    for path in _present() - wanted.keys():
        (ROOT / path).unlink()
        changed += 1
    return changed


def check() -> list[str]:
    """The documents that differ from what the code says; empty when none."""
    wanted = documents()
    stale = [str(path) for path, text in wanted.items() if not _same(ROOT / path, text)]
    return stale + [f"{path} (no longer generated)" for path in sorted(_present() - wanted.keys())]


def _same(target: Path, text: str) -> bool:
    return target.exists() and target.read_text() == text


def _present() -> set[Path]:
    patterns = ("openapi/*.yaml", "openapi/*.json", "openapi/events/*.json", "docs/problems/*.md")
    return {file.relative_to(ROOT) for pattern in patterns for file in ROOT.glob(pattern)}
