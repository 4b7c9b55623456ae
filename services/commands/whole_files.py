"""Files that get their name once they are whole: a killed command leaves none that looks like one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.kernel.journal.sealing.files import settle


@contextmanager
def named_when_whole(to: Path) -> Iterator[Path]:
    """Where to write; what is there gets the name `to` once all went well, and goes otherwise.

    Raises `FileExistsError`, also when a file of that name came meanwhile.
    """
    if to.exists():
        raise FileExistsError(f"{to} exists already")
    unfinished = to.with_name(f"{to.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        settle(unfinished)
        _name(unfinished, to)
    finally:
        for beside in ("", "-journal", "-wal", "-shm"):
            unfinished.with_name(f"{unfinished.name}{beside}").unlink(missing_ok=True)


def _name(unfinished: Path, to: Path) -> None:
    """Where a file system knows no second name of a file, as on a stick, it is renamed."""
    try:
        os.link(unfinished, to)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        if to.exists():
            raise FileExistsError(f"{to} exists already") from None
        unfinished.rename(to)
