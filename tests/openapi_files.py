"""The OpenAPI files as tests read them: each once, for the Python loader takes a second for one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def openapi_of(service: str) -> dict[str, Any]:
    """What the file of a service says; not to be changed."""
    text = (Path(__file__).parents[1] / "openapi" / f"{service}.yaml").read_text()
    document: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return document
