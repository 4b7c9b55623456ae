"""The lock files: everything named is pinned with hashes, and no address of anywhere is in them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)


def locked(name: str) -> dict[str, Version]:
    """Distribution to version, as a lock file has it."""
    found = PINNED.findall((ROOT / name).read_text())
    return {canonicalize_name(package): Version(version) for package, version in found}


def wanted(*groups: str) -> list[Requirement]:
    """The project's own requirements, and those of dependency groups."""
    texts: list[str] = list(PROJECT["project"]["dependencies"])
    for group in groups:
        texts += [entry for entry in PROJECT["dependency-groups"][group] if isinstance(entry, str)]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("requirements.lock", ("build",)),
        ("requirements-dev.lock", ("build", "test", "check", "lock")),
    ],
)
def test_a_lock_holds_every_requirement_within_its_range(lock: str, groups: tuple[str, ...]) -> None:
    versions = locked(lock)
    for requirement in wanted(*groups):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement.name


def test_both_locks_agree() -> None:
    runtime, everything = locked("requirements.lock"), locked("requirements-dev.lock")
    assert runtime.items() <= everything.items()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_a_hash_for_every_pin_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in entry or entry.startswith("#"), entry.splitlines()[0]
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_every_direct_requirement_is_bounded_and_says_why() -> None:
    for requirement in wanted("build", "test", "check", "lock"):
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators in ({"~="}, {">=", "<"}), requirement.name
    for line in (ROOT / "pyproject.toml").read_text().splitlines():
        if re.match(r'  "[A-Za-z0-9\[\]_-]+(~=|>=)', line):
            assert re.search(r'",\s+# \S', line), line


def test_the_build_backend_is_the_locked_one() -> None:
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
