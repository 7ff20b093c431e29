"""Runs the blocks of one page in order, as a reader would: in one folder, with one shell environment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree

from tests.docs.pages import Block
from tests.e2e.commands import python_path
from tests.servers.postgres import PostgresServer

FILES = Path(__file__).with_name("files")
SECONDS = 240
BASH = "/bin/bash"
STATE = ".shell-state"

# Plain DuckDB finds its extensions in the wheels, where a reader's DuckDB downloads them.
PLAIN_DUCKDB = """
import sys, duckdb, duckdb_extensions
con = duckdb.connect()
for name in ("ducklake", "sqlite_scanner", "postgres_scanner", "httpfs"):
    duckdb_extensions.import_extension(name, con=con)
last = None
for statement in con.extract_statements(sys.argv[1]):
    last = con.sql(statement.query)
if last is not None:
    print(last)
"""


@dataclass
class Session:
    """The folder, the environment and the servers of one page.

    Args:
        folder: an empty folder; our own billing files are put there.
        environment: variables that the page's servers need.
        replacements: what stands for the servers in the page, and what they are called here.
        postgres: the server that `run: psql` talks to, in the database `database`.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    replacements: Mapping[str, str] = field(default_factory=dict)
    postgres: PostgresServer | None = None
    database: str = ""
    _duckdb: str = ""

    def __post_init__(self) -> None:
        copytree(FILES, self.folder, dirs_exist_ok=True)
        (self.folder / ".venv").symlink_to(sys.prefix)
        (self.folder / "home").mkdir()

    def run(self, block: Block) -> str:
        """Run a block and return its standard output. Fails the test when it ends otherwise than the page says."""
        code = self._replaced(block.code)
        if block.language == "bash":
            return self._bash(block, code)
        if block.language == "python":
            # A reader's own Python has pandas perhaps, and nothing that is there for the sake of the tests.
            return self._checked(block, [sys.executable, "-c", code], PYTHONPATH=python_path(as_shipped=True))
        runner = block.words.get("run", "billstream")
        if runner == "psql":
            assert self.postgres
            return self.postgres.execute(code, self.database)
        if runner == "duckdb":
            self._duckdb += code
            return self._checked(block, [sys.executable, "-P", "-c", PLAIN_DUCKDB, self._duckdb])
        return self._bash(block, 'billstream sql "$QUERY"', QUERY=code.strip().rstrip(";"))

    def _replaced(self, code: str) -> str:
        for placeholder, real in self.replacements.items():
            code = code.replace(placeholder, real)
        return code

    def _bash(self, block: Block, code: str, **extra: str) -> str:
        """Run shell commands; variables that they export are there for the next block."""
        if "stopped at" in block.words:
            return self._stopped(block, code)
        restore = f"if [ -f {STATE} ]; then . ./{STATE}; fi"
        script = f"set -e -o pipefail\n{restore}\n{code}\nunset QUERY\nexport -p > {self.folder / STATE}\n"
        return self._checked(block, [BASH, "-c", script], **extra)

    def _checked(self, block: Block, command: list[str], **extra: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._env() | extra,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        expected = int(block.words.get("exit", "0"))
        said = f"{block.place}\n{block.code}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert done.returncode == expected, said
        return done.stdout

    def _stopped(self, block: Block, code: str) -> str:
        """Run one command until it has logged what the page says, then end it as an operator would."""
        restore = f"if [ -f {STATE} ]; then . ./{STATE}; fi"
        log = self.folder / "stopped.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [BASH, "-c", f"{restore}\nexec {code}"], cwd=self.folder, env=self._env(), stderr=stderr
            )
        deadline = time.monotonic() + SECONDS
        while block.words["stopped at"] not in log.read_text():
            assert process.poll() is None, f"{block.place} ended by itself:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"{block.place}: nothing was logged in time:\n{log.read_text()}"
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SECONDS) == 0, f"{block.place}\n{log.read_text()}"
        return ""

    def _env(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": python_path(),
            "HOME": str(self.folder / "home"),
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "BILLSTREAM_POLL_SECONDS": "1",
            "BILLSTREAM_BATCH_SECONDS": "0.5",
            **self.environment,
        }
