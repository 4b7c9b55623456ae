"""Where tests keep their files: in memory if there is room, for they make and drop many small databases."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 6 * 1024**3


@contextmanager
def files_in_memory() -> Iterator[None]:
    """Make a folder in shared memory the one for temporary files, of child processes too.

    Nothing changes where TMPDIR says otherwise, where there is little memory, or where no program may be run
    from it, as a copy of PostgreSQL has to be.
    """
    if "TMPDIR" in os.environ or not is_suitable(SHARED_MEMORY):
        yield
        return
    folder = tempfile.mkdtemp(prefix="tizilim-tests-", dir=SHARED_MEMORY)
    Path(folder).chmod(0o711)  # the unprivileged user that PostgreSQL runs as passes through it
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    try:
        yield
    finally:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)


def is_suitable(place: Path) -> bool:
    """Whether a folder is there, has room and lets programs run."""
    if not os.access(place, os.W_OK):
        return False
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize >= ENOUGH_BYTES and not found.f_flag & os.ST_NOEXEC
