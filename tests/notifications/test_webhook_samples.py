"""The consumers' samples judge the golden vectors, in every language whose toolchain is on this machine."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

GUIDE: Final = Path(__file__).parents[2] / "docs/webhooks"
SAMPLES: Final = GUIDE / "samples"
JUDGES: Final = Path(__file__).with_name("samples")
VECTORS: Final = json.loads((GUIDE / "vectors.json").read_text())["cases"]
SYMMETRIC: Final = [case for case in VECTORS if case["key"].startswith("whsec_")]
PROJECT: Final = """<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType>
<TargetFramework>net8.0</TargetFramework><RollForward>Major</RollForward><Nullable>enable</Nullable>
</PropertyGroup></Project>"""


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on this machine")
    return found


def lines(cases: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One webhook a line as the judges read it."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    for case in cases:
        texts = [case["key"], *(case["headers"].get(name, "") for name in names), case["body"]]
        fields = [base64.b64encode(text.encode()).decode() for text in texts]
        yield "\t".join([*fields, str(case["now"])])


def judged(command: Sequence[str], cases: Sequence[dict[str, Any]], folder: Path) -> dict[str, bool]:
    done = subprocess.run(
        command, input="\n".join(lines(cases)) + "\n", capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    names = [str(case["name"]) for case in cases]
    return dict(zip(names, [line == "true" for line in done.stdout.split()], strict=True))


def expected(cases: Sequence[dict[str, Any]]) -> dict[str, bool]:
    return {str(case["name"]): bool(case["valid"]) for case in cases}


def test_every_vector_has_a_name_of_its_own() -> None:
    assert len(expected(VECTORS)) == len(VECTORS)


def test_python(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile((SAMPLES / "verify.py").read_text(), "verify.py", "exec"), names)
    found = {
        str(case["name"]): names["verify"](case["key"], case["headers"], case["body"].encode(), case["now"])
        for case in VECTORS
    }
    assert found == expected(VECTORS)


def test_javascript(tmp_path: Path) -> None:
    command = [needs("node"), str(JUDGES / "judge.mjs"), str(SAMPLES / "verify.mjs")]
    assert judged(command, VECTORS, tmp_path) == expected(VECTORS)


def test_java(tmp_path: Path) -> None:
    sources = [str(SAMPLES / "WebhookVerifier.java"), str(JUDGES / "Judge.java")]
    subprocess.run([needs("javac"), "-d", str(tmp_path), *sources], check=True)
    assert judged([needs("java"), "-cp", str(tmp_path), "Judge"], VECTORS, tmp_path) == expected(VECTORS)


def test_go(tmp_path: Path) -> None:
    program = needs("go")
    for source in (SAMPLES / "verify.go", JUDGES / "judge.go"):
        shutil.copy(source, tmp_path)
    command = [program, "run", "verify.go", "judge.go"]
    assert judged(command, VECTORS, tmp_path) == expected(VECTORS)


def test_csharp(tmp_path: Path) -> None:
    """The sample verifies `v1` alone: .NET's class library has no Ed25519."""
    program = needs("dotnet")
    for source in (SAMPLES / "WebhookVerifier.cs", JUDGES / "Judge.cs"):
        shutil.copy(source, tmp_path)
    (tmp_path / "judge.csproj").write_text(PROJECT)
    command = [program, "run", "--project", str(tmp_path)]
    assert judged(command, SYMMETRIC, tmp_path) == expected(SYMMETRIC)


def test_csharp_on_mono(tmp_path: Path) -> None:
    program, made = needs("mcs"), str(tmp_path / "judge.exe")
    sources = [str(SAMPLES / "WebhookVerifier.cs"), str(JUDGES / "Judge.cs")]
    subprocess.run([program, "-warnaserror", f"-out:{made}", *sources], check=True)
    assert judged([needs("mono"), made], SYMMETRIC, tmp_path) == expected(SYMMETRIC)
