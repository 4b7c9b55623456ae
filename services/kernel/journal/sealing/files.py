"""Files that are whole or not there, and on the disk before anything rests on them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_durably(path: Path, raw: bytes) -> None:
    """Replace a file so that after a crash it holds either the old bytes or the new ones, never a part."""
    _place(path, raw)
    settle(path.parent)


def write_all_durably(folder: Path, files: Mapping[str, bytes]) -> None:
    """The same for several files below a folder; their folders are flushed once."""
    touched: set[Path] = set()
    for name, raw in files.items():
        path = folder / name
        missing = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        touched.update(parent.parent for parent in missing)
        touched.add(path.parent)
        _place(path, raw)
    for each in touched:
        settle(each)


def read_if_there(path: Path) -> bytes | None:
    """A file's bytes, or None when there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _place(path: Path, raw: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    with draft.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def settle(path: Path) -> None:
    """Have what was written to a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
